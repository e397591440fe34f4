"""Errors of the user or the environment, which the command line prints in one line."""

import reprlib
from collections.abc import Iterable

_LONGEST = 80  # characters of a value in a message


class InputError(ValueError):
    """Wrong input: the message names the argument, what was got and what is expected."""


class RunError(RuntimeError):
    """Valid input that cannot be processed here (no network, a full disk, NaN in training)."""


class FewStimuliWarning(UserWarning):
    """A similarity is high for unrelated networks too, or biased, with so few stimuli."""


def unknown_name(argument: str, got: object, choices: Iterable[object]) -> InputError:
    """The error for a name that is not in a registry, with the choices.

    >>> str(unknown_name("distance", "manhattan", ["cosine", "euclidean"]))
    "distance: unknown 'manhattan'; choose from cosine, euclidean"
    """
    listed = ", ".join(map(str, choices))
    return InputError(f"{argument}: unknown {shown(got)}; choose from {listed}")


def check_name(argument: str, got: object, choices: Iterable[str]) -> None:
    """Raise `InputError` unless a value is one of the choices, which are names."""
    known = tuple(choices)
    if not isinstance(got, str) or got not in known:
        raise unknown_name(argument, got, known)


def first_line(error: BaseException) -> str:
    r"""The first line of what an error says, or the name of its type if it says nothing.

    >>> first_line(ValueError("bad value\nin detail")), first_line(KeyError())
    ('bad value', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def kind_and_first_line(error: BaseException) -> str:
    r"""The name of an error's type, and the first line of what it says.

    >>> kind_and_first_line(ValueError("bad value\nin detail"))
    'ValueError: bad value'
    """
    return f"{type(error).__name__}: {error}".splitlines()[0]


def shown(value: object) -> str:
    """A value in one line of a message, shortened if it is long.

    >>> shown([0.5] * 100)
    '[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...]'
    """
    text = " ".join(reprlib.repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
