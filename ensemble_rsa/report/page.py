"""Self-contained HTML pages: no file beside them, and nothing fetched from the network.

Every page can be read without its scripts, which add what a page on paper does not have.
"""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ensemble_rsa.files import atomic_path
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.report.contents import Contents
from ensemble_rsa.report.inline import json_block, read_script, read_style, security_policy
from ensemble_rsa.report.rendering import ENVIRONMENT

_WIDE = 1500  # pixels; at 300 dpi, wider than one column of a journal


@dataclass(frozen=True)
class PageFigure:
    """A PNG file with its label, such as `Figure 1`, its caption and, if any, a verdict."""

    file: Path
    label: str
    caption: Caption
    verdict: str = ""


def write_page(
    path: Path,
    template: str,
    figures: Sequence[PageFigure],
    details: Mapping[str, Mapping[str, Any]],
    data: Mapping[str, Any] = MappingProxyType({}),
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    **values: Any,
) -> Path:
    """Fill in a page template and write it; the file appears under its name when it is complete.

    Figures are embedded. `details` are shown as JSON at the end, under their headings; empty ones
    are left out. `data` are for scripts, by the id under which these find them. `scripts` and
    `styles` are names of further files of the package. A template makes its headings by
    `heading("Text")`. Returns `path`.
    """
    contents = Contents()
    code = [read_script(name) for name in ("page.js", *scripts)]
    looks = [read_style(name) for name in ("style.css", *styles)]
    page = ENVIRONMENT.get_template(f"{template}.html.j2").render(
        figures=[embed(figure) for figure in figures],
        details={
            heading: json.dumps(shown, indent=2, default=str, ensure_ascii=False)
            for heading, shown in details.items()
            if shown
        },
        data=[json_block(name, value) for name, value in data.items()],
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
        "label": figure.label,
        "title": figure.caption.title,
        "text": figure.caption.text,
        "verdict": figure.verdict,
        "width": width,
        "height": height,
        "wide": width > _WIDE,
        "data": base64.b64encode(content).decode("ascii"),
    }
