"""Functions and classes of a user by name, such as `my_nets:Net`, and their arguments as text."""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from ensemble_rsa.errors import InputError, kind_and_first_line


def function_by_name(argument: str, name: str) -> tuple[Callable[..., Any], Path | None]:
    """The function or class `module:function` or `file.py:function`, and its file.

    Modules are also looked for in the working directory, as Python itself would do.

    Raises:
        InputError: it cannot be imported, or is not there; the message names the `argument`.
    """
    where, _, attribute = name.rpartition(":")
    if not where or not attribute.isidentifier():
        raise InputError(f"{argument}: expected module:function, got {name!r}")
    folder = Path(where).parent if where.endswith(".py") else Path()
    sys.path.insert(0, str(folder.resolve()))
    try:
        module = (
            _module_of_file(argument, Path(where).resolve())
            if where.endswith(".py")
            else importlib.import_module(where)
        )
    except InputError:
        raise
    except Exception as error:
        reason = kind_and_first_line(error)
        raise InputError(f"{argument}: {where} cannot be imported ({reason})") from error
    finally:
        sys.path.remove(str(folder.resolve()))
    function = getattr(module, attribute, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise InputError(
            f"{argument}: {where} has no class or function {attribute!r}, but "
            f"{', '.join(names) or 'none'}"
        )
    file = getattr(module, "__file__", None)
    return function, Path(file).resolve() if file else None


def _module_of_file(argument: str, file: Path) -> Any:
    if not file.is_file():
        raise InputError(f"{argument}: {file}: no such file")
    return _executed(argument, file, file.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _executed(argument: str, file: Path, changed: int) -> Any:
    """The module of a file, executed again if the file has changed."""
    del changed
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{argument}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lasting_name(name: str, file: Path | None) -> str:
    """A name that finds the same function from any working directory.

    >>> lasting_name("my_nets:build", Path("/home/ada/my_nets.py"))
    '/home/ada/my_nets.py:build'
    """
    where, _, attribute = name.rpartition(":")
    is_plain = file is not None and (where.endswith(".py") or where == file.stem)
    return f"{file}:{attribute}" if is_plain else name


def keyword_arguments(argument: str, pairs: Any) -> dict[str, Any]:
    """Keyword arguments from words such as `depth=18`; what is no Python literal is text.

    >>> keyword_arguments("model_arg", ["depth=18", "norm=group"])
    {'depth': 18, 'norm': 'group'}
    """
    arguments = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"{argument}: expected arguments such as depth=18, got {pair!r}")
        if key in arguments:
            raise InputError(f"{argument}: {key} is given twice; give it once")
        try:
            arguments[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[key] = value
    return arguments
