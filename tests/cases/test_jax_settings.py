"""Settings of JAX that would change networks or stop the package: the same numbers under each."""

import contextlib
import os
import subprocess
import sys
import zlib

import chex
import h5py
import jax
import numpy as np
import pytest
import xarray as xr

import ensemble_rsa as ersa
from ensemble_rsa import rng
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.pipeline import train as pipeline
from ensemble_rsa.runs.run import load_networks
from ensemble_rsa.training.step import epoch_order

# `jax_random_seed_offset` has no context; the test with variables of the environment sets it too.
SETTINGS = {
    "JAX_DEFAULT_PRNG_IMPL": ("rbg", jax.default_prng_impl),
    "JAX_THREEFRY_PARTITIONABLE": (False, jax.threefry_partitionable),
    "JAX_ENABLE_X64": (True, jax.enable_x64),
    "JAX_NUMPY_DTYPE_PROMOTION": ("strict", jax.numpy_dtype_promotion),
    "JAX_NUMPY_RANK_PROMOTION": ("raise", jax.numpy_rank_promotion),
    "JAX_DEBUG_NANS": (True, jax.debug_nans),
    "JAX_DEBUG_INFS": (True, jax.debug_infs),
    "JAX_DEBUG_KEY_REUSE": (True, jax.debug_key_reuse),
    "JAX_DISABLE_JIT": (True, jax.disable_jit),
    "JAX_DEFAULT_MATMUL_PRECISION": ("bfloat16", jax.default_matmul_precision),
    "JAX_TRANSFER_GUARD": ("disallow", jax.transfer_guard),
}


@contextlib.contextmanager
def set_to(*names):
    with contextlib.ExitStack() as stack:
        for name in names:
            value, context = SETTINGS[name]
            stack.enter_context(context(value))
        yield


def plain_stream(seed, purpose):
    """The key that JAX makes under its defaults, in which the tests run."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(purpose.encode()))


@pytest.mark.parametrize("name", SETTINGS)
def test_random_numbers_are_those_of_the_defaults(name):
    key = plain_stream(7, "init")
    expected = jax.random.uniform(key, (3,)), jax.random.bernoulli(key, 0.3, (9,))
    order = jax.random.permutation(jax.random.fold_in(plain_stream(7, "order"), 2), 12)
    data = np.asarray(jax.random.key_data(key))
    host = np.random.default_rng(np.asarray(jax.random.key_data(plain_stream(3, "mds"))))
    numbers = host.random(3)
    with set_to(name):
        ours = rng.stream(7, "init")
        found = rng.uniform(ours, (3,)), rng.bernoulli(ours, 0.3, (9,))
        epoch = epoch_order(7, 2, 12, 4)
        ours = np.asarray(jax.random.key_data(ours))
        drawn = rng.host_stream(3, "mds").random(3)
    chex.assert_trees_all_equal(found, expected)
    np.testing.assert_array_equal(np.ravel(epoch), order)
    np.testing.assert_array_equal(ours, data)
    np.testing.assert_array_equal(drawn, numbers)


def test_a_negative_seed_and_one_of_32_bits_give_the_keys_of_the_defaults():
    for seed in (-5, 2**31, 2**32 - 1):
        with jax.enable_x64(True):
            found = jax.random.key_data(rng.stream(seed, "order"))
        wrapped = np.uint32(seed % 2**32)
        np.testing.assert_array_equal(found, jax.random.key_data(plain_stream(wrapped, "order")))


@pytest.mark.parametrize("name", SETTINGS)
def test_analyses_give_the_same_numbers(name):
    generator = np.random.default_rng(0)
    activations = generator.normal(size=(3, 12, 30)).astype(np.float32)
    labels = np.repeat(["a", "b", "c"], 4)

    def numbers():
        rdms = ersa.compute_rdm(activations)
        interval = ersa.bootstrap_consistency(rdms, "both", n_resamples=50)
        drawn = ersa.random_category_consistency(activations, labels, n_draws=5)
        return rdms, ersa.mds(rdms[0]).embedding, interval.low, interval.high, drawn

    expected = numbers()
    with set_to(name):
        found = numbers()
    chex.assert_trees_all_equal(found, expected)
    assert [np.asarray(one).dtype for one in found] == [np.asarray(one).dtype for one in expected]


def test_the_settings_are_the_users_again_in_between():
    seen = []

    def blocks():
        for _ in range(2):
            seen.append(jax.config.jax_enable_x64)
            yield xr.DataArray(np.eye(4), dims=("stimulus", "unit"))

    ersa.compute_rdm(blocks())
    with jax.enable_x64(True):
        ersa.compute_rdm(blocks())
    assert seen == [False, False, True, True]


def test_networks_and_rdms_are_the_same_under_all_settings_together(
    dropout_run, tiny_model, quick_execution, tmp_path, monkeypatch
):
    monkeypatch.setattr(pipeline, "choose_execution", lambda *args: quick_execution)
    settings = AnalysisConfig.of(stimuli=20, n_resamples=20)
    expected = ersa.extract(dropout_run, settings=settings)
    with set_to(*SETTINGS):
        run = pipeline.train(dropout_run.config, tmp_path / "run")
        rdms = ersa.extract(run, settings=settings)
        results = ersa.analyze(rdms, settings)
    networks = [load_networks(one, "xla")[1] for one in (run, dropout_run)]
    chex.assert_trees_all_equal(*map(jax.device_get, networks))
    np.testing.assert_array_equal(rdms.exemplar, expected.exemplar)
    assert rdms.exemplar.dtype == np.float32
    assert results.identical(ersa.analyze(expected, settings))


def test_a_platform_that_is_absent_is_named(monkeypatch):
    def absent():
        raise RuntimeError("Unable to initialize backend 'cuda': no plugin\nmore")

    monkeypatch.setattr(jax, "default_backend", absent)
    with pytest.raises(RunError, match=r"^JAX_PLATFORMS: .*'cuda': no plugin\); unset it, or set"):
        fixed_settings().__enter__()


RECIPE = (
    "train --model all_cnn_7 --width 0.1 --preprocessing standardize --instances 3 --epochs 1 "
    "--train-images 60 --test-images 60 --batch-size 20 --dropout 0.2 --quiet"
)


def trained_and_analysed(folder, **variables):
    environment = {**os.environ, **variables}
    for words in (f"{RECIPE} --out {folder}", f"analyze {folder} --n-resamples 20 --quiet"):
        program = [sys.executable, "-m", "ensemble_rsa", *words.split()]
        ended = subprocess.run(program, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    with h5py.File(folder / "rdms.h5") as file:
        return file["dissimilarities"][()]


@pytest.mark.slow
def test_variables_of_the_environment_change_nothing(tmp_path):
    variables = {name: str(value).lower() for name, (value, _) in SETTINGS.items()}
    expected = trained_and_analysed(tmp_path / "usual")
    found = trained_and_analysed(tmp_path / "run", JAX_RANDOM_SEED_OFFSET="5", **variables)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["tpu", "cuda", "abacus"])
def test_an_absent_platform_is_one_line(platform, tmp_path):
    words = [sys.executable, "-m", "ensemble_rsa", *RECIPE.split(), "--out", str(tmp_path / "run")]
    environment = {**os.environ, "JAX_PLATFORMS": platform}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True)
    if ended.returncode == 0:
        pytest.skip(f"this machine has {platform}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("ensemble-rsa: JAX_PLATFORMS: JAX cannot use ")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
