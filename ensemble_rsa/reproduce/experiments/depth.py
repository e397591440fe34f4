"""Figs 4 to 6 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): consistency by layer.

Fig. 4: All-CNN-C and All-CNN-7 by correlation distance. Fig. 5: the same networks by four other
distances. Fig. 6: AlexNet on large images.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from math import comb

import numpy as np
import xarray as xr

from ensemble_rsa.figures.paper.profiles import draw_depth, draw_distances
from ensemble_rsa.figures.wording import DISTANCE_NAMES, MODEL_NAMES
from ensemble_rsa.pipeline.extract import dataset_of
from ensemble_rsa.reproduce.experiment import RANGE, Experiment, Finding, Picture, mean_finding
from ensemble_rsa.reproduce.measures import consistency_by
from ensemble_rsa.reproduce.paper import SURROGATE
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms

ALL_CNNS = ("all_cnn_c", "all_cnn_7")
DISTANCES = ("cosine", "euclidean", "unit_euclidean", "norm_difference")


def measure_profiles(work: Workspace, names: Sequence[str], distances: Sequence[str]) -> xr.Dataset:
    """Consistency of every layer of several ensembles, each of another model, by every distance.

    The pairs of an ensemble are those of instances that can be compared by every distance;
    attribute `NAME_seeds` holds their seeds.
    """
    profiles = {}
    for name in names:
        stacks = [rdms(work, name, distance=distance) for distance in distances]
        profile = consistency_by({"distance": distances}, stacks, work.scale.analysis.statistics)
        profiles[name] = profile.assign(surrogate=profile.attrs["surrogate"])
    seeds = {f"{name}_seeds": profile.attrs["seeds"] for name, profile in profiles.items()}
    return side_by_side(profiles).assign_attrs(seeds, distance=", ".join(distances))


def side_by_side(profiles: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Profiles of several networks along `network`; NaN where one has no such layer or pair.

    Attributes are those of the first.
    """
    layers = dict.fromkeys(name for profile in profiles.values() for name in profile.layer.values)
    n_pairs = max(profile.sizes["instance_pair"] for profile in profiles.values())
    same_shape = [
        profile.assign_coords(instance_pair=range(profile.sizes["instance_pair"]))
        .reindex(layer=list(layers), instance_pair=range(n_pairs))
        .assign(n_compared=len(profile.attrs["seeds"]))
        for profile in profiles.values()
    ]
    networks = xr.DataArray(list(profiles), dims="network", name="network")
    return xr.concat(
        same_shape, networks, data_vars="all", join="exact", combine_attrs="override"
    ).drop_vars("instance_pair")


def of_network(result: xr.Dataset, network: str) -> xr.Dataset:
    """What `side_by_side` was given for this network."""
    chosen = result.sel(network=network)
    for axis in ("layer", "instance_pair"):
        chosen = chosen.dropna(axis, how="all", subset=["consistency"])
    return chosen


def layer_difference(
    result: xr.Dataset, figure: str, network: str, distance: str, more: str = "", less: str = ""
) -> Finding:
    """One layer's consistency minus that of another; by default, the first minus the last."""
    pairs = of_network(result, network).consistency.sel(distance=distance)
    more, less = more or str(pairs.layer.values[0]), less or str(pairs.layer.values[-1])
    by = "" if result.sizes["distance"] == 1 else f", {DISTANCE_NAMES[distance]}"
    quantity = f"{more} minus {less} consistency{by}, {MODEL_NAMES[network]}"
    note = SURROGATE if result.surrogate.sel(network=network) else ""
    difference = pairs.sel(layer=more) - pairs.sel(layer=less)
    return mean_finding(result, figure, quantity, difference, effect=True, note=note)


def last_layer(result: xr.Dataset, network: str, distance: str = "correlation") -> xr.DataArray:
    """Consistency of the last layer, `(instance_pair,)`."""
    return of_network(result, network).consistency.sel(distance=distance).isel(layer=-1)


def compared(result: xr.Dataset) -> dict[str, object]:
    """How many instances of each network were compared, and whether one is a surrogate."""
    counts = dict(zip(result.network.values.tolist(), result.n_compared.values, strict=True))
    return {"compared": counts, "surrogate": bool(result.surrogate.any())}


def measure_depth(work: Workspace) -> xr.Dataset:
    """Consistency of every layer by correlation distance, and every network's accuracy."""
    runs = [networks(work, name) for name in ALL_CNNS]
    accuracies = {
        f"{split}_accuracy": (("network", "instance"), np.stack([r.accuracy[split] for r in runs]))
        for split in ("train", "test")
    }
    return measure_profiles(work, ALL_CNNS, ["correlation"]).assign(
        accuracies
        | {
            "unconverged": ("network", [len(run.flagged) for run in runs]),
            "replaced": ("network", [len(run.replaced) for run in runs]),
        }
    )


def findings_depth(result: xr.Dataset) -> list[Finding]:
    """Counts, accuracies as ranges, the last layer's consistency, and the fall to it."""
    n_instances, n_stimuli = int(result.n_compared[0]), int(result.attrs["n_stimuli"])
    counts = {
        "instances": n_instances,
        "pairs of instances": comb(n_instances, 2),
        "stimuli": n_stimuli,
        "distances in an RDM": comb(n_stimuli, 2),
    }
    accuracies, consistencies, falls = [], [], []
    for name in ALL_CNNS:
        model, of = MODEL_NAMES[name], result.sel(network=name)
        counts[f"instances kept though they did not converge, {model}"] = int(of.unconverged)
        counts[f"instances replaced since they did not converge, {model}"] = int(of.replaced)
        accuracies += [_accuracy(of, split, model) for split in ("test", "train")]
        quantity, values = f"last-layer consistency, {model}", last_layer(result, name)
        consistencies.append(
            mean_finding(result, "fig4", quantity, values, scale="shared_variance")
        )
        falls.append(layer_difference(result, "fig4", name, "correlation"))
    found = []
    for quantity, count in counts.items():
        note = "the paper does not mention any" if "replaced" in quantity else ""
        found.append(Finding("fig4", quantity, float(count), note=note))
    return [*found, *accuracies, *consistencies, *falls]


def _accuracy(of: xr.Dataset, split: str, model: str) -> Finding:
    """Mean and range of the accuracy of a network's instances; the note names each."""
    values, name = of[f"{split}_accuracy"].values, {"train": "training"}.get(split, split)
    note = f"ours: mean and range of {values.size} instances"
    if split == "train":
        note += f": {', '.join(f'{value:.3f}' for value in values)}"
    mean, low, high = map(float, (values.mean(), values.min(), values.max()))
    quantity = f"{name} accuracy, {model}"
    return Finding("fig4", quantity, mean, low, high, note=note, interval=RANGE)


def findings_distances(result: xr.Dataset) -> list[Finding]:
    """The last layer's consistency by Euclidean distance, and the fall by each distance."""
    quantity = "last-layer Euclidean consistency, All-CNN-C"
    values = last_layer(result, "all_cnn_c", "euclidean")
    both = product(DISTANCES, ALL_CNNS)
    falls = [layer_difference(result, "fig5", name, distance) for distance, name in both]
    number = mean_finding(result, "fig5", quantity, values, scale="shared_variance")
    return [number, *falls]


def findings_alexnet(result: xr.Dataset) -> list[Finding]:
    """The paper's least consistent layer, fc6, and the rise from it to the penultimate one."""
    fc6, fc7 = (result.consistency.isel(network=0, distance=0).sel(layer=f"fc{i}") for i in (6, 7))
    number = partial(mean_finding, result, "fig6", scale="shared_variance")
    share = float(result.largest_share)
    return [
        mean_finding(
            result, "fig6", "test accuracy minus share of the largest category, AlexNet",
            result.test_accuracy[0] - share,
            note=f"the largest of the categories has {share:.3f} of the test images",
        ),
        number("fc6 consistency, AlexNet", fc6),
        number("penultimate-layer consistency, AlexNet", fc7),
        *(
            layer_difference(result, "fig6", "alexnet", "correlation", more, "fc6")
            for more in ("conv1", "fc7")
        ),
    ]  # fmt: skip


def measure_distances(work: Workspace) -> xr.Dataset:
    """Consistency of every layer by four distances."""
    return measure_profiles(work, ALL_CNNS, DISTANCES)


def measure_alexnet(work: Workspace) -> xr.Dataset:
    """Consistency of every layer of AlexNet by correlation distance, and its accuracy."""
    run = networks(work, "alexnet")
    labels = dataset_of(run).test_labels
    return measure_profiles(work, ("alexnet",), ["correlation"]).assign(
        test_accuracy=(("network", "instance"), run.accuracy["test"][None]),
        largest_share=float(np.bincount(labels).max() / len(labels)),
    )


_AS_LINES = {"fig4": Picture(draw_depth, compared)}
_AS_PANELS = {"fig5": Picture(draw_distances, compared)}
FIG4 = Experiment("depth", ALL_CNNS, measure_depth, findings_depth, _AS_LINES, revision=4)
FIG5 = Experiment(
    "distances", ALL_CNNS, measure_distances, findings_distances, _AS_PANELS, revision=2
)
_ALEXNET = {"fig6": Picture(draw_depth, compared)}
FIG6 = Experiment("alexnet", ("alexnet",), measure_alexnet, findings_alexnet, _ALEXNET, revision=3)
