"""The Jinja environment of captions, sentences and pages, with the filters that write numbers.

Text templates (`*.j2`) are not escaped; pages (`*.html.j2`) escape everything that they are given.
A page must therefore get text as a value and never import or include a text template.
"""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ensemble_rsa.figures import wording

ENVIRONMENT = Environment(
    loader=PackageLoader("ensemble_rsa.report"),
    autoescape=select_autoescape(["html.j2"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "accuracy_range": wording.accuracy_range,
    "bounds": wording.bounds,
    "capitalize_first": wording.capitalize,
    "compact": wording.compact,
    "enumeration": wording.enumeration,
    "distance_name": lambda distance: wording.DISTANCE_NAMES.get(distance, distance),
    "interval": wording.interval,
    "kind_name": wording.KIND_NAMES.__getitem__,
    "model_name": lambda model: wording.MODEL_NAMES.get(model, model),
    "moment": wording.moment,
    "number": wording.number,
    "p_value": wording.p_value,
    "paper_figure": wording.paper_figure,
    "percentage": wording.percentage,
    "ranges": wording.as_ranges,
    "signed": wording.signed,
}


def render_text(template: str, **values: Any) -> str:
    """Return a text template filled in with plain values, its lines joined to one.

    The template is a path below `templates/`, without `.j2`. A name that it uses and that is
    missing is an error.
    """
    return " ".join(ENVIRONMENT.get_template(f"{template}.j2").render(values).split())
