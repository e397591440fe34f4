"""Simulate how often 95 % intervals of `evaluate` contain the true mean similarity.

    python scripts/inference_coverage.py --experiments 200      prints a table

A stimulus is a point with 20 features. Networks and people measure it in 40 units, each of which
weighs the features: weights that all share, weights of the kind (network or person), and weights of
the individual. Activations also have noise. RDMs are squared Euclidean distances, so their
similarity is not linear in anything that is drawn. In each experiment networks, people and stimuli
are all drawn anew. The true value is the mean over all experiments with the same number of stimuli.
"""

import argparse

import numpy as np

from ensemble_rsa.analysis.inference.evaluate import evaluate
from ensemble_rsa.numerics import pair_indices

FEATURES, UNITS = 20, 40
CELLS = [(i, j, n) for n in (40, 100) for i in (3, 10) for j in (6, 20)]


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=200, help="of each design")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--comparisons", nargs="+", default=["pearson", "rho_a"])
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(FEATURES, UNITS))
    kinds = [0.7 * rng.normal(size=(FEATURES, UNITS)) for _ in range(2)]
    found: dict[tuple, list] = {}
    for number in range(arguments.experiments):
        for n_networks, n_people, n_stimuli in CELLS:
            stimuli = rng.normal(size=(n_stimuli, FEATURES))
            networks, people = (
                rdms_of(rng, stimuli, shared + kind, n)
                for kind, n in zip(kinds, (n_networks, n_people), strict=True)
            )
            for comparison in arguments.comparisons:
                result = evaluate(
                    networks, people, comparison, n_resamples=arguments.resamples, seed=number
                )
                cell = comparison, n_networks, n_people, n_stimuli
                values = [float(getattr(result, name)) for name in ("mean", "low", "high", "sd")]
                found.setdefault(cell, []).append(values)
        if (number + 1) % 20 == 0:
            print_table(found)


def rdms_of(rng: np.random.Generator, stimuli: np.ndarray, weights: np.ndarray, n: int):
    """RDMs of `n` individuals, condensed."""
    own = weights + 1.5 * rng.normal(size=(n, FEATURES, UNITS))
    patterns = stimuli @ own
    patterns += 4 * rng.normal(size=patterns.shape)
    gram = patterns @ patterns.mT
    squares = np.diagonal(gram, axis1=-2, axis2=-1)
    square = squares[:, :, None] + squares[:, None] - 2 * gram
    return square[:, *pair_indices(len(stimuli))].astype(np.float32)


def print_table(found: dict[tuple, list]) -> None:
    """Print coverage, and the estimated over the actual standard deviation, by design."""
    n = len(next(iter(found.values())))
    print(
        f"{n} experiments of each design; 95 % of {n} is within ±{196 * (0.0475 / n) ** 0.5:.1f} %"
    )
    print("comparison  networks  people  stimuli  true value  coverage (%)  SD estimated / actual")
    for (comparison, *design), values in found.items():
        alike = [np.array(v) for k, v in found.items() if (k[0], k[-1]) == (comparison, design[-1])]
        truth = np.concatenate(alike)[:, 0].mean()
        means, low, high, sd = np.array(values).T
        coverage = 100 * ((low <= truth) & (truth <= high)).mean()
        ratio = np.sqrt((sd**2).mean()) / means.std(ddof=1)
        print(
            f"{comparison:10}  {design[0]:8}  {design[1]:6}  {design[2]:7}  {truth:10.3f}  "
            f"{coverage:12.1f}  {ratio:21.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
