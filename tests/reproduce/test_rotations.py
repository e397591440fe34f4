"""Figs S5 and S6: which rotation changes which distance."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from ensemble_rsa.figures.paper.rotations import draw_about_centre, draw_about_origin
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.reproduce.experiments.rotations import EXPERIMENT, findings, simulate
from ensemble_rsa.reproduce.rotation import (
    LARGEST_ABOUT_ORIGIN,
    patterns_in_discs,
    patterns_in_wedges,
    rotate,
)

SETTINGS = {"n_resamples": 100, "confidence": 0.95, "seed": 0}


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return simulate(n_sets=3, n_stimuli=8, n_units=6, n_steps=3).assign_attrs(SETTINGS)


def cosines(patterns):
    return 1 - pdist(patterns, "cosine")


def test_about_a_centre_by_hand():
    # From (2, 2), the points are at (1, −1) and (0, 1); a quarter turn makes (1, 1) and (−1, 0).
    before = np.array([[3.0, 1.0], [2.0, 3.0]])
    after = rotate(before, np.pi / 2, np.array([2.0, 2.0]))
    np.testing.assert_allclose(after, [[3, 3], [1, 2]], atol=1e-12)
    np.testing.assert_allclose([pdist(before), pdist(after)], [[np.sqrt(5)], [np.sqrt(5)]])
    # The cosine is 9/√130 before and 9/√90 after: seen from the origin, they came closer.
    np.testing.assert_allclose(cosines(before), 9 / np.sqrt(130))
    np.testing.assert_allclose(cosines(after), 9 / np.sqrt(90))


def test_about_the_origin_by_hand():
    # The angle of the triangle 3, 4, 5: (x, y) becomes (4x − 3y, 3x + 4y) / 5.
    before = np.array([[2.0, 1.0], [1.0, 1.2], [3.0, 1.0]])
    after = rotate(before, np.arctan2(3, 4))
    np.testing.assert_allclose(after, [[1, 2], [0.08, 1.56], [1.8, 2.6]], atol=1e-12)
    np.testing.assert_allclose(cosines(after), cosines(before), atol=1e-12)
    np.testing.assert_allclose(pdist(after), pdist(before), atol=1e-12)
    # Of two units, correlation knows which is the larger; that of the first pattern changes sides.
    np.testing.assert_allclose(pdist(before, "correlation"), [2, 0, 2], atol=1e-12)
    np.testing.assert_allclose(pdist(after, "correlation"), [0, 0, 0], atol=1e-12)


def test_a_turn_about_a_centre_is_one_about_the_origin_and_a_shift(rng):
    patterns, centre = rng.random((5, 6)), rng.random(6)
    shift = centre - rotate(centre[None], 0.7)[0]
    np.testing.assert_allclose(
        rotate(patterns, 0.7, centre), rotate(patterns, 0.7) + shift, atol=1e-12
    )


def test_units_are_turned_two_by_two_and_distances_with_the_shape_of_a_rotation(rng):
    turn = rotate(np.eye(6), 0.3)  # a row for each unit: the rotation's matrix, transposed
    np.testing.assert_allclose(turn @ turn.T, np.eye(6), atol=1e-12)
    block = [[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]]
    np.testing.assert_allclose(turn, np.kron(np.eye(3), block), atol=1e-12)
    assert not np.allclose(turn.sum(0), 1)  # (1, …, 1) moves, hence correlations change


def test_no_angle_takes_a_pattern_in_its_disc_below_zero(rng):
    patterns, centre = patterns_in_discs(400, 4, rng)
    lowest = [rotate(patterns, a, centre).min() for a in np.linspace(0, 2 * np.pi, 37)]
    assert 0 <= min(lowest) < 0.1  # and the discs reach to the axes


def test_wedges_stay_positive_up_to_the_largest_angle_and_no_further(rng):
    patterns = patterns_in_wedges(400, 4, rng)
    assert np.rad2deg(LARGEST_ABOUT_ORIGIN) == pytest.approx(30)
    assert rotate(patterns, LARGEST_ABOUT_ORIGIN).min() >= 0
    assert rotate(patterns, LARGEST_ABOUT_ORIGIN + 0.05).min() < 0


def test_which_distances_change_and_which_do_not(result):
    changed = {
        "centre": {"correlation", "cosine", "unit_euclidean", "norm_difference"},
        "origin": {"correlation"},
    }
    for about, names in changed.items():
        for distance in DISTANCES:
            chosen = result.sel(about=about, distance=distance)
            change, shared = chosen.change.isel(step=1), chosen.consistency.isel(step=1)
            if distance in names:
                assert change.min() > 0.01
                assert shared.max() < 0.999
            else:
                assert change.max() <= chosen.rounding < 1e-9
                np.testing.assert_allclose(shared, 1, atol=1e-12)
    assert (result.shuffle_change <= result.shuffle_rounding).all()
    np.testing.assert_allclose(result.consistency.isel(step=0), 1, atol=1e-12)


def test_consistency_is_shared_variance_of_before_and_after(result):
    for about, step in (("centre", 1), ("origin", 2)):
        for distance in ("correlation", "cosine"):
            kept = result.sel(about=about, shown=distance)
            r = np.corrcoef(kept.distance_before, kept.distance_after)[0, 1]
            found = result.consistency.sel(about=about, distance=distance)[step, 0]
            assert float(found) == pytest.approx(r**2, abs=1e-12)


def test_what_changes_and_what_stays_are_effects(result):
    rows = findings(result)
    assert all(row.effect and row.low > 0 for row in rows)
    changed = {row.quantity: row for row in rows if "1 − consistency" in row.quantity}
    assert list(changed) == [
        "rotation by 90° about the centre of the patterns: 1 − consistency with before, "
        "correlation distance",
        "rotation by 90° about the centre of the patterns: 1 − consistency with before, "
        "cosine distance",
        "rotation by 30° about the origin: 1 − consistency with before, correlation distance",
    ]
    expected = 1 - result.consistency.sel(about="origin", distance="correlation")[2].mean()
    last = list(changed.values())[-1]
    assert last.value == pytest.approx(float(expected))
    assert last.figure == "s6"
    stays = [row for row in rows if row.quantity.startswith("rounding minus largest change")]
    assert len(stays) == 1 + 4 + 5  # about a centre, about the origin, units shuffled
    assert len(stays) + len(changed) == len(rows)
    tampered = findings(result.assign(change=result.change + 1e-6))
    assert sum(row.low < 0 for row in tampered) == 5


def test_figures_show_points_courses_and_distances(result):
    for draw, about in ((draw_about_centre, "centre"), (draw_about_origin, "origin")):
        figure = draw(result)
        example, course, change = figure.axes
        points = {c.get_label(): np.asarray(c.get_offsets()) for c in example.collections}
        for state in ("before", "after"):
            np.testing.assert_allclose(points[state], result.example.sel(about=about, state=state))
        assert [line.get_label() for line in course.lines] == [
            "correlation", "cosine", "Euclidean", "unit-length Euclidean", "norm difference",
        ]  # fmt: skip
        drawn = course.lines[0].get_ydata()
        np.testing.assert_allclose(
            drawn, result.consistency.sel(about=about, distance="correlation").mean("set")
        )
        clouds = {c.get_label(): np.asarray(c.get_offsets()) for c in change.collections}
        np.testing.assert_allclose(
            clouds["cosine"][:, 1], result.distance_after.sel(about=about, shown="cosine")
        )
        assert course.get_xlim()[1] == pytest.approx({"centre": 180, "origin": 30}[about])


def test_captions_say_how_many_patterns(result):
    for picture in EXPERIMENT.pictures.values():
        assert "3 random sets of 8 patterns of 6 units" in picture.caption(result)
