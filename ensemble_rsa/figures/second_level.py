"""The RDMs of all layers and instances compared with each other, as in Fig. 3 of the paper.

Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

import xarray as xr
from matplotlib.axes import Axes

from ensemble_rsa.figures import style
from ensemble_rsa.figures.maps import add_colour_bar, add_layer_bar, draw_blocks, layer_shades
from ensemble_rsa.figures.style import GREY
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import as_ranges, surrogate_title


@style.paper_style()
def draw_second_level(results: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Second-level distances between RDMs, as a matrix (a) and as a two-dimensional MDS of it (b).

    Rows and columns of the matrix are ordered by layer, and within a layer by instance. In the MDS
    one point is one layer of one instance; grey lines join the layers of an instance by depth.

    `results` needs `second_level_distance (layer, instance, layer_b, instance_b)`, which is 1 − r
    between two RDMs, `second_level_embedding (layer, instance, component)` and `second_level_stress
    ()`. They are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    title = surrogate_title(results)
    figure = several_panels(figure, style.DOUBLE_COLUMN, 3.2, title, gap=0.06)
    matrix_axes, plane_axes = figure.subplots(1, 2)
    _draw_matrix(figure, matrix_axes, results)
    _draw_plane(figure, plane_axes, results)
    return figure


def _draw_matrix(figure: Panels, axes: Axes, results: xr.Dataset) -> None:
    distances = results.second_level_distance.transpose(
        "layer", "instance", "layer_b", "instance_b"
    )
    image = draw_blocks(axes, distances.values, style.layer_names(results, 12))
    axes.tick_params(axis="x", labelrotation=90)
    within = as_ranges(results.instance.values)
    axes.set_xlabel(f"Layer (within each layer: instances {within})")
    axes.set_ylabel("Layer")
    style.add_letter(axes, "a")
    add_colour_bar(figure, image, axes, "Second-level distance (1 − r)")


def _draw_plane(figure: Panels, axes: Axes, results: xr.Dataset) -> None:
    points = results.second_level_embedding.transpose("layer", "instance", "component").values
    for line in points.swapaxes(0, 1):
        axes.plot(*line.T, color=GREY, linewidth=0.5, zorder=1)
    names = [str(name) for name in results.layer.values]
    for layer, shade, name in zip(points, layer_shades(len(points)), names, strict=True):
        axes.scatter(
            *layer.T, s=14, color=shade, edgecolors="white", linewidths=0.3, zorder=2, label=name
        )
    axes.set_box_aspect(1)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    style.set_ticks(axes)
    axes.set_xlabel("MDS dimension 1 (units of 1 − r)")
    axes.set_ylabel("MDS dimension 2 (units of 1 − r)")
    style.add_letter(axes, "b")
    axes.set_title(f"stress {float(results.second_level_stress):.2f}", loc="right")
    add_layer_bar(figure, axes, style.layer_names(results, 12))
