"""Self-contained HTML pages: no script, no file beside them, nothing fetched from the network."""

import base64
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ensemble_rsa.files import atomic_path

_WIDE = 1500  # pixels: at 300 dpi, more than one column of a journal


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Fill in a template and write it; the file appears under its name only when it is whole.

    Args:
        path: where to.
        template: its name.
        values: what it asks for, everything of it.

    Returns:
        `path`.
    """
    environment = Environment(
        loader=PackageLoader("ensemble_rsa.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(**values)
    path = Path(path)
    with atomic_path(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def embedded_figure(file: Path, title: str, caption: str) -> dict[str, Any]:
    """A PNG file as a template shows it: its content, its size, and its words."""
    content = file.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # the header that every PNG begins with
    return {
        "title": title,
        "caption": caption,
        "width": width,
        "height": height,
        "wide": width > _WIDE,
        "data": base64.b64encode(content).decode("ascii"),
    }


def as_json(values: Mapping[str, Any]) -> str:
    """Plain values as indented JSON."""
    return json.dumps(values, indent=2, default=str, ensure_ascii=False)
