"""Self-contained HTML pages: no file beside them, and nothing fetched from the network.

Every page can be read, and printed, without its scripts, which add what paper does not have. These
are written by hand: `page.js`, `charts.js` and `explorer.js`, in plain JavaScript, draw the few
kinds of chart that are needed in a fraction of the size of a charting library, need no build, and
are covered by the hashes of a strict content security policy; a library would also have to be
updated.
"""

import base64
import io
import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from ensemble_rsa.files import atomic_path
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.report.contents import Contents
from ensemble_rsa.report.inline import (
    json_block,
    json_text,
    packed_block,
    read_script,
    read_style,
    security_policy,
)
from ensemble_rsa.report.rendering import ENVIRONMENT
from ensemble_rsa.report.tables import Table

_WIDE = 1500  # pixels; at 300 dpi, wider than one column of a journal
_LARGE = 60_000  # bytes of a picture that is embedded with a palette, in a third of its size
_COLOURS = 256


@dataclass(frozen=True)
class PageFigure:
    """A figure of a page.

    Attributes:
        file: its PNG; an SVG of the same name beside it can be saved from the page.
        label: such as `Figure 1`.
        caption: title and text.
        verdict: in sentences, if there is one.
        tables: the numbers that it draws, by ids that are unique in the page.
        chart: what a chart in its place shows, see `ensemble_rsa.report.charts`; None for none.
    """

    file: Path
    label: str
    caption: Caption
    verdict: str = ""
    tables: Mapping[str, Table] = field(default_factory=dict)
    chart: Mapping[str, Any] | None = None

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return re.sub(r"\W+", "-", self.label.lower()).strip("-")


def write_page(
    path: Path,
    template: str,
    figures: Sequence[PageFigure],
    details: Mapping[str, Mapping[str, Any]],
    further: Sequence[PageFigure] = (),
    data: Mapping[str, Any] = MappingProxyType({}),
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    **values: Any,
) -> Path:
    """Fill in a page template and write it; the file appears under its name when it is complete.

    Figures are embedded with their numbers; the template itself places `further` ones. `details`
    are shown as JSON at the end, under their headings; empty ones are left out. `data` are for
    scripts, by the id under which these find them. `scripts` and `styles` are names of further
    files of the package. A template makes its headings by `heading("Text")`. Returns `path`.
    """
    contents = Contents()
    code = [read_script(name) for name in ("page.js", "charts.js", *scripts)]
    looks = [read_style(name) for name in ("style.css", *styles)]
    page = ENVIRONMENT.get_template(f"{template}.html.j2").render(
        figures=[embed(figure) for figure in figures],
        details={
            heading: json.dumps(shown, indent=2, default=str, ensure_ascii=False)
            for heading, shown in details.items()
            if shown
        },
        data=[
            *_data_blocks([*figures, *further]),
            *(json_block(name, value) for name, value in data.items()),
        ],
        policy=security_policy(code, looks),
        scripts=code,
        styles=looks,
        heading=contents.heading,
        contents=contents.entries,
        **values,
    )
    path = Path(path)
    with atomic_path(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def embed(figure: PageFigure) -> dict[str, Any]:
    """Return what the templates show of a figure, its PNG as base64."""
    content = figure.file.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # the header that every PNG begins with
    return {
        "anchor": figure.anchor,
        "name": figure.file.stem,
        "label": figure.label,
        "title": figure.caption.title,
        "text": figure.caption.text,
        "verdict": figure.verdict,
        "tables": list(figure.tables),
        "width": width,
        "height": height,
        "wide": width > _WIDE,
        "data": base64.b64encode(_with_few_colours(content)).decode("ascii"),
    }


@lru_cache(maxsize=32)  # a page that grows by one figure at a time is written many times
def _with_few_colours(content: bytes) -> bytes:
    """The PNG, with a palette if it is large and that makes it smaller."""
    if len(content) < _LARGE:
        return content
    with Image.open(io.BytesIO(content)) as picture:
        if picture.mode not in ("RGB", "RGBA"):
            return content
        opaque = Image.new("RGB", picture.size, "white")
        opaque.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    found = io.BytesIO()
    opaque.quantize(_COLOURS, dither=Image.Dither.NONE).save(found, "PNG")
    return min(content, found.getvalue(), key=len)


def _data_blocks(figures: Sequence[PageFigure]) -> list[str]:
    """The data of figures: tables, drawings as SVG, and what charts show."""
    drawn = {name for figure in figures if figure.chart for name in figure.tables}
    blocks, seen = [], set()
    for figure in figures:
        for name, table in figure.tables.items():
            if name in seen:
                continue
            seen.add(name)
            if name in drawn:
                blocks.append(json_block(f"table-{name}", table.as_data(), title=table.title))
            else:
                packed = json_text(table.as_data()).encode("utf-8", "backslashreplace")
                blocks.append(packed_block(f"table-{name}", packed, title=table.title))
        drawing = figure.file.with_suffix(".svg")
        if drawing.is_file():
            blocks.append(packed_block(f"svg-{figure.anchor}", drawing.read_bytes()))
    charts = [{"figure": one.anchor, **one.chart} for one in figures if one.chart]
    return [*blocks, json_block("charts", charts)] if charts else blocks
