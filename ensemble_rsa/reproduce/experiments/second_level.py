"""Figs 3 and S2 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): RDMs compared by RDMs.

Fig. 3 shows the distances between the RDMs of all layers and instances. The paper finds that in
late layers the layers of one instance resemble each other more than one layer of different
instances does (Fig. S2). Similarity in S2 is the shared variance r², as in consistency (ours).
"""

from functools import partial

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.consistency import second_level_distances
from ensemble_rsa.analysis.mds import mds
from ensemble_rsa.figures.paper.profiles import draw_layer_similarity
from ensemble_rsa.figures.second_level import draw_second_level
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.pipeline.results import summary
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_finding
from ensemble_rsa.reproduce.measures import Terms, attributes, interval_of
from ensemble_rsa.reproduce.workspace import Workspace, rdms

_AXES = ("layer", "instance", "layer_b", "instance_b")

Distances = Float[np.ndarray, "layer instance layer instance"]


def measure(work: Workspace) -> xr.Dataset:
    """Distances between all RDMs, their embedding, and similarities within and between instances.

    Similarities are `similarity_by_distance (origin, layer_distance)`, means over layers, and
    `similarity_of_neighbours (course, layer_pair)`: a layer and the next of one instance, of two
    instances, and the same layer of two instances.
    """
    statistics = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    n_layers, n_instances = shape = (stack.sizes["layer"], stack.sizes["instance"])
    square = second_level_distances(stack.exemplar.values.reshape(n_layers * n_instances, -1))
    plane = mds(square[pair_indices(len(square))], seed=statistics.seed)
    distances = square.reshape(shape * 2)

    by_distance = np.stack([shared_variance(distances, k).mean(0) for k in range(1, n_layers)])
    same = np.diagonal(by_distance, axis1=-2, axis2=-1)
    origins = [Terms.of_same(same), Terms.of_different(by_distance)]
    one_instance, *two_instances = neighbours(distances)
    courses = [Terms.of_same(one_instance), *map(Terms.of_different, two_instances)]
    found = [
        interval_of(Terms(*map(np.stack, zip(*rows, strict=True))), statistics)
        for rows in (origins, courses)
    ]
    embedding = plane.embedding.reshape(*shape, -1)
    return xr.Dataset(
        {
            "second_level_distance": (_AXES, distances),
            "second_level_embedding": (("layer", "instance", "component"), embedding),
            "second_level_stress": ((), float(plane.stress)),
            **summary("similarity_by_distance", ("origin", "layer_distance"), found[0]),
            **summary("similarity_of_neighbours", ("course", "layer_pair"), found[1]),
        },
        coords={
            **{name: stack[name] for name in ("layer", "instance", "seed")},
            "layer_b": stack.layer.values,
            "instance_b": stack.instance.values,
        },
        attrs=attributes(stack, statistics),
    )


def shared_variance(
    distances: Distances, apart: int
) -> Float[np.ndarray, "layer_pair instance other_instance"]:
    """r² between every layer and the one `apart` layers deeper, from distances 1 − r."""
    n_layers = len(distances)
    pairs = [distances[k, :, k + apart, :] for k in range(n_layers - apart)]
    return (1 - np.stack(pairs)) ** 2


def neighbours(distances: Distances) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarities of successive layers: of one instance, of two, and of the same layer of two.

    The first is `(layer_pair, instance)`, the others `(layer_pair, instance, other_instance)`; the
    last is the mean of the two layers.
    """
    next_layer = shared_variance(distances, 1)
    same_layer = shared_variance(distances, 0)
    one_instance = np.diagonal(next_layer, axis1=-2, axis2=-1)
    return one_instance, next_layer, (same_layer[:-1] + same_layer[1:]) / 2


def findings(result: xr.Dataset) -> list[Finding]:
    """How distance between instances changes with depth; late layers of one are similar."""
    distances = result.second_level_distance.transpose(*_AXES).values
    first, second = pair_indices(result.sizes["instance"])
    names = [str(name) for name in result.layer.values]
    early, late = (distances[place, :, place, :][first, second] for place in (0, -1))
    one_instance, next_layer, same_layer = (part[-1] for part in neighbours(distances))
    layers = f"{names[-2]} and {names[-1]}"
    effect = partial(mean_finding, result, effect=True)
    return [
        mean_finding(
            result,
            "fig3",
            f"{names[-1]} minus {names[0]} distance (1 − r) between instances",
            xr.DataArray(late - early, dims="instance_pair"),
            note="the same effect as the fall of consistency (r²) with depth, judged in Fig. 4",
        ),
        effect(
            "s2",
            f"{layers}: similarity within minus between instances",
            Terms(one_instance, -next_layer),
        ),
        effect(
            "s2",
            f"{layers} of one instance minus the same layer of two",
            Terms(one_instance, -same_layer),
            note="the same layer: mean of the two layers; r²",
        ),
    ]


def _stress(result: xr.Dataset) -> dict[str, float]:
    return {"stress": float(result.second_level_stress)}


_PICTURES = {
    "fig3": Picture(draw_second_level, _stress),
    "s2": Picture(draw_layer_similarity),
}
EXPERIMENT = Experiment("second_level", ("all_cnn_c",), measure, findings, _PICTURES, revision=2)
