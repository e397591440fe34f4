"""Decisions that are ours: where the paper is silent, or where this run departs from it."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from ensemble_rsa.figures.wording import is_surrogate, model_name

_ALWAYS = {
    "Intervals": (
        "The paper does not say what was resampled, how often, or how bounds were taken. We give "
        "percentile intervals over instance pairs, which its captions suggest, and beside them "
        "intervals over instances."
    ),
    "Constant patterns": (
        "A pattern without variance (all zero, for cosine) has no correlation with any other. We "
        "set its distance to 1 and count such patterns."
    ),
    "Second level": "RDMs are compared by 1 − r, with r the Pearson correlation.",
    "Scaling": (
        "The paper names metric stress as the criterion of its multidimensional scaling. We "
        "minimise it by SMACOF from several starts and keep the best."
    ),
}
_WITHIN_CATEGORY = {
    "pooled": (
        "The distances of all categories are pooled in one correlation; the mean of one "
        "correlation per category is the other reading."
    ),
    "per_category": (
        "One correlation per category, and the mean of them; all categories pooled in one is the "
        "other reading, and the default."
    ),
}
_OWN_NETWORKS = {
    "Stimuli": (
        "Which test images the paper used is not known. Unless the settings ask for a seeded draw, "
        "these are the first images of each category in the data set's own order."
    ),
    "Training": (
        "The recipe is put together from the paper's results and from public code of others, not "
        "from its Methods. The rule by which an instance counts as converged is ours."
    ),
}


def our_choices(results: xr.Dataset, config: Mapping[str, Any]) -> dict[str, str]:
    """Topic and text of each decision that a reader must not take for the paper's.

    Args:
        results: what `analyze` returns; its kinds and attributes decide which texts apply.
        config: the settings of the run, nested; empty for activations from elsewhere.

    >>> list(our_choices(xr.Dataset(coords={"kind": ["exemplar"]}), {}))
    ['Intervals', 'Constant patterns', 'Second level', 'Scaling']
    """
    choices = {}
    if is_surrogate(results):
        choices["Network"] = (
            f"{model_name(results)}: the layers of the paper's network are not known to us. This "
            "one stands in for it and must not be reported as that network."
        )
    choices |= _ALWAYS
    if "within_category" in results.kind.values:
        reading = str(results.attrs.get("within_category", "pooled"))
        choices["Within-category consistency"] = _WITHIN_CATEGORY[reading]
    if results.attrs.get("model"):
        choices |= _OWN_NETWORKS
    if scale := results.attrs.get("scale"):
        choices["Scale"] = (
            f"This run: {scale}. The paper trained All-CNN-C at full width for 350 epochs on "
            "50,000 images."
        )
    if switched := _switched(config):
        choices["Switches"] = (
            f"Where the paper leaves it open, this run departs from the proposed default: "
            f"{'; '.join(switched)}."
        )
    preprocessing = (config.get("data") or {}).get("preprocessing", "gcn_zca")
    if preprocessing != "gcn_zca":
        choices["Preprocessing"] = (
            f"Images were prepared by {preprocessing!r}; the paper most probably used global "
            "contrast normalisation and ZCA whitening."
        )
    return choices


def _switched(config: Mapping[str, Any]) -> list[str]:
    """What the paper leaves open and this run has otherwise than proposed."""
    model, training = config.get("model") or {}, config.get("training") or {}
    analysis = config.get("analysis") or {}
    dropout = model.get("dropout_after", "strided")
    found = {
        "the class maps have no ReLU": not model.get("last_relu", True),
        "the last 3 × 3 layer is padded": not model.get("valid_padding", True),
        f"dropout acts after: {dropout.replace('_', ' ')} layers": dropout != "strided",
        "biases are left out of the L2 penalty": not training.get("l2_biases", True),
        "stimuli share one dropout mask": analysis.get("one_mask", False),
    }
    return [words for words, applies in found.items() if applies]
