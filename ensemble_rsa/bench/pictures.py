"""Embeddings: metric MDS by SMACOF, with the same number of iterations in every tool."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.mds import Mds, mds
from ensemble_rsa.bench.jobs import OURS, Job, Routine, Size, Way, optional, related_rdms

N_STARTS, N_ITERATIONS = 4, 300


def _prepare(size: Size) -> Job:
    rdm = related_rdms(size.stimuli, n_instances=1)[0]

    def stress(result: Mds | np.ndarray) -> float:
        points = result.embedding if isinstance(result, Mds) else result
        return float(np.sqrt(((rdm - pdist(points)) ** 2).sum() / (rdm**2).sum()))

    ways = {
        OURS: Way(lambda: mds(rdm, n_init=N_STARTS, max_iter=N_ITERATIONS, tolerance=0.0)),
        "scikit-learn": optional(_scikit_learn, rdm),
    }
    return Job(ways, error=stress)


MDS = Routine(
    name=f"MDS, {N_STARTS} starts of {N_ITERATIONS} iterations",
    prepare=_prepare,
    work=lambda size: size.stimuli**2,
    memory=lambda size: 100 * size.stimuli**2,
)


def _scikit_learn(rdm: Float[np.ndarray, " stimulus_pair"]) -> Way:
    from sklearn.manifold import smacof

    square = squareform(rdm.astype(np.float64))
    options = {"eps": 0, "random_state": 0, "init": None, "normalized_stress": False}

    def call():
        return smacof(square, n_init=N_STARTS, max_iter=N_ITERATIONS, **options)[0]

    return Way(call)
