"""Every switch is tried once on its own networks, and what came of it is kept for its settings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble_rsa.reproduce import variants
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.variants import BASE, VARIANTS, read_variants, try_variants
from ensemble_rsa.reproduce.workspace import Workspace


@pytest.fixture
def work(tmp_path, monkeypatch, make_stack):
    """Networks of which one was replaced, and RDMs that differ by distance."""

    def networks(work, name):
        return SimpleNamespace(
            config=work.scale.ensembles[name],
            accuracy={"test": np.array([0.5, 0.6, 0.7])},
            flagged=(None, None),
            replaced=(None,),
        )

    def rdms(work, name, settings, layers, distance):
        assert layers == ["conv9"]
        seed = (distance == "euclidean") + 2 * settings.stimulus.draw_stimuli
        return make_stack(layers, [0, 1, 2], seed=seed, noise=[0.5])

    monkeypatch.setattr(variants, "networks", networks)
    monkeypatch.setattr(variants, "rdms", rdms)
    scale = make_scale("smoke")
    return Workspace(tmp_path, replace(scale, analysis=scale.analysis.replace(n_resamples=50)))


def test_each_variant_has_accuracy_both_consistencies_and_what_did_not_converge(work, make_stack):
    tried = {one.variant: one for one in try_variants(work)}
    assert list(tried) == list(VARIANTS)
    default, other = tried["default"], tried["other_stimuli"]
    assert default.accuracy == pytest.approx((0.6, 0.5, 0.7))
    assert (default.flagged, default.replaced) == (2, 1)
    for found, seed in (
        (default.correlation, 0), (default.euclidean, 1), (other.correlation, 2),
    ):  # fmt: skip
        stack = make_stack(["conv9"], [0, 1, 2], seed=seed, noise=[0.5]).exemplar.values[0]
        r = np.corrcoef(stack.astype(np.float64))[np.triu_indices(3, 1)]
        assert found[0] == pytest.approx(np.mean(r**2), abs=1e-6)
        assert found[1] <= found[0] <= found[2]


def test_what_was_tried_is_kept_for_the_settings_it_was_tried_with(work):
    assert read_variants(work) == []
    tried = try_variants(work)
    assert read_variants(work) == tried
    base = work.scale.ensembles[BASE]
    longer = replace(base, training=replace(base.training, epochs=6))
    other = replace(work.scale, ensembles={**work.scale.ensembles, BASE: longer})
    assert read_variants(replace(work, scale=other)) == []
