"""Output on any terminal and into pipes that may be closed."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from math import isnan

from ensemble_rsa.errors import RunError

_ERRORS = "ensemble_rsa.printable"
_OF_TRAINING = "give a smaller --batch-size, --width or --group"
_LESS_MEMORY = {
    "train": _OF_TRAINING,
    "extend": "train fewer instances at once, on another machine or with --cluster",
    "analyze": "analyse fewer stimuli (--stimuli), or keep RDMs on disk (--store True)",
    "import": "keep RDMs on disk (--store True), or show networks a smaller --batch-size",
    "reproduce": "give a smaller --scale or fewer --instances",
}


def _printable(error: UnicodeError) -> tuple[bytes, int]:
    """`?` for characters that the encoding lacks; names of files that are not UTF-8 as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    codes = [ord(character) for character in error.object[error.start : error.end]]
    is_byte = lambda code: 0xDC80 <= code <= 0xDCFF  # what Python decodes such a name to
    return bytes(code - 0xDC00 if is_byte(code) else ord("?") for code in codes), error.end


@contextlib.contextmanager
def printable_output() -> Iterator[None]:
    """Let both output streams print any character, within the block."""
    codecs.register_error(_ERRORS, _printable)
    streams = [
        stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)
    ]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=_ERRORS)
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)


def failure(error: Exception, arguments: Sequence[str]) -> str:
    """What a failed command says; an error of another kind is raised again.

    `arguments` are those of the command line, of which the first is the command.
    """
    text = str(error)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text:
        command = arguments[0] if arguments else ""
        advice = _LESS_MEMORY.get(command, "use a machine with more memory")
        return f"out of memory; {advice} ({text or 'host'})"
    if isinstance(error, RunError):
        return text
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    raise error


def close_stdout() -> None:
    """Send what is left in the buffer nowhere, since the reader of the pipe has gone."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def while_read(show: Callable[..., None]) -> Callable[..., None]:
    """The callback, which does nothing more once the pipe that it prints into is closed."""
    closed = False

    def guarded(*values: object) -> None:
        nonlocal closed
        if not closed:
            try:
                show(*values)
            except BrokenPipeError:
                closed = True

    return guarded


def number(value: float) -> str:
    """A number of a table, with a dash for NaN."""
    return "–" if isnan(value) else f"{value:.3f}"
