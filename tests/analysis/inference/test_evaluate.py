import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from ensemble_rsa.analysis.inference.covariances import all_covariances, within_covariances
from ensemble_rsa.analysis.inference.evaluate import evaluate
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.compare import compare_rows

FEW = {"n_resamples": 60}


def made_up(*shape, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    return np.random.default_rng(99).random(66) + noise * rng.random((*shape, 66))


def test_one_random_factor_is_students_t_test():
    networks, people = made_up(2, 3), made_up(5, seed=1)
    result = evaluate(networks, people, "pearson", "subjects")
    scores = np.array([compare_rows(layer, people, "pearson").mean(0) for layer in networks])
    np.testing.assert_allclose(result.mean, scores.mean(1))
    for layer in range(2):
        theirs = ttest_1samp(scores[layer], 0, alternative="greater")
        np.testing.assert_allclose(result.p[layer], theirs.pvalue)
        interval = ttest_1samp(scores[layer], 0).confidence_interval()
        np.testing.assert_allclose((result.low[layer], result.high[layer]), interval)
    paired = ttest_rel(*scores)
    np.testing.assert_allclose(result.differences.p, [paired.pvalue])
    np.testing.assert_allclose(result.differences.low, [paired.confidence_interval().low])
    np.testing.assert_allclose(
        result.share_of_ceiling, result.mean / float(result.subject_ceiling.lower)
    )


@pytest.mark.parametrize("apart", [False, True])
def test_exact_variances_are_those_of_many_draws(rng, apart):
    tables = rng.normal(size=(2, 3, 4)) + rng.normal(size=(1, 3, 1)) + rng.normal(size=(1, 1, 4))
    shared = np.eye(2) == 0 if apart else np.zeros((2, 2), bool)
    found = within_covariances(tables[None], ("instances", "subjects"), shared)
    draws = 40_000
    u = rng.multinomial(3, np.ones(3) / 3, (2, draws)) / 3
    u = u if apart else np.stack([u[0], u[0]])
    v = rng.multinomial(4, np.ones(4) / 4, draws) / 4
    everyone, all_subjects = np.full((2, draws, 3), 1 / 3), np.full((draws, 4), 1 / 4)
    for factors, (of_i, of_s) in {
        ("instances",): (u, all_subjects),
        ("subjects",): (everyone, v),
        ("instances", "subjects"): (u, v),
    }.items():
        means = np.einsum("kdi,ds,kis->kd", of_i, of_s, tables)
        expected = np.cov(means)
        np.testing.assert_allclose(found[factors], expected, atol=0.04 * np.trace(expected))


def test_a_draw_of_stimuli_adds_its_own_variance(rng):
    means = rng.normal(size=(50, 2))
    within = {("subjects",): np.eye(2)}
    found = all_covariances({("subjects",): 2 * np.eye(2)}, within, means, ("subjects", "stimuli"))
    np.testing.assert_allclose(found["subjects", "stimuli"], np.cov(means.T) + np.eye(2))
    np.testing.assert_allclose(found["subjects",], 2 * np.eye(2))


def test_the_dual_bootstrap_of_one_instance_is_rsatoolboxs(rng, monkeypatch):
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.util.inference_util import _dual_bootstrap

    network, people = made_up(1), made_up(6, seed=1)
    result = evaluate(network, people, "pearson", ("subjects", "stimuli"), n_resamples=4000)
    scores = compare_rows(network, people, "pearson")[0]
    # The same three bootstraps, drawn one by one from rebuilt RDMs.
    from tests.analysis.inference.test_resampled import rebuilt

    drawn = {"both": [], "subjects": [], "stimuli": []}
    for _ in range(2500):
        stimuli, subjects = rng.multinomial(12, np.ones(12) / 12), rng.integers(6, size=6)
        rows = rebuilt(np.concatenate([network, people]), stimuli)
        rows = rows[:, ~np.isnan(rows[0])]
        each = np.corrcoef(rows)[0, 1:]
        drawn["stimuli"].append(each.mean())
        drawn["both"].append(each[subjects].mean())
        drawn["subjects"].append(scores[subjects].mean())
    variances = [np.array([np.var(each)]) for each in drawn.values()]
    expected = np.sqrt(_dual_bootstrap(variances, 6, 12))
    np.testing.assert_allclose(result.sd, expected[0], rtol=0.06)  # three standard errors


def test_models_with_instances_of_their_own(rng):
    networks, people = made_up(2, 4), made_up(5, seed=1)
    together = evaluate(networks, people, "pearson", ("instances",))
    apart = evaluate(networks, people, "pearson", ("instances",), paired=False)
    np.testing.assert_allclose(apart.sd, together.sd)
    np.testing.assert_allclose(apart.differences.sd, [np.sqrt((apart.sd**2).sum())])
    means = together.similarity.mean(-1)
    np.testing.assert_allclose(
        together.differences.sd, [np.std(means[0] - means[1], ddof=1) / 2], rtol=1e-6
    )


def test_results_depend_on_the_seed_alone_and_keep_leading_axes():
    networks, people = made_up(2, 1, 3), made_up(4, seed=1)
    result, again = (evaluate(networks, people, **FEW) for _ in range(2))
    assert result.mean.shape == (2, 1)
    assert result.components.share.shape == (7, 2, 1)
    assert result.similarity.shape == (2, 1, 3, 4)
    np.testing.assert_array_equal(result.sd, again.sd)
    alone = evaluate(networks[1, 0], people, **FEW)
    np.testing.assert_allclose(alone.sd, result.sd[1, 0], rtol=1e-4)
    other = evaluate(networks, people, seed=1, **FEW)
    assert not np.allclose(result.sd, other.sd, rtol=1e-4)


def test_squared_comparisons_have_no_test_against_zero():
    result = evaluate(made_up(3), made_up(4, seed=1), "pearson_squared", **FEW)
    plain = evaluate(made_up(3), made_up(4, seed=1), "pearson", **FEW)
    assert np.isnan(result.p)
    np.testing.assert_allclose(result.similarity, plain.similarity**2)
    assert 0 <= result.low < result.mean < result.high <= 1
    assert plain.p < 0.01


def test_stimuli_that_a_subject_lacks_are_left_out_of_its_comparisons():
    from tests.analysis.inference.test_resampled import without_a_stimulus

    people = without_a_stimulus(made_up(4, seed=1))
    with pytest.warns(match="1 of 7 RDMs lack distances"):
        result = evaluate(made_up(3), people, "rho_a", missing="drop", **FEW)
    complete = evaluate(made_up(3), made_up(4, seed=1), "rho_a", **FEW)
    present = ~np.isnan(people[1])
    alone = compare_rows(made_up(3)[:, present], people[1:2, present], "rho_a")
    np.testing.assert_allclose(result.similarity[:, 1], alone[:, 0])
    np.testing.assert_allclose(result.similarity[:, 0], complete.similarity[:, 0])
    assert np.isfinite(result.sd)


REFUSED = {
    "over: subjects as a random factor need 3 or more, got 1": ((3,), (1,), {}),
    "over: instances as a random factor need 3 or more, got 1": ((1,), (4,), {}),
    "over: unknown 'networks'; choose from": ((3,), (4,), {"over": ("networks",)}),
    "over: expected one or more of": ((3,), (4,), {"over": ()}),
    "paired: expected True for a single group": ((3,), (4,), {"paired": False}),
    "n_resamples: expected a whole number of at least 2": ((3,), (4,), {"n_resamples": 1}),
    "reference: expected shape": ((3,), (2, 4), {}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message):
    networks, people, options = REFUSED[message]
    with pytest.raises(InputError, match=message):
        evaluate(made_up(*networks), made_up(*people, seed=1), **options)


def test_odd_rdms_are_refused():
    networks, people = made_up(3), made_up(4, seed=1)
    with pytest.raises(InputError, match="reference: expected RDMs of 12 stimuli"):
        evaluate(networks, people[:, :15])
    with pytest.raises(InputError, match="stimuli as a random factor need 5 or more, got 2"):
        evaluate(networks[:, :1], people[:, :1])
    with pytest.raises(InputError, match="reference: expected finite numbers, got 264 NaN"):
        evaluate(networks, people * np.nan)
    with (
        pytest.raises(InputError, match="expected 3 distances or more"),
        pytest.warns(match="4 of 7 RDMs lack distances"),
    ):
        evaluate(networks, people * np.nan, missing="drop")
    with pytest.raises(InputError, match="reference: .* constant RDM"):
        evaluate(networks, np.ones((4, 66)))


def test_the_interval_of_cosines_of_negative_distances_holds_their_mean(rng):
    """Crossnobis distances may be negative, and their cosine with others then too."""
    rdms, subjects = rng.random((4, 45)), rng.normal(-0.2, 1, (5, 45))
    found = evaluate(rdms, subjects, "cosine", n_resamples=50)
    unit = [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (rdms, subjects)]
    assert float(found.mean) == pytest.approx((unit[0] @ unit[1].T).mean())
    assert found.low < found.mean < 0
