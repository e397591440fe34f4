"""Fig. 3 and S2: how RDMs of different layers and instances resemble each other.

The paper says that in late layers the layers of one instance resemble each other more than one
layer of different instances does. S2's similarity is the shared variance r², as in consistency (our
choice), so that between instances at layer distance 0 it is consistency.
"""

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.mds import mds
from ensemble_rsa.analysis.second_level import second_level_distances
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.figures.paper.layer_similarity import draw_layer_similarity
from ensemble_rsa.figures.second_level import draw_second_level
from ensemble_rsa.figures.wording import percent
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.reproduce.experiment import (
    Experiment,
    Finding,
    Picture,
    as_finding,
    over_instances,
)
from ensemble_rsa.reproduce.matched import Matched, bootstrap_matched
from ensemble_rsa.reproduce.measures import attributes, settings_of
from ensemble_rsa.reproduce.workspace import Workspace, rdms

_AXES = ("layer", "instance", "layer_b", "instance_b")


def measure(work: Workspace) -> xr.Dataset:
    """Distances between all RDMs, their picture, and similarities within and between instances."""
    settings = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    shape = (stack.sizes["layer"], stack.sizes["instance"])
    square = second_level_distances(stack.exemplar.values.reshape(shape[0] * shape[1], -1))
    plane = mds(square[pair_indices(len(square))], seed=settings.seed)
    distances = square.reshape(shape * 2)
    return xr.Dataset(
        {
            "second_level_distance": (_AXES, distances),
            "second_level_embedding": (
                ("layer", "instance", "component"),
                plane.embedding.reshape(*shape, -1),
            ),
            "second_level_stress": ((), float(plane.stress)),
            **_by_layer_distance(distances, settings),
            **_by_neighbours(distances, settings),
        },
        coords={
            **{name: stack[name] for name in ("layer", "instance", "seed")},
            "layer_b": stack.layer.values,
            "instance_b": stack.instance.values,
        },
        attrs=attributes(stack, settings),
    )


def shared_variance(
    distances: Float[np.ndarray, "layer instance layer instance"], apart: int
) -> Float[np.ndarray, "layer_pair instance other_instance"]:
    """r² between a layer of one instance and the layer `apart` deeper of one, for all layers.

    Args:
        distances: 1 − r between RDMs.
        apart: layer distance, from 0.

    Returns:
        Its diagonal is of one instance, the rest of two.
    """
    n_layers = len(distances)
    pairs = [distances[k, :, k + apart, :] for k in range(n_layers - apart)]
    return (1 - np.stack(pairs)) ** 2


def neighbours(
    distances: Float[np.ndarray, "layer instance layer instance"], settings: StatisticsConfig
) -> tuple[Matched, Matched]:
    """Every layer and the next: of one instance, of two; and of one against one layer of two.

    Returns:
        Two comparisons along pairs of neighbouring layers. `same` of both is the similarity of the
        two layers of one instance. `different` is that of the two layers of two instances in the
        first; in the second it is that of the same layer of two instances, the mean of both layers.
    """
    next_layer = shared_variance(distances, 1)
    same_layer = shared_variance(distances, 0)
    of_one = np.diagonal(next_layer, axis1=-2, axis2=-1)
    either = (same_layer[:-1] + same_layer[1:]) / 2
    return (
        bootstrap_matched(of_one, next_layer, settings),
        bootstrap_matched(of_one, either, settings),
    )


def _by_layer_distance(distances: np.ndarray, settings: StatisticsConfig) -> dict:
    """Means over layers at every layer distance, `(origin, layer_distance)` with intervals."""
    found = []
    for apart in range(1, len(distances)):
        similarity = shared_variance(distances, apart).mean(0)
        found.append(bootstrap_matched(np.diagonal(similarity), similarity, settings))
    within, between = [one.same for one in found], [one.different for one in found]
    return {
        f"similarity_by_distance_{part}": (
            ("origin", "layer_distance"),
            np.array([[getattr(one, part) for one in row] for row in (within, between)]),
        )
        for part in ("mean", "low", "high")
    }


def _by_neighbours(distances: np.ndarray, settings: StatisticsConfig) -> dict:
    """Next layer of the same instance and of another, same layer of another, by depth."""
    next_layer, same_layer = neighbours(distances, settings)
    rows: list[Bootstrap] = [next_layer.same, next_layer.different, same_layer.different]
    return {
        f"similarity_of_neighbours_{part}": (
            ("course", "layer_pair"),
            np.stack([getattr(one, part) for one in rows]),
        )
        for part in ("mean", "low", "high")
    }


def findings(result: xr.Dataset) -> list[Finding]:
    """That instances move apart with depth, and that late layers of one instance stay together."""
    settings = settings_of(result)
    distances = result.second_level_distance.transpose(*_AXES).values
    first, second = pair_indices(result.sizes["instance"])
    names = [str(name) for name in result.layer.values]
    apart = [distances[place, :, place, :][first, second] for place in (0, -1)]
    next_layer, same_layer = neighbours(distances, settings)
    late = f"{names[-2]} and {names[-1]}"
    return [
        over_instances(
            "fig3",
            f"{names[-1]} minus {names[0]} distance (1 − r) between instances",
            apart[1] - apart[0],
            settings,
            effect=True,
        ),
        as_finding(
            "s2",
            f"{late}: similarity within minus between instances",
            _last(next_layer.difference),
            effect=True,
        ),
        as_finding(
            "s2",
            f"{late} of one instance minus the same layer of two",
            _last(same_layer.difference),
            effect=True,
            note="the same layer: mean of the two layers; r²",
        ),
    ]


def _last(found: Bootstrap) -> Bootstrap:
    """Of the last pair of layers."""
    mean, low, high = (np.asarray(part[-1]) for part in (found.mean, found.low, found.high))
    return Bootstrap(mean, low, high, found.samples[-1], found.dropped)


def caption_matrix(result: xr.Dataset) -> str:
    """What Fig. 3 shows."""
    n = result.sizes["layer"] * result.sizes["instance"]
    return (
        f"(a) Distance 1 − r (Pearson) between any two of {n} RDMs, one for each layer of each "
        "instance of All-CNN-C (correlation distance), ordered by layer and within it by "
        "instance. (b) Metric multidimensional scaling of (a): one point per RDM, the layers of an "
        f"instance joined by a grey line; stress {float(result.second_level_stress):.2f}."
    )


def caption_similarity(result: xr.Dataset) -> str:
    """What S2 shows."""
    return (
        "Shared variance (r²) between RDMs of two layers; that r² is taken, and how layers are put "
        "together, is ours. (a) Layers of one instance, and of two different ones, by how many "
        "layers apart they are: mean over all such pairs of layers. (b) By depth: a layer and the "
        "next of one instance; the same of two instances; and one and the same layer of two "
        "instances, the mean of the two layers named, which is their consistency. Bars: "
        f"{percent(result)} % bootstrap intervals over the {result.sizes['instance']} instances."
    )


EXPERIMENT = Experiment(
    "second_level",
    ("all_cnn_c",),
    measure,
    findings,
    {
        "fig3": Picture(
            "Individual differences emerge with depth", draw_second_level, caption_matrix
        ),
        "s2": Picture(
            "Similarity of layers within and between instances",
            draw_layer_similarity,
            caption_similarity,
        ),
    },
)
