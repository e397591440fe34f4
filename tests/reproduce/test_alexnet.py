"""Fig. 6."""

import numpy as np
import pytest

from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.figures.paper.depth import draw_depth
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.reproduce import depth_profiles
from ensemble_rsa.reproduce.experiments import alexnet
from ensemble_rsa.reproduce.paper import NUMBERS

LAYERS = layer_names("alexnet")
SETTINGS = AnalysisConfig.of(n_resamples=100, stimuli=60)


@pytest.fixture
def result(make_stack, monkeypatch, make_work):
    def asked(work, name, settings, distance):
        assert (name, settings, distance) == ("alexnet", SETTINGS, "correlation")
        return make_stack(LAYERS, range(3), noise=[0.1, 0.2, 0.2, 0.2, 0.2, 0.9, 0.4, 0.6])

    monkeypatch.setattr(depth_profiles, "rdms", asked)
    return alexnet.measure(make_work(large_images=SETTINGS))


def test_findings_name_fc6_and_fc7(result):
    found = {finding.quantity: finding for finding in alexnet.findings(result)}
    assert {key for figure, key in NUMBERS if figure == "fig6"} <= set(found)
    means = dict(zip(LAYERS, result.consistency_mean.squeeze().values, strict=True))
    assert found["penultimate-layer consistency, AlexNet"].value == pytest.approx(means["fc7"])
    fall = found["conv1 minus fc6 consistency, AlexNet"]
    rise = found["fc7 minus fc6 consistency, AlexNet"]
    assert fall.effect
    assert rise.effect
    assert fall.value == pytest.approx(means["conv1"] - means["fc6"])
    assert rise.value == pytest.approx(means["fc7"] - means["fc6"])
    assert rise.value > 0


def test_one_line_through_all_layers(result):
    axes = draw_depth(result).axes[0]
    (line,) = (line for line in axes.lines if line.get_linestyle() == "-")
    np.testing.assert_allclose(line.get_ydata(), result.consistency_mean.squeeze())
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(LAYERS)
    assert "surrogate" not in alexnet.caption(result)
