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

    An instance that did not converge and cannot be compared was not kept: it is excluded, for both
    reasons, and not flagged.

    >>> found = with_set_aside(xr.Dataset(), "flagged", [{"instance": 1, "seed": 7, "reason": "?"}])
    >>> set_aside(found, "flagged"), set_aside(found, "excluded")
    ([{'instance': 1, 'seed': 7, 'reason': '?'}], [])
    """
    found = _recorded(dataset, kind)
    if kind == "replaced":
        return found
    other = _recorded(dataset, "excluded" if kind == "flagged" else "flagged")
    reasons = {_identity(entry): entry["reason"] for entry in other}
    if kind == "flagged":
        return [entry for entry in found if _identity(entry) not in reasons]
    return [
        entry | {"reason": "; ".join([reasons[_identity(entry)], entry["reason"]])}
        if _identity(entry) in reasons
        else entry
        for entry in found
    ]


def n_failed(dataset: xr.Dataset) -> int:
    """How many of the instances that did not converge are excluded."""
    return len(_recorded(dataset, "flagged")) - len(set_aside(dataset, "flagged"))


def _recorded(dataset: xr.Dataset, kind: Kind) -> list[dict[str, Any]]:
    present = [name for name in NAMES if f"{kind}_{name}" in dataset.variables]
    columns = [dataset[f"{kind}_{name}"].values.tolist() for name in present]
    return [dict(zip(present, row, strict=True)) for row in zip(*columns, strict=True)]


def _identity(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Of the seeds that were tried in an instance's place, each is another network."""
    return entry["instance"], entry["seed"]


def with_set_aside(
    dataset: xr.Dataset, kind: Kind, entries: Sequence[Mapping[str, Any]]
) -> xr.Dataset:
    """Return the data set with the variables of these instances, if there are any."""
    names = {f"{kind}_{name}": [entry[name] for entry in entries] for name in NAMES if entries}
    return dataset.assign({name: (f"{kind}_instance", values) for name, values in names.items()})
