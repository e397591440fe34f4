"""Exchange with other packages' objects and files."""
