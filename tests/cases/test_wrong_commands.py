"""Two hundred wrong command lines and a hundred wrong calls, made from parsers and signatures."""

import inspect
import random
import subprocess
import sys
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import ensemble_rsa as ersa
from ensemble_rsa.cli.main import COMMANDS, main, parse
from ensemble_rsa.cli.options import REQUIRED
from ensemble_rsa.errors import InputError, RunError

N_LINES, N_CALLS, SEED = 200, 100, 20261125
RANDOM = random.Random(SEED)
# What each command is given where it is not made wrong; {gone} does not exist.
POSITIONAL = {"analyze": ["{gone}"], "report": ["{gone}"], "compare": ["{gone}", "{gone}"]}
POSITIONAL |= {"import": ["{gone}"], "export": ["{gone}"], "evaluate": ["{gone}"]}
POSITIONAL |= {"view": ["{gone}"], "extend": ["{gone}", "3"]}
POSITIONAL |= {"reproduce": ["fig4"], "bench": ["analysis"]}


def flags_of(command: str) -> dict[str, Any]:
    """Each flag of a command and the type of its value."""
    about = COMMANDS[command]
    found = {
        option.name: option.annotation for option in about.options if option.default is not REQUIRED
    }
    for section in get_type_hints(about.config).values() if about.config else ():
        found |= get_type_hints(section)
    return {f"--{name.replace('_', '-')}": annotation for name, annotation in found.items()}


def members(annotation: Any) -> tuple[Any, ...]:
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def misspelt(word: str) -> str:
    at = RANDOM.randrange(2, len(word))
    return word[:at] + RANDOM.choice("qxz") + word[at:]


def wrong_value(annotation: Any) -> str | None:
    """A word that no value of the type stands for; None if any word is one."""
    kinds = [get_args(one)[0] if get_origin(one) is tuple else one for one in members(annotation)]
    if {str} & {*kinds} or any("Path" in str(kind) for kind in kinds):
        return ""
    numbers = ["-1", "-1e-5", "nan", "-inf"] if {int, float} & {*kinds} else []
    return RANDOM.choice([*numbers, "x", "", "1.5.2", "0x", "True!", "⅓"])


def wrong_line() -> list[str]:
    command = RANDOM.choice(list(COMMANDS))
    flags, positional = flags_of(command), POSITIONAL.get(command, [])
    flag = RANDOM.choice(list(flags))
    is_switch = flags[flag] is bool
    right = [command, *positional]
    value = [] if is_switch else ["1"]
    kinds = ["flag", "before", "value", "command", "twice", "more", "fewer", "switch", "lacking"]
    kind = RANDOM.choice(kinds)
    if kind == "command":
        return [misspelt(command), *positional]
    if kind == "before":
        return [flag, *value, *right]
    if kind == "value" and not is_switch:
        wrong = wrong_value(flags[flag])
        return [*right, f"{flag}={wrong}"] if RANDOM.random() < 0.5 else [*right, flag, str(wrong)]
    if kind == "twice" and is_switch:
        return [*right, flag, RANDOM.choice([flag, flag.replace("--", "--no-", 1)])]
    if kind == "more":
        return [*right, "unexpected"]
    if kind == "fewer" and positional:
        return right[:-1]
    if kind == "switch" and is_switch:
        return [*right, f"{flag}=1"]
    takes_none = any(get_origin(one) is tuple for one in members(flags[flag]))
    if kind == "lacking" and not is_switch and not takes_none:
        return [*right, flag]
    return [*right, misspelt(flag), *value]


def distinct_lines() -> list[list[str]]:
    lines: dict[tuple[str, ...], list[str]] = {}
    while len(lines) < N_LINES:
        line = wrong_line()
        lines.setdefault(tuple(line), line)
    return list(lines.values())


LINES = distinct_lines()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lines_reach_every_command():
    assert {line[0] for line in LINES} >= set(COMMANDS)
    assert parse(["analyze", "x"]).run_command  # the base of a line is right


@pytest.mark.parametrize("number", range(N_LINES))
def test_a_wrong_line_is_one_sentence_and_leaves_nothing(number, here, monkeypatch, capsys):
    for function in ("_train", "_analyze"):  # not reached but for a right line
        monkeypatch.setattr(f"ensemble_rsa.cli.main.{function}", lambda *given: pytest.fail("ran"))
    words = [word.format(gone=here / "gone") for word in LINES[number]]
    assert main(words) in (1, 2)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("ensemble-rsa: ")
    assert "Traceback" not in err
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_wrong_lines_in_processes_of_their_own(here):
    for line in LINES[::8]:
        words = [word.format(gone=here / "gone") for word in line]
        program = [sys.executable, "-m", "ensemble_rsa", *words]
        ended = subprocess.run(program, capture_output=True, text=True, timeout=100)
        assert (ended.returncode in (1, 2), ended.stdout) == (True, ""), words
        assert ended.stderr.startswith("ensemble-rsa: "), words
        assert "Traceback" not in ended.stderr, words
    assert list(here.iterdir()) == []


# Right arguments of functions that read and write files; each call replaces one of them.
RDMS = np.abs(np.random.default_rng(0).normal(size=(3, 6)))
RIGHT = {
    "train": {"config": ersa.Config()},
    "load_run": {"path": "gone"},
    "analyze_run": {"path": "gone"},
    "compare_runs": {"run": "gone", "other": "gone"},
    "load_rdms": {"path": "gone.h5"},
    "load_reference": {"path": "gone.h5"},
    "from_run": {"run": "gone", "images": np.zeros((2, 32, 32, 3))},
    "evaluate_run": {"run": "gone", "reference": "gone.h5"},
    "extract": {"source": {"a": np.ones((2, 4, 3))}, "labels": list("aabb")},
    "analyze": {"rdms": 3},
    "from_files": {"pattern": "gone/{instance}.npz"},
    "import_run": {"source": "gone"},
    "check_networks": {"source": "gone"},
    "export": {"run": "gone"},
    "sweep": {"config": ersa.Config()},
    "consistency": {"rdms": RDMS},
}
JUNK: tuple[Any, ...] = (
    object(), "text", "", b"bytes", -1, 0, 1e400, float("nan"), True, {}, {"a": 1}, [], [[]], (),
    {1, 2}, lambda: None, int, np.array([]), np.array(["a"]), np.full((2, 3), np.nan), 1j,
    np.ones((2, 2), complex), [[1], [1, 2]], [None], range(0), iter(()), Literal["a"],
)  # fmt: skip


def wrong_calls() -> list[tuple[str, str, int]]:
    calls = []
    for name in RIGHT:
        for argument, parameter in inspect.signature(getattr(ersa, name)).parameters.items():
            if argument not in ("progress", "resume") and parameter.kind != parameter.VAR_KEYWORD:
                calls += [(name, argument, number) for number in range(len(JUNK))]
    return random.Random(SEED).sample(calls, N_CALLS)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "argument", "number"), wrong_calls())
def test_a_wrong_call_is_one_sentence_and_leaves_nothing(name, argument, number, here, monkeypatch):
    for stage in ("load_dataset", "_new_run"):
        monkeypatch.setattr(
            f"ensemble_rsa.pipeline.train.{stage}", lambda *given: pytest.fail("trained")
        )
    given = {**RIGHT[name], argument: JUNK[number]}
    said = "one line"
    try:
        getattr(ersa, name)(**given)  # some replacements are right
    except (InputError, RunError) as error:
        said = str(error)
    assert said.count("\n") == 0
    assert list(here.iterdir()) == []
