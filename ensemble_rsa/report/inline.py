"""Scripts, styles and data inside a page, and the policy that lets a browser run these alone.

A page embeds what it needs and requests nothing. Names of categories, layers or files end up in its
data, so data are escaped for the place where they stand, and the policy refuses any script or style
whose hash is not that of one of ours.
"""

import base64
import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup

# Signs with a meaning to the HTML or JavaScript parser; their escapes mean the same in JSON.
_ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def json_block(name: str, value: Any, title: str = "") -> Markup:
    r"""Return a block of data for scripts: `JSON.parse(document.getElementById(name).textContent)`.

    Arrays become lists. NaN and infinity, which JSON lacks, become null. A `title` is in the
    block's `dataset`.

    >>> json_block("names", ["</script>", float("nan")])
    Markup('<script type="application/json" id="names">["\\u003c/script\\u003e",null]</script>')
    """
    return _block("application/json", name, json_text(value), title)


def json_text(value: Any) -> str:
    """Return a value as JSON without spaces that may stand in a page."""
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def packed_block(name: str, content: bytes, title: str = "") -> Markup:
    """Return a block of bytes for scripts: deflated (zlib), in base64."""
    packed = base64.b64encode(zlib.compress(content, 9)).decode("ascii")
    return _block("text/plain", name, packed, title)


def _block(kind: str, name: str, content: str, title: str) -> Markup:
    about = Markup(' data-title="{}"').format(title) if title else ""
    block = Markup('<script type="{}" id="{}"{}>{}</script>')
    return block.format(kind, name, about, Markup(content))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_script(name: str) -> Markup:
    """Return a script of the package, such as `page.js`, for a `<script>` element."""
    return Markup(_resource("script", name, "script"))


def read_style(name: str) -> Markup:
    """Return a style sheet of the package, such as `style.css`, for a `<style>` element."""
    return Markup(_resource("templates", name, "style"))


def _resource(folder: str, name: str, element: str) -> str:
    text = (resources.files("ensemble_rsa.report") / folder / name).read_text(encoding="utf-8")
    if re.search(rf"</{element}|<!--", text, re.IGNORECASE):
        raise ValueError(f"{name}: ends the element that it is embedded in")
    return text


def security_policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Return a content security policy: nothing but these scripts and styles, and embedded images.

    >>> security_policy([], [])
    "default-src 'none'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    """
    rules = ["default-src 'none'"]
    for directive, texts in (("script-src", scripts), ("style-src", styles)):
        hashes = [f"'sha256-{_hash(text)}'" for text in texts]
        rules += [" ".join([directive, *hashes])] if hashes else []
    return "; ".join([*rules, "img-src data: blob:", "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
