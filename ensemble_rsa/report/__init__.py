"""Reports: HTML pages, tables, captions and sentences."""
