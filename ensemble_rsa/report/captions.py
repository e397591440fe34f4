"""Captions of figures: a template each, whose first line is the title and whose rest is the text.

`templates/captions/` holds those of the analysis report, `templates/paper/` those of the
reproduction.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import xarray as xr

from ensemble_rsa.figures.wording import distance_name, instances_phrase, percent
from ensemble_rsa.report.rendering import ENVIRONMENT


class Caption(NamedTuple):
    """Title and text of a figure."""

    title: str
    text: str


def render(name: str, **values: Any) -> Caption:
    """Return the caption of a figure.

    Args:
        name: path of the template below `templates/`, without `.j2`, such as `paper/fig4`.
        values: plain values; a name that the template uses and that is missing is an error.

    >>> render("paper/s7", n_pairs=3, level="95").title
    'Cocktail-blank normalisation'
    """
    filled = ENVIRONMENT.get_template(f"{name}.j2").render(values).strip()
    title, _, text = filled.partition("\n")
    return Caption(title, " ".join(text.split()))


def caption(name: str, results: xr.Dataset, history: xr.Dataset | None) -> tuple[str, str]:
    """Title and text for the figure of this name; a figure unknown here is titled by its name.

    >>> caption("rotation_test", xr.Dataset(coords={"instance": [0, 1]}), None)
    ('Rotation test', '2 instances.')
    """
    title, text = _CAPTIONS.get(name, (name.replace("_", " ").capitalize(), None))
    words = [text(results)] if text else []
    if name == "training" and history is not None:
        words = [_training(history)]
    return title, " ".join([*words, setting(results)])


def setting(results: xr.Dataset) -> str:
    """Networks, seeds, data, scale, stimuli and distance, as one line.

    >>> setting(xr.Dataset(coords={"instance": [0, 1]}, attrs={"n_stimuli": 60}))
    '2 instances; 60 stimuli.'
    """
    n_stimuli = results.attrs.get("n_stimuli", results.sizes.get("stimulus"))
    n_categories = int(results.attrs.get("n_categories", 0))
    stimuli = f"{n_stimuli} stimuli" if n_stimuli else ""
    if stimuli and n_categories > 1:
        stimuli = f"{stimuli} of {n_categories} categories"
    parts = [
        instances_phrase(results),
        str(results.attrs.get("dataset", "")),
        str(results.attrs.get("scale", "")),
        stimuli,
        distance_name(results) if "distance" in results.attrs else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def _geometry(results: xr.Dataset) -> str:
    shown = " and ".join(str(int(number)) for number in results.shown.values)
    categories = "; colour and shape give its category"
    if int(results.attrs.get("n_categories", 1)) < 2:
        categories = ""
    return (
        "Each panel is a metric multidimensional scaling of the stimuli in one layer of one "
        f"instance (here {shown}); stress is the root of Σ(δ − d)² / Σδ² over all pairs, 0 for a "
        "perfect picture. The bar gives the scale of its panel in units of the distance. Panels "
        "are turned and mirrored, never stretched, to fit the layer before, and the first layers "
        f"each other; directions mean nothing else. One mark per stimulus{categories}."
    )


def _second_level(results: xr.Dataset) -> str:
    n = results.sizes["layer"] * results.sizes["instance"]
    return (
        f"(a) Distance 1 − r (Pearson) between any two of the {n} RDMs, one for each layer of each "
        "instance, ordered by layer and within it by instance. (b) Metric multidimensional scaling "
        "of (a): one point per RDM, the layers of an instance joined by a grey line; stress "
        f"{float(results.second_level_stress):.2f}."
    )


def _intervals(results: xr.Dataset) -> str:
    n_pairs = results.sizes["instance_pair"]
    if n_pairs == 1:
        return "There is one pair of instances, hence no interval."
    resamples = results.attrs.get("n_resamples")
    times = f" ({int(resamples):,} resamples)" if resamples else ""
    return (
        f"Broad pale bars: {percent(results)} % bootstrap intervals{times} over the {n_pairs} "
        "pairs, as the captions of the paper suggest; thin capped bars: over the "
        f"{results.sizes['instance']} instances."
    )


def _consistency(results: xr.Dataset) -> str:
    return (
        "Shared variance (r²) between the RDMs of two instances, over all pairs of stimuli. Grey "
        f"dots: the {results.sizes['instance_pair']} pairs of instances; line and markers: their "
        f"mean. {_intervals(results)}"
    )


def _category_consistency(results: xr.Dataset) -> str:
    texts = {
        "exemplar": "exemplar-based, from all pairs of stimuli",
        "centroid": "centroid-based, from distances between the mean patterns of the categories",
        "within_category": "within-category, from pairs of stimuli of one category",
    }
    kinds = "; ".join(texts[str(kind)] for kind in results.kind.values)
    return (
        f"Shared variance (r²) of RDMs: {kinds}. Means over pairs of instances. "
        f"{_intervals(results)}"
    )


def _clustering(results: xr.Dataset) -> str:
    return (
        "Category clustering index, (across − within) / (across + within) of the mean distances "
        "between stimuli of different categories and of one category: 0 without clusters, at most "
        f"1. Grey: single instances; black: mean with its {percent(results)} % bootstrap interval "
        "over instances."
    )


def _training(history: xr.Dataset) -> str:
    return (
        f"{history.sizes['instance']} trained instances, {history.sizes['epoch']} epochs. Loss and "
        "training accuracy are running means over an epoch, while the weights change; test "
        "accuracy is taken at the end of an epoch. The black line is the mean of the instances "
        "that are not set apart; no intervals are drawn. Analysed:"
    )


_CAPTIONS: dict[str, tuple[str, Callable[[xr.Dataset], str] | None]] = {
    "geometry": ("Representational geometry at different depths", _geometry),
    "second_level": ("Layers and instances compared", _second_level),
    "consistency": ("Representational consistency by layer", _consistency),
    "category_consistency": (
        "Exemplars, category centroids and within-category distances",
        _category_consistency,
    ),
    "clustering": ("Category clustering by layer", _clustering),
    "training": ("Training of every instance", None),
}
