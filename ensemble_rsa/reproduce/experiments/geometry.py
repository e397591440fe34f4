"""Figs 2 and S1 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): geometry of the stimuli.

Multidimensional scaling of the stimuli in each layer of two instances, and its stress.
"""

import xarray as xr

from ensemble_rsa.figures.geometry import draw_geometry
from ensemble_rsa.figures.paper.pointwise_stress import draw_pointwise_stress
from ensemble_rsa.pipeline.results import clustering_by_layer, embed_stimuli
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_finding
from ensemble_rsa.reproduce.measures import attributes
from ensemble_rsa.reproduce.workspace import Workspace, rdms


def measure(work: Workspace) -> xr.Dataset:
    """Embeddings of every layer of the first two instances, and the clustering of all instances."""
    statistics = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    return (
        embed_stimuli(stack, statistics)
        .assign_coords({name: stack[name] for name in ("layer", "seed", "stimulus", "category")})
        .merge(clustering_by_layer(stack, statistics))
        .assign_attrs(attributes(stack, statistics))
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """The rise of clustering with depth, and the stress of the embeddings."""
    index = result.category_clustering_index
    first, last = (str(result.layer.values[place]) for place in (0, -1))
    stress, pointwise = result.embedding_stress.values, result.embedding_pointwise_stress.values
    quantity = f"{last} minus {first} category clustering index"
    rise, by_eye = index.isel(layer=-1) - index.isel(layer=0), "the paper judges by eye here"
    spread = f"from {stress.min():.2f} to {stress.max():.2f}"
    return [
        mean_finding(result, "fig2", quantity, rise, effect=True, note=by_eye),
        Finding("s1", "stress, mean over panels", float(stress.mean()), note=spread),
        Finding("s1", "pointwise stress, largest of all stimuli", float(pointwise.max())),
    ]


def caption_values(result: xr.Dataset) -> dict[str, object]:
    """The seeds of the instances that are drawn, which are the first ones."""
    return {"shown_seeds": result.seed.values[: result.sizes["shown"]].tolist()}


_PICTURES = {
    "fig2": Picture(draw_geometry, caption_values),
    "s1": Picture(draw_pointwise_stress, caption_values),
}
EXPERIMENT = Experiment("geometry", ("all_cnn_c",), measure, findings, _PICTURES, revision=3)
