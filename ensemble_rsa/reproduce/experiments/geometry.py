"""Fig. 2 and S1: how stimuli lie in each layer of two instances, and how true the picture is."""

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.clustering import category_clustering_index
from ensemble_rsa.figures.geometry import draw_geometry
from ensemble_rsa.figures.paper.pointwise_stress import draw_pointwise_stress
from ensemble_rsa.pipeline.results import embed_stimuli
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_of_instances
from ensemble_rsa.reproduce.measures import attributes, settings_of
from ensemble_rsa.reproduce.workspace import Workspace, rdms


def measure(work: Workspace) -> xr.Dataset:
    """Pictures of every layer of the first two instances, and how clustered all instances are."""
    settings = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    index = np.asarray(category_clustering_index(stack.exemplar.values, stack.category.values))
    return (
        embed_stimuli(stack, settings)
        .assign(category_clustering_index=(("layer", "instance"), index))
        .assign_coords({name: stack[name] for name in ("layer", "seed", "stimulus", "category")})
        .assign_attrs(attributes(stack, settings))
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """That categories come apart with depth, and the stress of the pictures."""
    index = result.category_clustering_index
    first, last = (str(result.layer.values[place]) for place in (0, -1))
    stress, pointwise = result.embedding_stress.values, result.embedding_pointwise_stress.values
    return [
        mean_of_instances(
            "fig2",
            f"{last} minus {first} category clustering index",
            (index.isel(layer=-1) - index.isel(layer=0)).values,
            settings_of(result),
            effect=True,
            note="the paper judges by eye here",
        ),
        Finding(
            "s1",
            "stress, mean over panels",
            float(stress.mean()),
            note=f"from {stress.min():.2f} to {stress.max():.2f}",
        ),
        Finding("s1", "pointwise stress, largest of all stimuli", float(pointwise.max())),
    ]


def caption_geometry(result: xr.Dataset) -> str:
    """What Fig. 2 shows."""
    return (
        f"{_method(result)} One mark per stimulus; colour and shape give its category. The bar is "
        "the scale of its panel in units of correlation distance. Each panel is turned and "
        "mirrored, never stretched, to fit the layer before it, and the first layers of the "
        "instances each other, so that directions can be followed; they mean nothing else."
    )


def caption_stress(result: xr.Dataset) -> str:
    """What S1 shows."""
    return (
        f"{_method(result)} Dots: stress of each stimulus's own distances, the root of "
        "Σⱼ(δ − d)² / Σⱼδ², side by side in the order of categories; bars: stress of the whole "
        "panel. 0 is a perfect picture."
    )


def _method(result: xr.Dataset) -> str:
    shown = " and ".join(str(int(number)) for number in result.shown.values)
    return (
        "Metric multidimensional scaling of the stimuli in each layer of two instances of "
        f"All-CNN-C ({shown}, the first that can be compared); correlation distance."
    )


EXPERIMENT = Experiment(
    "geometry",
    ("all_cnn_c",),
    measure,
    findings,
    {
        "fig2": Picture(
            "Representational geometries at different depths", draw_geometry, caption_geometry
        ),
        "s1": Picture("Pointwise stress of these pictures", draw_pointwise_stress, caption_stress),
    },
    revision=2,
)
