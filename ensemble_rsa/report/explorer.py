"""What the explorer of a report shows: layouts, neighbours, RDMs and thumbnails, small enough.

A page holds about 2 MB of them, so large runs are reduced: it shows the first instances, a choice
of stimuli that is balanced over categories, and RDMs of fewer stimuli still. Nearest neighbours and
consistency are those of the RDMs themselves, not of the layout. Numbers are rounded to so many bits
and packed by zlib; `script/explorer.js` unpacks them.
"""

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int, Shaped, UInt8
from scipy.cluster.hierarchy import average, leaves_list
from scipy.spatial.distance import squareform

from ensemble_rsa.analysis.alignment import align
from ensemble_rsa.analysis.layouts import layouts
from ensemble_rsa.analysis.stimulus_consistency import FEWEST, rows_compared
from ensemble_rsa.arrays import check_labels, stimuli_of_pairs
from ensemble_rsa.data.balance import balanced_indices, rank_in_category
from ensemble_rsa.figures.style import category_style
from ensemble_rsa.figures.wording import DISTANCE_NAMES, has_seeds
from ensemble_rsa.interop.labelled import pair_positions
from ensemble_rsa.report.explorer_thumbnails import encoded, sheet

# Ours, for about 2 MB; the first two are reached by 10 instances of 9 layers.
_PLACES = 100_000  # of stimuli in layouts, of all layers and instances together
_DISTANCES = 450_000  # of all RDMs together
_INSTANCES, _STIMULI, _IN_RDM = 10, 1000, 200  # at most
_NEIGHBOURS = 5
_LEVELS = 1023  # of a coordinate, which takes 10 bits
_UNDEFINED = 65_535  # a consistency that is not defined


@dataclass(frozen=True)
class Explored:
    """What an explorer is made of.

    Attributes:
        rdms: as `extract` or `load_rdms` returns them.
        thumbnails: of the stimuli, in their order; None where there are no images.
        earlier: RDMs of the same networks in training, `exemplar (epoch, layer, instance,
            stimulus_pair)`, of some of the stimuli; None where there are none.
    """

    rdms: xr.Dataset
    thumbnails: UInt8[np.ndarray, "stimulus side side channel"] | None
    earlier: xr.Dataset | None = None


@dataclass(frozen=True)
class Explorer:
    """An explorer for a page: `data` for its script, and `words`, values for its template."""

    data: dict[str, Any]
    words: dict[str, Any]


def make_explorer(explored: Explored, results: xr.Dataset) -> Explorer | None:
    """Return the explorer of a run; None for RDMs that are not of layers and instances.

    There is none for fewer than four stimuli either.
    """
    rdms = explored.rdms
    if set(rdms.exemplar.dims) != {"layer", "instance", "stimulus_pair"}:
        return None
    rdms, earlier = rdms.transpose("layer", "instance", ...), explored.earlier
    every = rdms.exemplar.values
    n_layers, n_instances, n_pairs = every.shape
    n_stimuli = stimuli_of_pairs("rdms", n_pairs)
    if n_stimuli < FEWEST:
        return None
    codes, names = _categories(rdms, n_stimuli)
    n_shown = min(n_instances, _INSTANCES)
    each = n_layers * n_shown
    if earlier is None:
        chosen = _balanced(codes, min(_STIMULI, max(FEWEST, _PLACES // each)))
        trained = _of_stimuli(every[:, :n_shown], chosen, n_stimuli)
        states, compared = trained, every
        epochs = [""]
    else:
        chosen = np.flatnonzero(np.isin(rdms.stimulus.values, earlier.stimulus.values))
        compared = np.concatenate([*earlier.exemplar.values, _of_stimuli(every, chosen, n_stimuli)])
        states = compared[:, :n_shown]
        trained = states[-n_layers:]
        epochs = [*(f"after epoch {epoch}" for epoch in earlier.epoch.values), "at the end"]
    # n (n − 1) / 2 distances of each RDM
    in_rdm = _balanced(codes[chosen], min(_IN_RDM, math.isqrt(2 * _DISTANCES // each)))
    thumbnails = explored.thumbnails
    data = {
        "layers": [str(name) for name in rdms.layer.values],
        "instances": _instances(rdms, results)[:n_shown],
        "stimuli": _ids(rdms, chosen),
        "categories": [{"name": str(name), **category_style(i)} for i, name in enumerate(names)],
        "category": packed(codes[chosen]),
        "distance": DISTANCE_NAMES.get(rdms.attrs.get("distance", ""), "distance"),
        "epochs": epochs,
        **_layout(states, n_layers),
        "nearest": min(_NEIGHBOURS, len(chosen) - 1),
        "neighbours": packed(_neighbours(states)),
        "consistency": _consistency(compared, chosen) if n_instances > 1 else None,
        "rdms": _matrices(_of_stimuli(trained, in_rdm, len(chosen)), in_rdm),
        "thumbnails": None if thumbnails is None else _sprite(thumbnails[chosen]),
    }
    words = {
        "layers": data["layers"],
        "instances": data["instances"],
        "n_instances": n_instances,
        "n_stimuli": n_stimuli,
        "n_chosen": len(chosen),
        "n_compared": n_stimuli if earlier is None else len(chosen),
        "n_in_rdm": len(in_rdm),
        "epochs": epochs,
        "nearest": data["nearest"],
        "n_categories": len(names),
        "has_consistency": n_instances > 1,
        "has_thumbnails": thumbnails is not None,
    }
    return Explorer(data, words)


def packed(values: Int[np.ndarray, "..."]) -> str:
    """Return numbers from 0 to 65,535 as base64 of zlib: their low bytes, then their high ones.

    >>> zlib.decompress(base64.b64decode(packed(np.array([1, 258])))).hex(" ")
    '01 02 00 01'
    """
    flat = values.reshape(-1).astype("<u2")
    both = np.concatenate([flat & 255, flat >> 8]).astype(np.uint8)
    return base64.b64encode(zlib.compress(both.tobytes(), 9)).decode("ascii")


def _categories(rdms: xr.Dataset, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The category number of each stimulus, and the names; one without a name if there are none."""
    if "category" not in rdms.coords:
        return np.zeros(n, np.int64), np.array([""])
    return check_labels("category", rdms.category.values, n)


def _balanced(codes: Int[np.ndarray, " stimulus"], n: int) -> Int[np.ndarray, " chosen"]:
    """The first stimuli of each category, about `n` in all, as many of each if they have them.

    With fewer places than categories: the first one each of categories that are evenly spaced.
    """
    present, codes = np.unique(codes, return_inverse=True)
    n_categories = len(present)
    if n < n_categories:
        some = np.linspace(0, n_categories - 1, n).round().astype(np.int64)
        return np.flatnonzero(np.isin(codes, some) & (rank_in_category(codes) == 0))
    if n < len(codes):
        n -= n % n_categories
    return balanced_indices("stimuli", codes, n_categories, min(n, len(codes)))


def _of_stimuli(
    rdms: Float[np.ndarray, "layer instance stimulus_pair"],
    chosen: Int[np.ndarray, " chosen"],
    n_stimuli: int,
) -> Float[np.ndarray, "layer instance chosen_pair"]:
    return rdms if len(chosen) == n_stimuli else rdms[..., pair_positions(chosen, n_stimuli)]


def _ids(rdms: xr.Dataset, chosen: Int[np.ndarray, " chosen"]) -> list[str]:
    if "stimulus" not in rdms.coords:
        return [str(i) for i in chosen]
    return [str(one) for one in rdms.stimulus.values[chosen]]


def _instances(rdms: xr.Dataset, results: xr.Dataset) -> list[str]:
    """Names of instances, with seeds if these say more."""
    numbers = rdms.instance.values.tolist()
    seeds = results.seed.sel(instance=numbers).values.tolist() if has_seeds(results) else numbers
    return [
        f"Instance {number}" + ("" if seeds == numbers else f", seed {seed}")
        for number, seed in zip(numbers, seeds, strict=True)
    ]


def _layout(
    rdms: Float[np.ndarray, "state instance stimulus_pair"], n_layers: int
) -> dict[str, Any]:
    """Coordinates from −1 to 1 in each state, and both kinds of stress.

    States are the layers at each epoch; earlier epochs are aligned to the last.
    """
    found = layouts(rdms)
    by_epoch = found.embedding.reshape(-1, n_layers, *found.embedding.shape[1:])
    earlier = [align(epoch, by_epoch[-1]) for epoch in by_epoch[:-1]]
    embedding = np.concatenate([*earlier, by_epoch[-1]])
    reach = np.abs(embedding).max((2, 3), keepdims=True)
    step = max(1.0, float(found.pointwise_stress.max())) / 255  # rarely above 1
    return {
        "places": packed(np.rint((embedding / reach + 1) / 2 * _LEVELS).astype(np.int64)),
        "levels": _LEVELS,
        "stress": found.stress.round(3),
        "pointwise": packed(np.rint(found.pointwise_stress / step).astype(np.int64)),
        "pointwise_step": step,
    }


def _neighbours(
    rdms: Float[np.ndarray, "layer instance stimulus_pair"],
) -> Int[np.ndarray, "layer instance stimulus neighbour"]:
    """The nearest stimuli of each one, nearest first."""
    found = []
    for rdm in rdms.reshape(-1, rdms.shape[-1]):
        square = squareform(rdm)
        np.fill_diagonal(square, np.inf)
        n = min(_NEIGHBOURS, len(square) - 1)
        nearest = np.sort(np.argpartition(square, n - 1, axis=1)[:, :n], axis=1)
        order = np.argsort(np.take_along_axis(square, nearest, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(nearest, order, 1))
    return np.reshape(found, (*rdms.shape[:-1], *found[0].shape))


def _consistency(
    rdms: Float[np.ndarray, "state instance stimulus_pair"], chosen: Int[np.ndarray, " chosen"]
) -> str:
    """Consistency of the chosen stimuli, of all or of those in the RDMs, in 16 bits."""
    n = stimuli_of_pairs("rdms", rdms.shape[-1])
    values = rows_compared(rdms, n)
    values = values if n == len(chosen) else values[:, chosen]
    rounded = np.rint(np.clip(values, 0, 1) * (_UNDEFINED - 1))
    return packed(np.where(np.isnan(values), _UNDEFINED, rounded).astype(np.int64))


def _matrices(
    rdms: Float[np.ndarray, "layer instance stimulus_pair"], stimuli: Int[np.ndarray, " stimulus"]
) -> dict[str, Any]:
    """RDMs in 256 levels, from the smallest to the largest distance, and their order by clustering.

    The last order of each layer is that of the mean of its instances' RDMs.
    """
    low, high = rdms.min(-1, keepdims=True), rdms.max(-1, keepdims=True)
    spread = np.where(high > low, high - low, 1)
    with_mean = np.concatenate([rdms, rdms.mean(1, keepdims=True)], 1)
    order = [leaves_list(average(rdm)) for layer in with_mean for rdm in layer]
    return {
        "stimuli": stimuli,
        "distances": packed(np.rint((rdms - low) / spread * 255).astype(np.int64)),
        "low": low[..., 0].astype(float).round(5),
        "high": high[..., 0].astype(float).round(5),
        "order": packed(np.array(order, np.int64)),
    }


def _sprite(thumbnails: Shaped[np.ndarray, "stimulus side side channel"]) -> dict[str, Any]:
    kind, content = encoded(sheet(thumbnails))
    return {
        "image": f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}",
        "side": thumbnails.shape[1],
    }
