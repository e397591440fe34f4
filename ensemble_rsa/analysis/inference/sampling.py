"""Draws of stimuli: similarities at all positions, and the variances of their means."""

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.analysis.inference.ceiling import leave_one_out
from ensemble_rsa.analysis.inference.components import Factors
from ensemble_rsa.analysis.inference.covariances import within_covariances
from ensemble_rsa.analysis.inference.resampled import resampled_similarities
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.compare import COMPARISONS, ComparisonName
from ensemble_rsa.rng import host_stream

_AT_ONCE = 2**23  # similarities of a block of resamples: 64 MiB
_STEP = 64  # resamples, to which blocks of quadratic forms are padded


class Sampler:
    """Similarities of networks with subjects, and of subjects with each other, for draws."""

    def __init__(
        self,
        rows: Float[np.ndarray, "row stimulus_pair"],
        subjects: Float[np.ndarray, "subject stimulus_pair"],
        n_stimuli: int,
        n_instances: int,
        comparison: ComparisonName,
    ) -> None:
        every = np.concatenate([rows, subjects])
        self.n_rows, self.n_instances, self.n_subjects = len(rows), n_instances, len(subjects)
        self.n_stimuli, self.square = n_stimuli, COMPARISONS[comparison].square
        self.similarities = resampled_similarities(every, subjects, n_stimuli, comparison)
        self.at_once = max(_STEP, _AT_ONCE // (len(every) * len(subjects)) // _STEP * _STEP)

    def tables(self, counts: np.ndarray) -> Float[np.ndarray, "resample position instance subject"]:
        """Similarities at all positions, the last of which is the ceiling."""
        every = self.similarities(counts)
        ours, own = every[:, : self.n_rows], every[:, self.n_rows :]
        ours = ours**2 if self.square else ours
        ours = ours.reshape(len(counts), -1, self.n_instances, self.n_subjects)
        return np.concatenate([ours, as_table(own, self.n_instances, self.square)], axis=1)


def resample_stimuli(
    sampler: Sampler,
    factors: Factors,
    apart: Bool[np.ndarray, "position position"],
    n_resamples: int,
    seed: int,
) -> tuple[dict, Float[np.ndarray, "resample position"], int]:
    """Covariances within draws of stimuli, the means of each draw, and how many were dropped."""
    generator = host_stream(seed, "bootstrap stimulus")
    means, weights, parts = [], [], []
    for start in range(0, n_resamples, sampler.at_once):
        block = slice(start, min(start + sampler.at_once, n_resamples))
        tables = sampler.tables(draw_counts(generator, block, sampler.n_stimuli))
        tables = tables[np.isfinite(tables).all((1, 2, 3))]
        if len(tables):
            means.append(tables.mean((2, 3)))
            weights.append(len(tables))
            parts.append(within_covariances(tables, factors, apart))
    n_kept = sum(weights)
    if n_kept < 2:
        raise InputError(
            "n_resamples: none of the resamples has RDMs with distances that differ; give more "
            "stimuli, or leave 'stimuli' out of over"
        )
    within = {
        each: np.average([part[each] for part in parts], axis=0, weights=weights)
        for each in parts[0]
    }
    return within, np.concatenate(means), n_resamples - n_kept


def as_table(
    own: Float[np.ndarray, "... subject subject"], n_instances: int, square: bool = False
) -> Float[np.ndarray, "... 1 instance subject"]:
    """How well others predict each subject, as a position whose instances are all alike."""
    predicted = leave_one_out(own) if own.shape[-1] > 1 else np.zeros(own.shape[:-1])
    predicted = predicted**2 if square else predicted
    shape = (*own.shape[:-2], 1, n_instances, own.shape[-1])
    return np.broadcast_to(predicted[..., None, None, :], shape)
