"""A plan from the RDMs of a run: its files, and a sentence that its numbers bear out."""

import json
import re

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.analysis.planning import plan
from ensemble_rsa.cli.main import main
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline.plan import plan_run, plan_sentence


@pytest.fixture
def run(tmp_path):
    """RDMs of two layers of five networks, the second of them less alike."""
    rng = np.random.default_rng(0)
    shared = rng.random(45)
    noise = np.array([0.2, 1.0])[:, None, None] * np.exp(0.5 * rng.normal(size=(2, 5, 1)))
    stack = (shared + noise * rng.random((2, 5, 45))).astype(np.float32)
    columns = {"layer": np.repeat(["one", "two"], 5), "instance": np.tile(np.arange(5), 2)}
    save_rdms(tmp_path / "rdms.h5", label_rdms(stack, "correlation", columns))
    return tmp_path, stack


def test_the_command_writes_what_the_function_finds(run, capsys):
    folder, stack = run
    words = ["plan", str(folder), "--instances", "5", "20", "--stimuli", "10", "40"]
    assert main([*words, "--difference", "0.2"]) == 0
    shown = capsys.readouterr().out
    path = folder / "plan" / "plan.json"
    assert shown.splitlines()[-1] == str(path)
    expected = plan(stack, instances=[5, 20], stimuli=[10, 40], difference=0.2)
    record = json.loads(path.read_text())
    assert (record["layer"], record["layers"]) == ("two", ["one", "two"])
    np.testing.assert_allclose(record["width"], expected.width)
    for n in range(2):
        for m in range(2):
            width, power = (float(expected[name][1, n, m]) for name in ("width", "power"))
            assert f"{width:.3f} ({power:.2f})" in shown
    assert record["sentence"] in " ".join(shown.split())
    with xr.open_dataset(folder / "plan" / "plan.nc", engine="h5netcdf") as stored:
        np.testing.assert_allclose(stored.power, expected.power)
    assert (folder / "plan" / "plan.png").stat().st_size > 1000


def test_the_sentence_is_true(run):
    _, stack = run
    found = plan(stack[0])
    sentence = plan_sentence(found)
    now, more = re.search(r"to be ([\d.]+) wide; (\d+) more networks halve it", sentence).groups()
    before, after = (
        plan(stack[0], instances=[5 + int(more) - one], stimuli=[10]).width.item() for one in (1, 0)
    )
    assert after <= float(now) / 2 + 5e-4
    assert before > float(now) / 2 - 5e-4
    limit = float(re.search(r"cannot bring it below (\d+\.\d+)", sentence).group(1))
    assert plan(stack[0], instances=[5], stimuli=[10**7]).width.item() == pytest.approx(
        limit, abs=6e-4
    )


def test_a_run_without_rdms_or_with_two_networks_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="run: no such folder: .*elsewhere"):
        plan_run(tmp_path / "elsewhere")
    columns = {"layer": ["one"] * 2, "instance": [0, 1]}
    save_rdms(tmp_path / "rdms.h5", label_rdms(run[1][0, :2], "correlation", columns))
    with pytest.raises(InputError, match="expected at least 3 instances for a plan, got 2"):
        plan_run(tmp_path)


def test_plans_with_files_of_one_name_are_kept_apart(run, tmp_path):
    names = []
    for area in ("V1", "IT", "V1"):
        (tmp_path / area).mkdir(exist_ok=True)
        np.save(tmp_path / area / "brain.npy", np.random.default_rng(0).random((4, 45)))
        names.append(plan_run(run[0], tmp_path / area / "brain.npy")[1].parent.name)
    assert names == ["plan-brain", "plan-brain-2", "plan-brain"]


def test_a_plan_with_subjects(run, capsys):
    folder, stack = run
    rng = np.random.default_rng(1)
    people = stack[0, :4] + rng.random((4, 45)).astype(np.float32)
    np.save(folder / "people.npy", people)
    words = ["plan", str(folder), "--reference", str(folder / "people.npy")]
    words += ["--comparison", "pearson", "--instances", "5", "20", "--subjects", "8", "16"]
    assert main([*words, "--stimuli", "20", "10"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    numbers = {"instances": [5, 20], "subjects": [8, 16], "stimuli": [10, 20]}
    expected = plan(stack, people, **numbers, comparison="pearson")
    record = json.loads((folder / "plan-people-pearson" / "plan.json").read_text())
    np.testing.assert_allclose(record["width"], expected.width, rtol=1e-5)
    assert (record["instances"], record["subjects"], record["stimuli"]) == (
        [5, 20],
        [8, 16],
        [10, 20],
    )
    assert len(record["components"]) == 7
    at = record["layers"].index(record["layer"])
    for n in range(2):
        for k in range(2):
            width, power = (float(expected[name][at, n, k, 0]) for name in ("width", "power"))
            assert f"{width:.3f} ({power:.2f})" in shown
    assert record["sentence"] in shown
    assert "With 5 networks, 4 subjects and 10 stimuli" in record["sentence"]
    limit = re.search(r"more subjects cannot bring it below (\d+\.\d+)", record["sentence"])
    many = plan(stack[at], people, instances=[5], subjects=[10**7], stimuli=[10],
                comparison="pearson")  # fmt: skip
    assert many.width.item() == pytest.approx(float(limit.group(1)), abs=6e-4)


def test_how_a_reference_is_read_needs_one(run, capsys):
    assert main(["plan", str(run[0]), "--variable", "rdm"]) == 2
    assert "variable: expected --reference with it" in capsys.readouterr().err


def test_a_plan_is_named_like_an_evaluation_without_special_signs(run):
    folder, stack = run
    for name in "abc":
        np.save(
            folder / f"sub-{name}.npy", stack[0, :1] + np.random.default_rng(ord(name)).random(45)
        )
    words = ["plan", str(folder), "--reference", str(folder / "sub-{subject}.npy")]
    assert main([*words, "--instances", "5"]) == 0
    assert (folder / "plan-sub-subject" / "plan.json").is_file()
