"""Checks of settings; each raises an `InputError` that names the setting and its value."""

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from ensemble_rsa.errors import InputError, unknown_name

_ADDED = "added"
LARGEST_SEED = 2**31  # leaves room for the seeds of the instances that follow


class Rule(NamedTuple):
    """The values that a setting may have, in words and as a test."""

    expected: str
    holds: Callable[[Any], bool]


def count(least: int) -> Rule:
    """Whole numbers of at least `least`."""
    return Rule(f"a whole number, {least} or more", lambda n: _is_whole(n) and n >= least)


SEED = Rule(f"from 0 to {LARGEST_SEED}", lambda n: _is_whole(n) and 0 <= n <= LARGEST_SEED)
POSITIVE = Rule("a number above 0", lambda value: 0 < value < math.inf)
NOT_NEGATIVE = Rule("0 or more", lambda value: value >= 0)
RATE = Rule("a number from 0 to below 1", lambda value: 0 <= value < 1)
FRACTION = Rule("between 0 and 1", lambda value: 0 < value < 1)
COLOUR = Rule("a colour such as white or #808080", lambda name: _is_colour(name))


def added(default: Any) -> Any:
    """A field added to a released configuration: hashed only where it differs from its default.

    The hashes of older configurations, which lack the field, thus stay as they are.
    """
    return dataclasses.field(default=default, metadata={_ADDED: True})


def is_added_default(field: dataclasses.Field, value: Any) -> bool:
    """Whether a field was `added`, and has its default."""
    return field.metadata.get(_ADDED, False) and value == field.default


def check_values(config: Any, rule: Rule, *names: str) -> None:
    """Check these fields of a dataclass, and each value of a tuple; None is always allowed."""
    for name in names:
        given = getattr(config, name)
        for value in given if isinstance(given, tuple) else (given,):
            if value is not None and not rule.holds(value):
                raise InputError(f"{name}: expected {rule.expected}, got {given!r}")


def check_choices(config: Any) -> None:
    """Check every field of a dataclass that is annotated as a `Literal`."""
    for name, annotation in get_type_hints(type(config)).items():
        if get_origin(annotation) is Literal:
            check_choice(name, getattr(config, name), get_args(annotation))


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Check that a value is one of the choices."""
    if value not in (known := tuple(choices)):
        raise unknown_name(name, value, known)


def _is_colour(value: Any) -> bool:
    from PIL import ImageColor

    try:
        return isinstance(value, str) and len(ImageColor.getrgb(value)) == 3
    except ValueError:
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
