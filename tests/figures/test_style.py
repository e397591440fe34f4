import matplotlib as mpl
import pytest

from ensemble_rsa.figures.consistency import draw_consistency
from ensemble_rsa.figures.style import category_style, layer_names


def test_a_hundred_categories_look_different():
    looks = {(style["color"], style["marker"]) for style in map(category_style, range(100))}
    assert len(looks) == 100


def test_the_users_settings_are_neither_used_nor_changed(make_results):
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30}):
        before = dict(mpl.rcParams)
        axes = draw_consistency(make_results(n_layers=2, n_instances=3)).axes[0]
        assert dict(mpl.rcParams) == before
    assert axes.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert axes.yaxis.label.get_size() == 7


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        (["conv1", "fc7"], ["conv1", "fc7"]),
        (["net.a.conv.weight", "net.b.conv.weight"], ["a", "b"]),
        (["net.layer", "net.layer.a_longer_one"], ["net.layer", "net.l…longer_one"]),
    ],
)
def test_long_names_lose_what_they_share(make_results, layers, names):
    assert layer_names(make_results(layers=layers, n_instances=2)) == names
