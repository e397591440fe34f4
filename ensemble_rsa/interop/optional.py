"""Libraries of other frameworks, which are imported only when they are needed."""

import importlib
import os
import sys
from typing import Any

from ensemble_rsa.errors import InputError, kind_and_first_line


def optional_import(module: str, extra: str, needed_for: str) -> Any:
    """Import a library of an optional extra.

    Raises:
        InputError: it is not installed, or does not work; the message has the command to install.
    """
    if "torch" not in sys.modules:  # its idle threads spin otherwise, and slow all other work
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken library fails in its own way
        if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            reason = f"{module} is not installed"
        else:
            message = kind_and_first_line(error)
            reason = f"{module} cannot be imported ({message})"
        raise InputError(
            f"{needed_for} needs an optional library, and {reason}; run: "
            f"pip install 'ensemble_rsa[{extra}]'"
        ) from None
