import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis import mds as module
from ensemble_rsa.analysis.mds import mds, smacof
from ensemble_rsa.errors import InputError

smacof = jax.jit(smacof)


def noisy_rdm(rng, n_stimuli=10, n_units=12):
    categories = rng.normal(size=(4, n_units))[np.arange(n_stimuli) % 4]
    return pdist(categories + rng.normal(size=(n_stimuli, n_units)), "correlation")


def metric_stress(rdm, embedding):
    return np.sqrt(((rdm - pdist(embedding)) ** 2).sum() / (rdm**2).sum())


def smacof_in_float64(delta, points, n_iter):
    for _ in range(n_iter):
        between = squareform(pdist(points))
        ratio = np.divide(delta, between, out=np.zeros_like(delta), where=between > 0)
        points = (np.diag(ratio.sum(1)) - ratio) @ points / len(delta)
    return points


def test_an_exact_embedding_is_found_and_duplicates_coincide(rng):
    truth = rng.normal(size=(7, 2)) * [3, 1]
    rdm = pdist(np.concatenate([truth, truth[:3]])) * 1e-12  # in units far from 1
    result = mds(rdm)
    assert result.stress < 1e-3
    np.testing.assert_allclose(pdist(result.embedding), rdm, rtol=0, atol=1e-14)
    np.testing.assert_allclose(result.embedding[7:], result.embedding[:3], rtol=0, atol=1e-14)


def test_three_equal_distances_on_a_line_by_hand():
    # Points at −u, 0, u cost 2 (1 − u)² + (1 − 2u)², least at u = 2/3: 1/3 of 3, for each point 2/9
    # of 2.
    result = mds(np.ones(3), n_components=1)
    np.testing.assert_allclose(np.sort(result.embedding[:, 0]), [-2 / 3, 0, 2 / 3], atol=1e-3)
    assert result.stress == pytest.approx(1 / 3, abs=1e-5)
    np.testing.assert_allclose(result.pointwise_stress, 1 / 3, atol=1e-3)


def test_stress_is_that_of_the_embedding_and_no_worse_than_one_starts_or_scikit_learns(rng):
    from sklearn.manifold import smacof as sklearn_smacof

    rdm = noisy_rdm(rng)
    result = mds(rdm, max_iter=1000)
    assert result.stress == pytest.approx(metric_stress(rdm, result.embedding), rel=1e-9)
    errors, sizes = squareform((rdm - pdist(result.embedding)) ** 2), squareform(rdm**2)
    expected = np.sqrt(errors.sum(0) / sizes.sum(0))
    np.testing.assert_allclose(result.pointwise_stress, expected, rtol=1e-9)
    assert result.stress <= mds(rdm, n_init=1, max_iter=1000).stress * (1 + 1e-6)
    options = {"random_state": 0, "init": None, "normalized_stress": False}
    theirs, _ = sklearn_smacof(squareform(rdm), n_init=4, max_iter=1000, **options)
    assert result.stress <= metric_stress(rdm, theirs) * 1.001
    further = smacof_in_float64(squareform(rdm), result.embedding, 100)
    assert metric_stress(rdm, further) > result.stress * 0.999


def test_the_embedding_is_centred_on_its_principal_axes_with_fixed_signs(rng):
    embedding = mds(noisy_rdm(rng)).embedding
    np.testing.assert_allclose(embedding.mean(0), 0, atol=1e-12)
    covariance = embedding.T @ embedding
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-9)
    assert (np.diff(np.diag(covariance)) <= 0).all()
    assert (embedding.max(0) >= -embedding.min(0)).all()


def test_leading_axes_and_square_matrices(rng):
    rdms = np.stack([noisy_rdm(rng) for _ in range(6)]).reshape(2, 3, -1)
    result = mds(rdms)
    assert result.embedding.shape == (2, 3, 10, 2)
    assert result.stress.shape == result.n_iter.shape == (2, 3)
    assert result.pointwise_stress.shape == (2, 3, 10)
    alone = mds(jnp.asarray(squareform(rdms[1, 2])))
    np.testing.assert_allclose(result.embedding[1, 2], alone.embedding, rtol=0, atol=1e-3)
    assert alone.embedding.shape == (10, 2)
    squares = np.stack([squareform(rdm) for rdm in rdms[0]])
    np.testing.assert_allclose(mds(squares).stress, result.stress[0], rtol=1e-4)


def test_starts_in_a_batch_or_one_by_one(rng, monkeypatch):
    rdms = np.stack([noisy_rdm(rng) for _ in range(2)])
    one_by_one = mds(rdms, max_iter=30)
    monkeypatch.setattr(module, "starts_at_once", lambda n_stimuli, on_cpu: 8)  # all of both
    together = mds(rdms, max_iter=30)
    np.testing.assert_array_equal(together.n_iter, one_by_one.n_iter)
    np.testing.assert_allclose(together.embedding, one_by_one.embedding, rtol=0, atol=1e-3)


def test_iterations_are_those_of_float64_and_end_where_the_stress_stalls(rng):
    delta, start = squareform(noisy_rdm(rng)), rng.normal(size=(10, 2))
    arrays = jnp.asarray(delta, jnp.float32), jnp.asarray(start, jnp.float32)
    points, _, n_iter = smacof(*arrays, 8, 0.0)
    assert n_iter == 8
    np.testing.assert_allclose(points, smacof_in_float64(delta, start, 8), rtol=0, atol=1e-5)
    _, stress, n_iter = smacof(*arrays, 300, 1e-3)
    pictures = [smacof_in_float64(delta, start, n) for n in (n_iter - 2, n_iter - 1, n_iter)]
    before, between, last = (metric_stress(squareform(delta), each) ** 2 for each in pictures)
    assert stress == pytest.approx(last * (squareform(delta) ** 2).sum(), rel=1e-4)
    assert 1 - last / between < 1.05e-3  # the drop is known to first order
    assert 1 - between / before > 0.5e-3


def test_the_seed_determines_the_embedding_and_the_tolerance_the_iterations(rng):
    rdm = noisy_rdm(rng)
    np.testing.assert_array_equal(mds(rdm, seed=3).embedding, mds(rdm, seed=3).embedding)
    assert mds(rdm, max_iter=7, tolerance=0.0).n_iter == 7
    assert mds(rdm, tolerance=1e-2).n_iter < mds(rdm).n_iter < 300


@pytest.mark.parametrize(
    ("rdm", "arguments", "message"),
    [
        (np.array([1.0, -1.0, 1.0]), {}, r"rdm: expected distances of at least 0, got -1"),
        (np.array([[1e7] * 3, [1, -0.9, 1]]), {}, r"rdm: expected distances .*, got -0.9"),
        (np.zeros(3), {}, r"rdm: .*stimulus 0 of RDM \[\] at distance 0"),
        (np.array([[1.0, 1, 1], [1, 0, 0]]), {}, r"rdm: .*stimulus 2 of RDM \[1\] at distance 0"),
        (np.ones(3), {"n_components": 0}, r"n_components: "),
        (np.ones(3), {"n_components": 4}, r"n_components: expected at most 3"),
        (np.ones(3), {"n_init": 0}, r"n_init: "),
        (np.ones(3), {"max_iter": 0}, r"max_iter: "),
        (np.ones(3), {"tolerance": -1.0}, r"tolerance: "),
    ],
)
def test_wrong_input_is_named(rdm, arguments, message):
    with pytest.raises(InputError, match=message):
        mds(rdm, **arguments)
