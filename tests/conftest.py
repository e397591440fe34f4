"""Settings every test runs under: strict broadcasting, no window system, fixed seeds."""

import atexit
import contextlib
import dataclasses
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import h5py
import jax
import jaxtyping
import matplotlib as mpl
import numpy as np
import pytest

pytest_plugins = ["tests.made_up_results"]
jax.config.update("jax_numpy_rank_promotion", "raise")
mpl.use("Agg")

# Many tests compile the same programs: one cache for this test run, which parallel workers inherit,
# or for several runs if it is given.
if "ENSEMBLE_RSA_TEST_CACHE" not in os.environ:
    os.environ["ENSEMBLE_RSA_TEST_CACHE"] = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, os.environ["ENSEMBLE_RSA_TEST_CACHE"], ignore_errors=True)
# What the package remembers between runs (measurements, decoded images) is the user's own.
os.environ["XDG_CACHE_HOME"] = os.environ["ENSEMBLE_RSA_TEST_CACHE"]
jax.config.update("jax_compilation_cache_dir", os.environ["ENSEMBLE_RSA_TEST_CACHE"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20201122)


@pytest.fixture
def unchecked_annotations():
    """Switch the check of annotations off, which users do not have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


# Imports of the package wait until a fixture is used: the run-time check of annotations is
# installed after this file is read.


def changed_copy(run: Path, to: Path) -> Path:
    """A copy of an analysed run with other RDMs: every distance is that of another pair."""
    shutil.copytree(run, to)
    with h5py.File(to / "rdms.h5", "r+") as file:
        distances = file["dissimilarities"]
        distances[...] = distances[...][:, ::-1]
    return to


@pytest.fixture(scope="session")
def small_digits():
    """100 training and 60 test images, 8 × 8."""
    from ensemble_rsa.config.settings import DataConfig
    from ensemble_rsa.data.dataset import load_dataset

    return load_dataset(DataConfig("digits", train_images=100, test_images=60))


@pytest.fixture(scope="session", autouse=True)
def formats_of_figures():
    """Figures are not written as PDF, which takes half the time of drawing; yields all formats."""
    from ensemble_rsa.figures import save

    every = dict(save.FORMATS)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(save.FORMATS, ".pdf")
        yield every


@pytest.fixture
def all_formats(formats_of_figures, monkeypatch):
    """Figures are written in every format, as users have them."""
    from ensemble_rsa.figures import save

    monkeypatch.setattr(save, "FORMATS", formats_of_figures)


@contextlib.contextmanager
def tiny_in_catalogue():
    """Replace a network by one of three layers, which compiles in a moment."""
    from ensemble_rsa.models import catalogue
    from ensemble_rsa.models.all_cnn import Architecture, Conv

    tiny = catalogue.all_cnn(Architecture((Conv(40, stride=2), Conv(60, stride=2))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "MODELS", {**catalogue.MODELS, "all_cnn_7b": tiny})
        yield "all_cnn_7b"


@pytest.fixture(scope="module")
def tiny_model():
    """The name of the network of three layers."""
    with tiny_in_catalogue() as name:
        yield name


@pytest.fixture(scope="session")
def quick_execution():
    """What this device runs by default, but compiled without optimisation, which takes longer."""
    from ensemble_rsa.models.execution import default_execution

    usual = default_execution()
    options = {**usual.compiler_options, "xla_backend_optimization_level": "0"}
    return dataclasses.replace(usual, compiler_options=options)


@pytest.fixture(scope="session")
def dropout_run(quick_execution, tmp_path_factory):
    """Two tiny networks trained with dropout and one without; all epochs are kept."""
    from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
    from ensemble_rsa.pipeline import train

    with tiny_in_catalogue() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "choose_execution", lambda *args: quick_execution)
        config = Config(
            DataConfig("digits", train_images=50, test_images=60, preprocessing="standardize"),
            ModelConfig(name, width=0.2),
            TrainingConfig(
                instances=3, epochs=2, batch_size=10, dropout=(0.0, 0.5, 0.5), dropout_seed=5,
                learning_rate=0.1, save_at=(0, 1, 2),
            ),
        )  # fmt: skip
        return train.train(config, tmp_path_factory.mktemp("dropout") / "run")


class Called(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str
    path: Path


def call(*words: object, path: Path) -> Called:
    """Run the command line in this process."""
    from ensemble_rsa.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return Called(status, out.getvalue(), err.getvalue(), path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Called:
    """Three instances trained once for all tests; copy the folder before changing it."""
    path = tmp_path_factory.mktemp("trained") / "run"
    recipe = "--model all_cnn_7 --width 0.1 --preprocessing standardize --instances 3 --seed 3"
    images = "--train-images 100 --test-images 60 --batch-size 20 --epochs 2 --eval-every 2"
    return call("train", *recipe.split(), *images.split(), "--out", path, path=path)


@pytest.fixture(scope="session")
def analysed(trained, tmp_path_factory) -> Called:
    """A copy of the trained run, analysed."""
    path = tmp_path_factory.mktemp("analysed") / "run"
    shutil.copytree(trained.path, path)
    return call("analyze", path, "--n-resamples", 200, path=path)
