"""Figs S5 and S6: which rotation changes which distance."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.reproduce.experiments.rotations import EXPERIMENT, findings, simulate
from ensemble_rsa.reproduce.rotation import (
    LARGEST_ABOUT_ORIGIN,
    patterns_in_discs,
    patterns_in_wedges,
    rotate,
)
from tests.reproduce.conftest import shared_variance


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return simulate(n_sets=3, n_stimuli=8, n_units=6, n_steps=3).assign_attrs(n_resamples=100)


cosines = lambda patterns: 1 - pdist(patterns, "cosine")


def test_about_a_centre_by_hand():
    # From (2, 2), the points are at (1, −1) and (0, 1); a quarter turn makes (1, 1) and (−1, 0).
    before = np.array([[3.0, 1.0], [2.0, 3.0]])
    after = rotate(before, np.pi / 2, np.array([2.0, 2.0]))
    np.testing.assert_allclose(after, [[3, 3], [1, 2]], atol=1e-12)
    np.testing.assert_allclose([pdist(before), pdist(after)], [[np.sqrt(5)], [np.sqrt(5)]])
    # The cosine is 9/√130 before and 9/√90 after: seen from the origin, they are closer.
    np.testing.assert_allclose(cosines(before), 9 / np.sqrt(130))
    np.testing.assert_allclose(cosines(after), 9 / np.sqrt(90))


def test_about_the_origin_by_hand():
    # The angle of the triangle 3, 4, 5: (x, y) becomes (4x − 3y, 3x + 4y) / 5.
    before = np.array([[2.0, 1.0], [1.0, 1.2], [3.0, 1.0]])
    after = rotate(before, np.arctan2(3, 4))
    np.testing.assert_allclose(after, [[1, 2], [0.08, 1.56], [1.8, 2.6]], atol=1e-12)
    np.testing.assert_allclose(cosines(after), cosines(before), atol=1e-12)
    np.testing.assert_allclose(pdist(after), pdist(before), atol=1e-12)
    # With two units, correlation depends on which is larger; this changes for the first pattern.
    np.testing.assert_allclose(pdist(before, "correlation"), [2, 0, 2], atol=1e-12)
    np.testing.assert_allclose(pdist(after, "correlation"), [0, 0, 0], atol=1e-12)


def test_units_are_rotated_in_pairs():
    turn = rotate(np.eye(6), 0.3)  # a row for each unit: the rotation's matrix, transposed
    block = [[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]]
    np.testing.assert_allclose(turn, np.kron(np.eye(3), block), atol=1e-12)


def test_rotated_patterns_stay_positive_up_to_the_largest_angle_and_no_further(rng):
    discs, centre = patterns_in_discs(400, 4, rng)
    lowest = [rotate(discs, a, centre).min() for a in np.linspace(0, 2 * np.pi, 37)]
    assert 0 <= min(lowest) < 0.1  # and the discs extend to the axes
    wedges = patterns_in_wedges(400, 4, rng)
    assert np.rad2deg(LARGEST_ABOUT_ORIGIN) == pytest.approx(30)
    assert rotate(wedges, LARGEST_ABOUT_ORIGIN).min() >= 0
    assert rotate(wedges, LARGEST_ABOUT_ORIGIN + 0.05).min() < 0


def test_which_distances_change_and_which_do_not(result):
    unchanged = {("centre", "euclidean")}
    unchanged |= {("origin", distance) for distance in set(DISTANCES) - {"correlation"}}
    for about, distance in itertools.product(("centre", "origin"), DISTANCES):
        chosen = result.sel(about=about, distance=distance)
        change, shared = chosen.change.isel(step=1), chosen.consistency.isel(step=1)
        if (about, distance) in unchanged:
            assert change.max() <= chosen.rounding < 1e-9
            np.testing.assert_allclose(shared, 1, atol=1e-12)
        else:
            assert change.min() > 0.01
            assert shared.max() < 0.999
    assert (result.shuffle_change <= result.shuffle_rounding).all()
    np.testing.assert_allclose(result.consistency.isel(step=0), 1, atol=1e-12)


def test_consistency_is_shared_variance_of_before_and_after(result):
    angles = (("centre", 1), ("origin", 2))
    for (about, step), distance in itertools.product(angles, ("correlation", "cosine")):
        kept = result.sel(about=about, shown=distance)
        expected = shared_variance(kept.distance_before, kept.distance_after)
        found = result.consistency.sel(about=about, distance=distance)[step, 0]
        assert float(found) == pytest.approx(expected, abs=1e-12)


def test_what_changes_and_what_does_not_are_exact(result):
    rows = findings(result)
    assert all(row.interval == "exact" and row.value > 0 for row in rows)
    assert not any(row.effect or row.low for row in rows)
    changed = [row for row in rows if "1 − consistency" in row.quantity]
    smallest = "smallest 1 − consistency with before, "
    about_centre = f"rotation by 90° about the centre of the patterns: {smallest}"
    assert [row.quantity for row in changed] == [
        f"{about_centre}correlation distance",
        f"{about_centre}cosine distance",
        f"rotation by 30° about the origin: {smallest}correlation distance",
    ]
    expected = 1 - result.consistency.sel(about="origin", distance="correlation")[2].max()
    assert (changed[-1].figure, changed[-1].value) == ("s6", pytest.approx(float(expected)))
    unchanged = [row for row in rows if row.quantity.startswith("rounding minus largest change")]
    assert len(unchanged) == len(rows) - 3 == 1 + 4 + 5  # about a centre, the origin; shuffled
    more = findings(result.assign(change=result.change + 1e-6))
    assert sum(row.value < 0 for row in more) == 5


@pytest.mark.parametrize(
    ("figure", "about", "largest", "judged"), [("s5", "centre", 180, 90), ("s6", "origin", 30, 30)]
)
def test_figures_and_captions(result, figure, about, largest, judged):
    picture = EXPERIMENT.pictures[figure]
    sizes = {"n_sets": 3, "n_points": 8, "n_units": 6}
    assert picture.values(result) == {**sizes, "angle": pytest.approx(judged)}
    example, by_angle, change = picture.draw(result).axes
    points = {c.get_label(): np.asarray(c.get_offsets()) for c in example.collections}
    for state in ("before", "after"):
        np.testing.assert_allclose(points[state], result.example.sel(about=about, state=state))
    expected = result.consistency.sel(about=about, distance="correlation").mean("set")
    np.testing.assert_allclose(by_angle.lines[0].get_ydata(), expected)
    assert by_angle.get_xlim()[1] == pytest.approx(largest)
    clouds = {c.get_label(): np.asarray(c.get_offsets()) for c in change.collections}
    expected = result.distance_after.sel(about=about, shown="cosine")
    np.testing.assert_allclose(clouds["cosine"][:, 1], expected)
