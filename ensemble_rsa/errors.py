"""What goes wrong through no fault of the code: one clear line each, and no traceback."""


class InputError(ValueError):
    """The caller asked for something that cannot be: the message says what was got and expected."""


class RunError(RuntimeError):
    """The request was sound, yet it cannot be carried out here (no network, a full disk, NaN)."""


def unknown_name(argument: str, got: object, choices) -> InputError:
    """The error for a name that is not in a registry, with the choices.

    >>> str(unknown_name("distance", "manhattan", ["cosine", "euclidean"]))
    "distance: unknown 'manhattan'; choose from cosine, euclidean"
    """
    return InputError(f"{argument}: unknown {got!r}; choose from {', '.join(choices)}")
