"""Every variant has networks of its own, and its results are stored for its settings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble_rsa.reproduce import variants
from ensemble_rsa.reproduce.variants import VARIANTS, read_variants, try_variants
from tests.reproduce.conftest import build_stack, consistencies


@pytest.fixture
def work(tmp_path, monkeypatch, make_work):
    """Networks of which one was replaced, and RDMs that differ by distance and by stimuli."""

    def networks(work, name):
        return SimpleNamespace(
            config=work.scale.ensembles[name],
            accuracy={"test": np.array([0.5, 0.6, 0.7])},
            flagged=(None, None),
            replaced=(None,),
        )

    def rdms(work, name, layers, settings, distance):
        assert layers == ["conv9"]
        seed = (distance == "euclidean") + 2 * settings.stimulus.draw_stimuli
        return build_stack(layers, [0, 1, 2], seed=seed, noise=[0.5])

    monkeypatch.setattr(variants, "networks", networks)
    monkeypatch.setattr(variants, "rdms", rdms)
    return make_work(tmp_path, n_resamples=50)


def test_variants_are_measured_and_stored_for_their_settings(work):
    assert read_variants(work) == []
    found = {one.variant: one for one in try_variants(work)}
    assert list(found) == list(VARIANTS)
    default, other = found["default"], found["other_stimuli"]
    assert default.accuracy == pytest.approx((0.6, 0.5, 0.7))
    assert (default.flagged, default.replaced) == (2, 1)
    for measured, seed in (
        (default.correlation, 0), (default.euclidean, 1), (other.correlation, 2),
    ):  # fmt: skip
        stack = build_stack(["conv9"], [0, 1, 2], seed=seed, noise=[0.5])
        expected = consistencies(stack.exemplar.values[0]).mean()
        assert measured[0] == pytest.approx(expected, abs=1e-6)
        assert measured[1] <= measured[0] <= measured[2]

    assert read_variants(work) == list(found.values())
    base = work.scale.ensembles["control"]
    longer = replace(base, training=replace(base.training, epochs=6))
    other_scale = replace(work.scale, ensembles={**work.scale.ensembles, "control": longer})
    assert read_variants(replace(work, scale=other_scale)) == []
