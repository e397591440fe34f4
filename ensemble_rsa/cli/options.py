"""Command line arguments made from configuration dataclasses, on top of argparse.

A field's annotation gives the type and choices of its flag, the `Attributes:` section its help. The
parsed options lack flags that are not given, so that defaults can come from a stored configuration.
"""

import argparse
import dataclasses
import difflib
import inspect
import re
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import (
    Any,
    Literal,
    NamedTuple,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ensemble_rsa.errors import InputError

ConfigT = TypeVar("ConfigT", bound=Any)
REQUIRED = object()
_METAVARS = {int: "INT", float: "FLOAT", str: "STR", Path: "PATH", bool: "True|False"}
_EXPECTED = {
    int: "a whole number", float: "a number", str: "a word", Path: "a path",
    types.NoneType: "None",
}  # fmt: skip


_NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|-(inf|nan)$", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises `InputError`, also for a flag that is given twice."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)
        # argparse takes -1e-5 for a flag up to Python 3.13
        self._negative_number_matcher = _NEGATIVE_NUMBER
        self._given: set[str] = set()

    def note_flag(self, action: argparse.Action, flag: str | None) -> None:
        """Raise if a flag, or its opposite, was given before."""
        if flag is not None and action.dest in self._given:
            flags = " or ".join(action.option_strings)
            raise argparse.ArgumentError(None, f"{flags}: given twice; give it once")
        self._given.add(action.dest)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse prints by default."""
        message = message.removeprefix("argument ")
        raise InputError(f"{message}{' ' if message.endswith('?') else '; '}see {self.prog} --help")

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Raise for words that are no arguments of this parser, suggesting the nearest flag."""
        is_flag = lambda word: word.startswith("-") and not _NEGATIVE_NUMBER.match(word)
        flags = [word.partition("=")[0] for word in words if is_flag(word)]
        if not flags or flags == ["--"]:
            self.error(f"unexpected argument {words[0]!r}")
        self.error(f"unknown flag {flags[0]}{suggestion(flags[0], self.flags())}")

    def flags(self) -> list[str]:
        """All flags of this parser."""
        return [flag for action in self._actions for flag in action.option_strings]


def suggestion(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question, or nothing."""
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


class Option(NamedTuple):
    """A flag of a command, or a positional argument if the default is `REQUIRED`."""

    name: str
    text: str
    annotation: Any = bool
    default: Any = False


STORE = Option(
    "store",
    "whether RDMs are written to a store on disk, rdms.zarr, and analysed from there; by default "
    "if they exceed a quarter of the free memory",
    bool | None,
    None,
)
CLUSTER = Option(
    "cluster",
    "compute on the workers of a cluster of Dask: local or local:N for processes of this machine, "
    "slurm, slurm:N (also pbs, lsf, kubernetes) for jobs, or the address of a scheduler",
    str | None,
    None,
)


def is_list(option: Option) -> bool:
    """Whether an option is a positional argument that takes several words."""
    return option.default is REQUIRED and get_origin(option.annotation) is tuple


def add_option(group: Any, option: Option, stored: bool = True) -> None:
    """Add an option; unless `stored`, the parsed options lack a flag that is not given."""
    name, text, annotation, default = option
    text = text.rstrip(".")
    if default is not False and default not in (None, (), REQUIRED):
        shown = default if isinstance(default, tuple) else (default,)
        words = " ".join(f"{n:.4g}" if isinstance(n, float) else str(n) for n in shown)
        text = f"{text} (default: {words})"
    takes_several = any(get_origin(member) is tuple for member in _members(annotation))
    options: dict[str, Any] = {
        "help": text.replace("%", "%%"),
        "nargs": "*" if takes_several else None,
        "action": _Typed,
        "annotation": annotation,
    }
    flag = f"--{name.replace('_', '-')}"
    stored_default = {"dest": name, "default": default if stored else argparse.SUPPRESS}
    if default is REQUIRED:
        group.add_argument(name, **options)
    elif annotation is bool:
        options = {"help": options["help"], "action": _Switch}
        group.add_argument(flag, **options, **stored_default)
    else:
        group.add_argument(flag, metavar=_metavar(annotation), **options, **stored_default)


def add_config(parser: Parser, config: type) -> None:
    """Add a flag for each field of each section of a configuration, a group for each section."""
    for name, kind in get_type_hints(config).items():
        about = (inspect.getdoc(kind) or "").partition("\n")[0]
        group = parser.add_argument_group(name, about)
        hints, texts = get_type_hints(kind), _field_help(kind)
        for field in dataclasses.fields(kind):
            option = Option(field.name, texts.get(field.name, ""), hints[field.name], field.default)
            add_option(group, option, stored=False)


def config_from_options(options: argparse.Namespace, base: ConfigT) -> ConfigT:
    """`base` with the fields that were given as flags."""
    given = vars(options)
    sections = {
        name: dataclasses.replace(
            section, **{field: value for field, value in given.items() if field in vars(section)}
        )
        for name, section in vars(base).items()
    }
    return dataclasses.replace(base, **sections)


class _Typed(argparse.Action):
    """Stores the value that an annotation makes of the words."""

    def __init__(self, *, annotation: Any, **options: Any):
        super().__init__(**options)
        self.annotation = annotation

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        words = values if isinstance(values, list) else [values]
        parser.note_flag(self, option_string)
        try:
            value = parse_words(self.annotation, words)
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        setattr(namespace, self.dest, value)


class _Switch(argparse.BooleanOptionalAction):
    """A flag and its opposite, at most one of which is given."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        parser.note_flag(self, option_string)
        super().__call__(parser, namespace, values, option_string)


def parse_words(annotation: Any, words: Sequence[str]) -> Any:
    """The value of an annotated type that some words stand for, else a `ValueError`.

    >>> from typing import Literal
    >>> parse_words(Literal["trajectory"] | tuple[int, ...], ["0", "5"])
    (0, 5)
    >>> parse_words(float | tuple[float, ...], ["0.5"]), parse_words(int | None, ["None"])
    (0.5, None)

    Names are also separated by commas, which no name has.

    >>> parse_words(tuple[Literal["weights", "order"], ...], ["weights,order"])
    ('weights', 'order')
    """
    for member in _members(annotation):
        try:
            return _parse_member(member, words)
        except ValueError:
            continue
    names = [choice for choice in _choices(annotation) if isinstance(choice, str)]
    unknown = [word for word in _separated(words) if word not in names]
    near = suggestion(unknown[0], names) if unknown else ""
    raise ValueError(f"expected {_expected(annotation)}, got {' '.join(words)!r}{near}")


def _parse_member(member: Any, words: Sequence[str]) -> Any:
    if get_origin(member) is tuple:
        kind = _element(member)
        words = _separated(words) if get_origin(kind) is Literal else words
        return tuple(_parse_member(kind, [word]) for word in words)
    if len(words) != 1:
        raise ValueError
    choices = {types.NoneType: (None,), bool: (True, False)}.get(member, get_args(member))
    if not choices:
        if not words[0]:
            raise ValueError  # an empty path would be the working directory
        return member(words[0])
    by_word = {str(choice): choice for choice in choices}
    if words[0] not in by_word:
        raise ValueError
    return by_word[words[0]]


def _members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, None first; or the annotation alone."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return (annotation,)
    return tuple(sorted(get_args(annotation), key=lambda member: member is not types.NoneType))


def _element(member: Any) -> Any:
    """The type of a tuple's elements; any other type itself."""
    return get_args(member)[0] if get_origin(member) is tuple else member


def _choices(annotation: Any) -> list[Any]:
    """The values that an annotation names, alone or as members of a tuple."""
    kinds = map(_element, _members(annotation))
    return [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]


def _separated(words: Sequence[str]) -> list[str]:
    return [each for word in words for each in word.split(",") if each]


def _metavar(annotation: Any) -> str:
    """The value's name in the help, without None.

    >>> from typing import Literal
    >>> _metavar(int | Literal["auto", "all"]), _metavar(float | tuple[float, ...])
    ('INT|auto|all', 'FLOAT')
    """
    names: list[str] = []
    for kind in map(_element, _members(annotation)):
        names += [_METAVARS[kind]] if kind in _METAVARS else map(str, get_args(kind))
    return "|".join(dict.fromkeys(names))


def _expected(annotation: Any) -> str:
    """The accepted values in words, such as "trajectory or whole numbers", with None last."""
    names: list[str] = []
    none_last = sorted(_members(annotation), key=lambda member: member is types.NoneType)
    for member in none_last:
        kind = _element(member)
        if kind in _EXPECTED:
            several = kind is not member
            names.append(_EXPECTED[kind].removeprefix("a ") + "s" if several else _EXPECTED[kind])
        else:
            names += ("True", "False") if kind is bool else map(str, get_args(kind))
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _field_help(kind: Any) -> dict[str, str]:
    """Field → its description in the `Attributes:` section of a docstring."""
    section = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
