"""Time, memory and error of what this package does, beside the tools people use now."""
