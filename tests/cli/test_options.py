"""From words to configurations, and what the help and the errors say, without running anything."""

import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from ensemble_rsa.cli.main import COMMANDS, build_parsers, main, parse
from ensemble_rsa.cli.options import config_from_options, parse_words
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import Config, DataConfig, TrainingConfig


def train_config(words, base=None):
    return config_from_options(parse(["train", *words.split()]), base or Config())


@pytest.mark.parametrize("words", ["order dropout", "order,dropout", "order, dropout"])
def test_names_are_separated_by_blanks_or_commas(words):
    assert parse(["train", "--vary", *words.split()]).vary == ("order", "dropout")


def test_a_value_that_is_none_of_a_flags_is_refused_with_those_that_are():
    actions = [action for parser in build_parsers()[1].values() for action in parser._actions]
    annotations = [each.annotation for each in actions if hasattr(each, "annotation")]
    limited = [each for each in annotations if not re.search(r"\bstr\b|Path", str(each))]
    assert len(limited) > 50
    for annotation in limited:
        with pytest.raises(ValueError, match=r"^expected \w.+, got 'no such value'"):
            parse_words(annotation, ["no such value"])


def test_every_field_has_a_flag_with_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for section in get_type_hints(Config).values():
        for field in dataclasses.fields(section):
            assert f" --{field.name.replace('_', '-')}" in shown
    assert "weight seed of the first instance (default: 0)" in shown
    assert "(default: 0.5714 0.7143 0.8571)" in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", {}),
        ("--epochs 3 --width=0.5 --test_images 20", {"epochs": 3, "width": 0.5, "test_images": 20}),
        ("--seeds 1 2 --instances 2", {"seeds": (1, 2), "instances": 2}),
        ("--save-at trajectory", {"save_at": "trajectory"}),
        ("--save-at 0 1 2", {"save_at": (0, 1, 2)}),
        ("--save-at", {"save_at": ()}),
        ("--dropout 0.5 --l2 0 1e-3 --instances 2", {"dropout": 0.5, "l2": (0.0, 1e-3)}),
        ("--no-last-relu --l2-biases", {"last_relu": False, "l2_biases": True}),
        ("--at-once all --group 3 --devices None", {"at_once": "all", "group": 3, "devices": None}),
        ("--at-once 2 --precision bfloat16", {"at_once": 2, "precision": "bfloat16"}),
        ("--categories cat dog --data-dir x", {"categories": ("cat", "dog"), "data_dir": "x"}),
    ],
)  # fmt: skip
def test_flags_change_the_fields_of_their_name_alone(words, expected):
    flat = lambda config: {
        name: value
        for section in vars(config).values()
        for name, value in vars(section).items()
    }  # fmt: skip
    found, before = flat(train_config(words)), flat(Config())
    assert {name: found[name] for name in expected} == expected
    assert {name for name in found if found[name] != before[name]} <= {*expected, "instances"}


def test_settings_that_are_not_given_keep_a_stored_configuration():
    stored = Config(DataConfig("cifar10"), training=TrainingConfig(seeds=(4, 9), instances=2))
    found = train_config("--seeds None --epochs 5", stored)
    assert found.data == stored.data
    assert found.training == dataclasses.replace(stored.training, seeds=None, epochs=5)


def test_resuming_reads_the_configuration_in_out(monkeypatch, tmp_path):
    stored = Config(DataConfig("cifar10"), training=TrainingConfig(epochs=7, dropout=0.5))
    (tmp_path / "config.json").write_text(json.dumps(config_to_dict(stored)))
    trained = []
    monkeypatch.setattr("ensemble_rsa.cli.main._train", lambda *given: trained.append(given[0]))
    assert main(["train", "--resume", "--out", str(tmp_path), "--feed", "disk"]) == 0
    assert main(["train", "--out", str(tmp_path)]) == 0
    resumed, anew = trained
    assert (resumed.data, resumed.training) == (stored.data, stored.training)
    assert resumed.execution.feed == "disk"
    assert anew == Config()


def test_a_sweep_has_every_combination(monkeypatch):
    trained = []
    monkeypatch.setattr("ensemble_rsa.cli.main._train", lambda *given: trained.append(given[0]))
    words = "train --instances 2 --sweep dropout=0,0.5 l2=1e-5,1e-4"
    assert main(words.split()) == 0
    assert trained[0].training.dropout == (0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5)
    assert trained[0].training.l2 == (1e-5, 1e-5, 1e-4, 1e-4) * 2


def test_other_arguments():
    options = parse(["compare", "a", "b", "--paired=False", "--out=None", "--n-resamples", "5"])
    assert (options.run, options.other) == (Path("a"), Path("b"))
    assert (options.paired, options.out, options.n_resamples) == (False, None, 5)
    assert parse(["compare", "a", "b"]).paired is None
    options = parse(["reproduce", "--quiet", "fig2", "s4", "--scale", "small"])
    assert (options.figures, options.scale, options.quiet) == (("fig2", "s4"), "small", True)
    options = parse(["reproduce", "fig4", "--scale", "small", "fig7", "--quiet", "s1"])
    assert (options.figures, options.scale, options.quiet) == (
        ("fig4", "fig7", "s1"),
        "small",
        True,
    )


# Words, and the one line on stderr.
MISTAKES = {
    "trian": "unknown command 'trian'; choose from demo, train, extend, import, analyze, view, "
    "report, compare, evaluate, plan, export, reproduce, bench; did you mean train? "
    "see ensemble-rsa --help",
    "--quiet": "unknown flag --quiet; see ensemble-rsa --help",
    "train --epoch 1": "unknown flag --epoch; did you mean --epochs? see ensemble-rsa train --help",
    "extend runs/ten": "the following arguments are required: instances; see ensemble-rsa extend "
    "--help",
    "train 3": "unexpected argument '3'; see ensemble-rsa train --help",
    "train -3": "unexpected argument '-3'; see ensemble-rsa train --help",
    "--quiet demo": "--quiet: expected after the command, as in ensemble-rsa demo --quiet; "
    "see ensemble-rsa --help",
    "--epochs 3 train": "--epochs: expected after the command, as in ensemble-rsa train --epochs; "
    "see ensemble-rsa --help",
    "train --l2 -1e-5": "l2: expected 0 or more, got -1e-05",
    "train --l2 0 -.5E3": "l2: expected 0 or more, got (0.0, -500.0)",
    "train --width -inf": "width: expected a number above 0, got -inf",
    "train --epochs 1 --epochs 2": "--epochs: given twice; give it once; "
    "see ensemble-rsa train --help",
    "train --last-relu --no-last-relu": "--last-relu or --no-last-relu: given twice; give it once; "
    "see ensemble-rsa train --help",
    "train --out=": "--out: expected a path or None, got ''; see ensemble-rsa train --help",
    "train --sweep": "sweep: expected settings and their values like dropout=0,0.5, got none",
    "reproduce fig4 --scale small fig77 --scal": "unknown flag --scal; did you mean --scale? "
    "see ensemble-rsa reproduce --help",
    "train --epochs": "--epochs: expected one argument; see ensemble-rsa train --help",
    "train --epochs abc": "--epochs: expected a whole number, got 'abc'; "
    "see ensemble-rsa train --help",
    "train --l2 1 x": "--l2: expected a number or numbers, got '1 x'; "
    "see ensemble-rsa train --help",
    "train --precision float23": "--precision: expected float32, tensorfloat32 or bfloat16, got "
    "'float23'; did you mean float32? see ensemble-rsa train --help",
    "train --vary wieghts": "--vary: expected weights, order, augmentation, dropout or None, got "
    "'wieghts'; did you mean weights? see ensemble-rsa train --help",
    "train --vary order,droput": "--vary: expected weights, order, augmentation, dropout or None, "
    "got 'order,droput'; did you mean dropout? see ensemble-rsa train --help",
    "train --save-at x": "--save-at: expected trajectory or whole numbers, got 'x'; "
    "see ensemble-rsa train --help",
    "train --sweep dropout=0,0.5 dropout=0.9": "sweep: expected each setting once, got dropout "
    "twice",
    "train --sweep dropout": "sweep: expected a setting and its values like dropout=0,0.5, got "
    "'dropout'",
    "analyze": "the following arguments are required: run; see ensemble-rsa analyze --help",
    "compare a b --paired x": "--paired: expected True, False or None, got 'x'; "
    "see ensemble-rsa compare --help",
    "reproduce": "figures: expected fig2 … fig9, s1 … s8 or all, got none",
    "bench analyse": "what: expected analysis, train, extract or compile, got 'analyse'; did you "
    "mean analysis? see ensemble-rsa bench --help",
    "bench train --quick --full": "bench: got --quick and --full; give one of them, or neither",
}  # fmt: skip


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line(words, capsys):
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"ensemble-rsa: {MISTAKES[words]}\n")


def test_without_arguments_the_help_is_shown(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"    {command} " in shown or f"    {command}\n" in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_can_be_printed_on_any_terminal(command, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", stream)
    with pytest.raises(SystemExit):
        main([command, "--help"])
    stream.flush()
    assert stream.buffer.getvalue().startswith(b"usage: ensemble-rsa " + command.encode())


def test_the_module_answers_without_importing_jax():
    program = (
        "import runpy, sys; sys.argv = ['ensemble_rsa', '--version']\n"
        "try: runpy.run_module('ensemble_rsa', run_name='__main__')\n"
        "except SystemExit: sys.exit('jax' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("ensemble-rsa 0.")
