"""Shares of variance of initial weights and of another seed, where a sweep has crossed them."""

from typing import Any

import xarray as xr

from ensemble_rsa.analysis.crossed import crossed_variance_components, is_crossed

FACTORS = {
    "order_seed": "data order",
    "augmentation_seed": "augmentation",
    "dropout_seed": "dropout",
}


def crossed_seeds(rdms: xr.Dataset, exemplar: Any) -> xr.Dataset | None:
    """Return `seed_variance`, `_share` and `_clipped` `(component, layer)`; None if not crossed.

    `exemplar` are the RDMs `(layer, instance, stimulus_pair)`. They need the coordinates `seed` and
    one of `FACTORS` on the instance axis, and each combination of the two once: with an instance
    that was excluded or replaced there are none.
    """
    swept = [name for name in FACTORS if name in rdms.coords]
    if len(swept) != 1 or "seed" not in rdms.coords:
        return None
    factors = {"initial weights": rdms.seed.values, FACTORS[swept[0]]: rdms[swept[0]].values}
    if not is_crossed(factors):
        return None
    found = crossed_variance_components(exemplar, factors)
    dims = ("component", "layer")
    return xr.Dataset(
        {
            "seed_variance": (dims, found.value),
            "seed_variance_share": (dims, found.share),
            "seed_variance_clipped": (dims, found.clipped),
        },
        coords={"component": list(found.names), "layer": rdms.layer.values},
    ).rename(component="seed_component")
