"""Every variant has networks of its own, and its results are stored for its settings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from ensemble_rsa.reproduce import variants
from ensemble_rsa.reproduce.variants import VARIANTS, read_variants, try_variants
from tests.reproduce.conftest import build_stack, consistencies

SEEDS = {"8x8_maps": [3, 0, 5, 2], "l2_on_kernels": [0, 1, 6, 7]}


@pytest.fixture
def work(tmp_path, monkeypatch, make_work):
    """Networks of which one was replaced, and RDMs that differ by distance and by stimuli."""

    def networks(work, name):
        return SimpleNamespace(
            config=work.scale.ensembles[name],
            accuracy={"train": np.array([0.8, 0.9, 1.0]), "test": np.array([0.5, 0.6, 0.7])},
            flagged=(None, None),
            replaced=(None,),
        )

    def rdms(work, name, layers, settings, distance):
        assert layers == ["conv9"]
        seed = (distance == "euclidean") + 2 * settings.stimulus.draw_stimuli
        return build_stack(layers, SEEDS.get(name, [0, 1, 2, 3]), seed=seed, noise=[0.5])

    monkeypatch.setattr(variants, "networks", networks)
    monkeypatch.setattr(variants, "rdms", rdms)
    return make_work(tmp_path, n_resamples=50)


def test_variants_are_measured_and_stored_for_their_settings(work):
    assert read_variants(work) == []
    found = {one.variant: one for one in try_variants(work)}
    assert list(found) == list(VARIANTS)
    default, other = found["default"], found["other_stimuli"]
    assert default.train_accuracy == pytest.approx((0.9, 0.8, 1.0))
    assert default.test_accuracy == pytest.approx((0.6, 0.5, 0.7))
    assert (default.flagged, default.replaced) == (2, 1)
    for measured, seed in (
        (default.correlation, 0), (default.euclidean, 1), (other.correlation, 2),
    ):  # fmt: skip
        stack = build_stack(["conv9"], [0, 1, 2, 3], seed=seed, noise=[0.5])
        expected = consistencies(stack.exemplar.values[0]).mean()
        assert measured[0] == pytest.approx(expected, abs=1e-6)
        assert measured[1] <= measured[0] <= measured[2]

    assert read_variants(work) == list(found.values())
    base = work.scale.ensembles["control"]
    longer = replace(base, training=replace(base.training, epochs=6))
    other_scale = replace(work.scale, ensembles={**work.scale.ensembles, "control": longer})
    assert read_variants(replace(work, scale=other_scale)) == []


def test_a_variant_is_compared_with_the_default_by_the_seeds_that_both_have(work):
    found = {one.variant: one for one in try_variants(work)}
    assert found["default"].correlation_change is None
    assert found["l2_on_kernels"].correlation_change is None  # two seeds in common
    default, padded = (
        build_stack(["conv9"], seeds, seed=0, noise=[0.5]).exemplar.values[0]
        for seeds in ([0, 1, 2, 3], SEEDS["8x8_maps"])
    )
    padded = padded[[1, 3, 0]]  # seeds 0, 2, 3
    pairs = consistencies(padded) - consistencies(default[[0, 2, 3]])
    without = pairs[::-1]  # of three instances, one pair is left without each
    error = np.sqrt(2 / 3 * np.sum((without - without.mean()) ** 2))
    reach = stats.t.ppf(0.975, 2) * error
    expected = pairs.mean(), pairs.mean() - reach, pairs.mean() + reach
    assert found["8x8_maps"].correlation_change == pytest.approx(expected, abs=1e-5)
    assert read_variants(work) == list(found.values())
