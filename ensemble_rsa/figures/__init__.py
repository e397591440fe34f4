"""Figures and the report: the only folder that imports matplotlib and Jinja2."""
