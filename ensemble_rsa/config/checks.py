"""Checks of settings; each raises an `InputError` that names the setting and its value."""

import dataclasses
import math
import types
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np

from ensemble_rsa.errors import InputError, check_name, shown
from ensemble_rsa.scalars import is_number, is_whole

_ADDED = "added"
LARGEST_SEED = 2**31  # leaves room for the seeds of the instances that follow
_IN_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    type(None): "None",
}


class Rule(NamedTuple):
    """The values that a setting may have, in words and as a test."""

    expected: str
    holds: Callable[[Any], bool]


def count(least: int) -> Rule:
    """Whole numbers of at least `least`."""
    return Rule(f"a whole number, {least} or more", lambda n: is_whole(n) and n >= least)


def epochs_up_to(last: int) -> Rule:
    """Epochs of a training, 0 for its beginning."""
    return Rule(f"epochs from 0 to {last}, the last one", lambda n: is_whole(n) and 0 <= n <= last)


SEED = Rule(f"from 0 to {LARGEST_SEED}", lambda n: is_whole(n) and 0 <= n <= LARGEST_SEED)
POSITIVE = Rule("a number above 0", lambda value: is_number(value) and 0 < value < math.inf)
NOT_NEGATIVE = Rule("0 or more", lambda value: is_number(value) and 0 <= value < math.inf)
RATE = Rule("a number from 0 to below 1", lambda value: is_number(value) and 0 <= value < 1)
FRACTION = Rule("between 0 and 1", lambda value: is_number(value) and 0 < value < 1)
COLOUR = Rule("a colour such as white or #808080", lambda name: _is_colour(name))


def added(default: Any) -> Any:
    """A field added to a released configuration: hashed only where it differs from its default.

    The hashes of older configurations, which lack the field, thus stay as they are.
    """
    return dataclasses.field(default=default, metadata={_ADDED: True})


def is_added_default(field: dataclasses.Field, value: Any) -> bool:
    """Whether a field was `added`, and has its default."""
    value = tuple(value) if isinstance(value, list) else value  # as JSON has it
    return field.metadata.get(_ADDED, False) and value == field.default


def check_values(config: Any, rule: Rule, *names: str) -> None:
    """Check these fields of a dataclass, and each value of a tuple; None is always allowed."""
    for name in names:
        given = getattr(config, name)
        for value in given if isinstance(given, tuple) else (given,):
            if value is not None and not rule.holds(value):
                raise InputError(f"{name}: expected {rule.expected}, got {shown(given)}")


def check_defaults(config: Any, why: str, *names: str) -> None:
    """Check that these fields of a dataclass have their defaults; `why` says what others lack."""
    for name in names:
        given = getattr(config, name)
        if given != getattr(type(config), name):
            raise InputError(f"{name}: {why}, got {given!r}; leave it out")


def check_types(config: Any) -> None:
    """Check every field of a dataclass against its annotation.

    Numbers of NumPy become those of Python, lists, ranges and arrays become tuples, and paths
    become text, so that a configuration can be stored and hashed however it was given.

    Raises:
        InputError: another type; for a field annotated as a `Literal`, none of its choices.
    """
    for name, annotation in get_type_hints(type(config)).items():
        given = getattr(config, name)
        value = _plain(given)
        kinds = _kinds(annotation)
        if all(get_origin(kind) is Literal for kind in kinds):
            choices = [choice for kind in kinds for choice in get_args(kind)]
            check_name(name, value if isinstance(value, str) else given, choices)
        elif not any(_matches(value, kind) for kind in kinds):
            expected = " or ".join(_in_words(kind) for kind in kinds)
            raise InputError(f"{name}: expected {expected}, got {shown(given)}")
        object.__setattr__(config, name, value)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation."""
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _is_colour(value: Any) -> bool:
    from PIL import ImageColor

    try:
        return isinstance(value, str) and len(ImageColor.getrgb(value)) == 3
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | range | np.ndarray) and np.ndim(value) == 1:
        return tuple(_plain(item) for item in value)
    if hasattr(value, "item") and np.ndim(value) == 0:  # numbers of NumPy, JAX and PyTorch
        return np.asarray(value).item()
    return str(value) if isinstance(value, PurePath) else value


def _matches(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        item, _ = get_args(kind)
        return isinstance(value, tuple) and all(_matches(each, item) for each in value)
    if get_origin(kind) is Literal:
        return isinstance(value, str)  # a wrong name is refused with the choices
    if kind is float:
        return is_number(value)
    if kind is int:
        return is_whole(value)
    return isinstance(value, kind)


def _in_words(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a tuple of values, each {_in_words(get_args(kind)[0])}"
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return _IN_WORDS.get(kind) or f"a {kind.__name__}"
