"""Reports: HTML pages, captions and sentences from templates; the only package using Jinja2."""
