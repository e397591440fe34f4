"""Errors of the user or the environment, which the command line prints in one line."""


class InputError(ValueError):
    """Wrong input: the message names the argument, what was got and what is expected."""


class RunError(RuntimeError):
    """Valid input that cannot be processed here (no network, a full disk, NaN in training)."""


def unknown_name(argument: str, got: object, choices) -> InputError:
    """The error for a name that is not in a registry, with the choices.

    >>> str(unknown_name("distance", "manhattan", ["cosine", "euclidean"]))
    "distance: unknown 'manhattan'; choose from cosine, euclidean"
    """
    return InputError(f"{argument}: unknown {got!r}; choose from {', '.join(choices)}")
