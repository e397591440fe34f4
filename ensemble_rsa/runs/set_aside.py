"""Instances set aside, as variables of a data set that `xarray.open_dataset` reads.

An instance is *excluded* if it cannot be compared with others, *replaced* if another seed was
trained in its place, and *flagged* if it was kept although it did not converge. The variables of a
kind are present if there is such an instance: `KIND_seed` and `KIND_reason`, both over the
dimension `KIND_instance`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import xarray as xr

Kind = Literal["excluded", "replaced", "flagged"]
NAMES = ("instance", "seed", "reason")


def set_aside(dataset: xr.Dataset, kind: Kind) -> list[dict[str, Any]]:
    """Return `instance`, `seed` and `reason` of each instance of that kind.

    >>> found = with_set_aside(xr.Dataset(), "flagged", [{"instance": 1, "seed": 7, "reason": "?"}])
    >>> set_aside(found, "flagged"), set_aside(found, "excluded")
    ([{'instance': 1, 'seed': 7, 'reason': '?'}], [])
    """
    present = [name for name in NAMES if f"{kind}_{name}" in dataset.variables]
    columns = [dataset[f"{kind}_{name}"].values.tolist() for name in present]
    return [dict(zip(present, row, strict=True)) for row in zip(*columns, strict=True)]


def with_set_aside(
    dataset: xr.Dataset, kind: Kind, entries: Sequence[Mapping[str, Any]]
) -> xr.Dataset:
    """Return the data set with the variables of these instances, if there are any."""
    names = {f"{kind}_{name}": [entry[name] for entry in entries] for name in NAMES if entries}
    return dataset.assign({name: (f"{kind}_instance", values) for name, values in names.items()})
