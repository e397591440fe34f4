"""Fonts for names in any script: the figures' own font first, then installed ones that fill in."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

log = logging.getLogger(__name__)
FAMILY = "DejaVu Sans"  # ships with matplotlib
_PREFERRED = (
    "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans", "WenQuanYi Zen Hei",
    "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Segoe UI",
    "Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Symbola", "Arial Unicode MS",
)  # fmt: skip
_PLACEHOLDERS = "Last Resort"  # draws every letter as a box
_MOST_NAMED = 12


def use_installed_fonts(figure: Figure) -> None:
    """Give all texts of a figure the fonts that their letters need, as far as they are installed.

    Letters that no font has are named in one warning; they are drawn as boxes.
    """
    texts = list(_texts(figure))
    letters = {letter for text in texts for letter in text.get_text() if letter.isprintable()}
    missing = letters - _letters_of(font_manager.findfont(FAMILY))
    if not missing:
        return
    families, needed = [FAMILY], frozenset(missing)
    for family, path in _installed():
        if found := missing & _letters_of(path):
            families.append(family)
            missing -= found
        if not missing:
            break
    for text in texts:
        if needed & {*text.get_text()}:
            text.set_fontfamily(families)
    if missing:
        _report(frozenset(missing))


@cache  # once for the figures of an analysis
def _report(missing: frozenset[str]) -> None:
    shown = " ".join(sorted(missing)[:_MOST_NAMED])
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    log.warning(
        "no installed font has %s%s, which figures show as boxes; install one that has them, such "
        "as Noto Sans CJK or Noto Emoji",
        shown,
        more,
    )


@contextmanager
def without_glyph_warnings() -> Iterator[None]:
    """Silence matplotlib's warning for each letter that is missing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


def _texts(figure: Figure) -> Iterator[Text]:
    """All texts, with the labels of ticks, which exist from when they are asked for."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels(which="both")
    yield from (text for text in figure.findobj(Text) if isinstance(text, Text))


@cache
def _letters_of(path: str) -> frozenset[str]:
    """The characters that a font has; none of a font that matplotlib cannot draw."""
    try:
        font = FT2Font(str(path))
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    """Family and file of the installed fonts, preferred families first."""
    entries = [
        (entry.name, str(entry.fname))
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal"
        and str(entry.weight) in ("400", "normal", "regular")
        and not entry.name.startswith(_PLACEHOLDERS)
    ]
    rank = {family: place for place, family in enumerate(_PREFERRED)}
    return tuple(sorted({*entries}, key=lambda entry: (rank.get(entry[0], len(rank)), entry)))
