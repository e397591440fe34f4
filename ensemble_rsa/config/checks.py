"""Checks of single settings; each raises an `InputError` that names the setting and its value."""

import math
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ensemble_rsa.errors import InputError, unknown_name

LARGEST_SEED = 2**31  # leaves room for the seeds of the instances that follow


def check_choices(config: Any) -> None:
    """Check every field of a dataclass that is annotated as a `Literal`."""
    for name, annotation in get_type_hints(type(config)).items():
        if get_origin(annotation) is Literal:
            check_choice(name, getattr(config, name), get_args(annotation))


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Check that a value is one of the choices."""
    if value not in (known := tuple(choices)):
        raise unknown_name(name, value, known)


def check_counts(config: Any, least: int, *names: str) -> None:
    """Check that these fields hold whole numbers of at least `least`, where they are not None."""
    for name in names:
        if (value := getattr(config, name)) is not None:
            check_whole(name, value)
            check_least(name, value, least)


def check_seeds(config: Any, *names: str) -> None:
    """Check that these fields hold seeds."""
    for name in names:
        check_seed(name, getattr(config, name))


def check_seed(name: str, value: Any) -> None:
    """Check that a value is a whole number from 0 to 2³¹."""
    check_whole(name, value)
    if not 0 <= value <= LARGEST_SEED:
        raise InputError(f"{name}: expected from 0 to {LARGEST_SEED}, got {value}")


def check_whole(name: str, value: Any) -> None:
    """Check that a value is a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name}: expected a whole number, got {value!r}")


def check_least(name: str, value: int | float, least: int) -> None:
    """Check that a number is at least `least`."""
    if not value >= least:
        raise InputError(f"{name}: expected {least} or more, got {value}")


def check_positive(name: str, value: int | float) -> None:
    """Check that a number is above 0 and finite."""
    if not 0 < value < math.inf:
        raise InputError(f"{name}: expected a number above 0, got {value}")


def check_rate(name: str, value: int | float) -> None:
    """Check that a number is from 0 to below 1."""
    if not 0 <= value < 1:
        raise InputError(f"{name}: expected a number from 0 to below 1, got {value}")


def check_fraction(name: str, value: int | float) -> None:
    """Check that a number is between 0 and 1, both excluded."""
    if not 0 < value < 1:
        raise InputError(f"{name}: expected between 0 and 1, got {value}")
