"""Real processes on terminals, pipes and accounts that lack something."""

import io
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ensemble_rsa import files
from ensemble_rsa.cli.progress import rdm_display

PROGRAM = [sys.executable, "-m", "ensemble_rsa"]


def ended(words, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run(words, env=environment, capture_output=True, timeout=100)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"]], ids=" ".join)
def test_a_closed_pipe_ends_the_command_without_a_word(words):
    reading, writing = os.pipe()
    os.close(reading)
    answer = subprocess.run([*PROGRAM, *words], stdout=writing, stderr=subprocess.PIPE, timeout=100)
    os.close(writing)
    assert answer.returncode in (0, 1)
    assert answer.stderr == b""


def test_help_is_printed_where_the_terminal_has_few_characters():
    answer = ended([*PROGRAM, "train", "--help"], PYTHONIOENCODING="cp1252")
    assert answer.returncode == 0
    assert answer.stderr == b""
    assert "--epochs" in answer.stdout.decode("cp1252")


def test_progress_has_no_colours_with_no_color(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = {}
    for value in ("", "1"):
        monkeypatch.setenv("NO_COLOR", value)
        text = io.StringIO()
        console = Console(file=text, force_terminal=True)
        with rdm_display(console) as show:
            show(1, 2)
        shown[value] = text.getvalue()
    assert "\x1b[3" in shown[""]
    assert "\x1b[3" not in shown["1"]
    assert "RDMs" in shown["1"]


def test_a_cache_that_cannot_be_written_only_costs_time():
    program = (
        "import jax; from ensemble_rsa.cli.progress import keep_compiled_programs as keep; keep();"
        "print(jax.jit(lambda x: x + 1)(1))"
    )
    answer = ended([sys.executable, "-c", program], XDG_CACHE_HOME=os.devnull)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"2\n", b"")


def test_an_account_without_a_home_has_a_cache(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    folder = files.cache_folder()
    assert folder.is_absolute()
    assert Path("~") not in folder.parents
