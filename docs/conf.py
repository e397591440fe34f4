"""Sphinx configuration; `sphinx-build -W -b html docs docs/_build` builds the site."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from gallery import SETTINGS as sphinx_gallery_conf  # noqa: E402, F401

import ensemble_rsa  # noqa: E402

project = "ensemble_rsa"
author = "The ensemble_rsa developers"
copyright = author
release = version = ensemble_rsa.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "command_line",
    "ledger",
    "notebooks",
    "ours",
    "public_names",
]
exclude_patterns = [
    "_build",
    "_ext",
    "_templates",
    "gallery",
    "jupyter_execute",
    "auto_gallery/**.ipynb",
    "**sg_execution_times.rst",
]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # settings of the gallery hold functions

# Pages are Markdown, notebooks have stored outputs: nothing is trained while the site is built.
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True

# A reference that leads nowhere is an error, except types of signatures, which are other packages'.
nitpicky = True
nitpick_ignore_regex = [("py:(class|data|exc)", ".*")]

# Docstrings are Google style; `name` in them is a link if it is a public name, else code.
smartquotes_action = "D"  # dashes only; flags are code
default_role = "public"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Warns", "Warns"), ("Attributes", "params_style")]
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = True
autosummary_imported_members = False
add_module_names = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

html_theme = "pydata_sphinx_theme"
html_title = "ensemble_rsa"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "github_url": "https://github.com/ensemble-rsa/ensemble_rsa",
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_align": "left",
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "start/index": ["sidebar-nav-bs"]}
copybutton_exclude = ".linenos, .gp"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
