"""Where a figure is drawn: on axes or a figure that are given, or on a new figure."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase, SubFigure

from ensemble_rsa.figures import style

Panels = Figure | SubFigure
"""What a figure of several panels is drawn on."""
Drawn = Axes | Panels
"""What a function that draws returns."""


class Panel(NamedTuple):
    """Axes for a figure with one panel.

    Attributes:
        axes: those given, or the only ones of a new figure.
        width: of the axes, inches.
        is_alone: whether the figure is new.
    """

    axes: Axes
    width: float
    is_alone: bool

    def add_legend(self, handles: Sequence[Any], n_columns: int) -> None:
        """Put the legend below the panel, or inside axes that were given."""
        if self.is_alone:
            style.add_legend(self.axes.figure, handles, n_columns)
        else:
            self.axes.legend(handles=handles, loc="best")


def one_panel(
    ax: Axes | None,
    width: float,
    height: float,
    title: str | None = None,
    margin: float = 0.6,
    gap: float = 0.02,
) -> Panel:
    """The axes given, or those of a new figure of `width` × `height` inches.

    `margin` is what labels take of the width, inches.

    >>> one_panel(None, 3.5, 2.0).axes.figure.get_size_inches().tolist()
    [3.5, 2.0]
    """
    if ax is None:
        figure = style.new_figure(width, height, title, gap=gap)
        return Panel(figure.subplots(), width - margin, True)
    if title:
        ax.set_title(title)
    box = ax.get_window_extent()
    return Panel(ax, float(box.width / root_of(ax).dpi), False)


def several_panels(
    figure: Panels | None,
    width: float,
    height: float,
    title: str | None = None,
    pad: float = 0.04,
    gap: float = 0.02,
) -> Panels:
    """The figure or sub-figure given, or a new figure (see `style.new_figure`)."""
    if figure is None:
        return style.new_figure(width, height, title, pad, gap)
    if title:
        figure.suptitle(title)
    return figure


def root_of(drawn: Axes | FigureBase) -> Figure:
    """The figure that axes, or a figure inside another, belong to.

    >>> root_of(one_panel(None, 3.5, 2.0).axes).get_size_inches().tolist()
    [3.5, 2.0]
    """
    if isinstance(drawn, Figure):
        return drawn
    return cast(Figure, drawn.get_figure(root=True))
