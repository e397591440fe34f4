"""Captions of figures: one template per figure, title in the first line and then the text.

`templates/captions/` holds those of the analysis report, `templates/paper/` those of the
reproduction.
"""

from typing import Any, NamedTuple

from ensemble_rsa.report.rendering import ENVIRONMENT


class Caption(NamedTuple):
    """Title and text of a figure."""

    title: str
    text: str


def render(name: str, **values: Any) -> Caption:
    """Return the caption of a figure from a template such as `paper/fig4`, as in `render_text`.

    >>> render("paper/s7", n_pairs=3, level="95").title
    'Cocktail-blank normalisation'
    """
    filled = ENVIRONMENT.get_template(f"{name}.j2").render(values).strip()
    title, _, text = filled.partition("\n")
    return Caption(title, " ".join(text.split()))
