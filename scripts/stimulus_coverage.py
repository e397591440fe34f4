"""Simulate how often 95 % intervals over stimuli contain the mean consistency of many stimuli.

    python scripts/stimulus_coverage.py            prints a table, in about ten minutes

Each of five simulated networks sees a stimulus as a mixture of features that all share and of its
own; the less they share, the lower their consistency. The true value is the mean consistency for
very many stimuli. With `--over both`, every experiment has other networks too, and the last columns
are those of the jackknife over instances and stimuli instead of BCa.
"""

import argparse

import numpy as np

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_consistency
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices

SHARED = (0.0, 0.3, 0.5, 0.7, 0.9)  # share of the variance of patterns that networks have in common
N_STIMULI = (10, 20, 40, 80)
N_INSTANCES, N_FEATURES, N_UNITS = 5, 10, 64
MANY = 1000  # stimuli for the true value
OTHERS = {"stimuli": "bca", "both": "jackknife"}  # intervals beside the percentile one


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--over", choices=("stimuli", "both"), default="stimuli")
    parser.add_argument("--distance", choices=("correlation", "euclidean"), default="correlation")
    parser.add_argument("--experiments", type=int, default=300, help="per row")
    parser.add_argument("--resamples", type=int, default=500)
    arguments = parser.parse_args()
    print("coverage in %; true r² and its mean estimate; median width over 3.92 SD of the estimate")
    other = OTHERS[arguments.over]
    print(f"shared  stimuli   true  estimate   percentile  corrected (width)   {other} (refused)")
    for shared in SHARED:
        for n_stimuli in N_STIMULI:
            print(row(np.random.default_rng(0), shared, n_stimuli, arguments), flush=True)


def row(rng: np.random.Generator, shared: float, n_stimuli: int, options) -> str:
    """Run the experiments of one row of the table."""
    networks = rng.normal(size=(2, N_INSTANCES, N_FEATURES, N_UNITS))
    stack = []
    for _ in range(options.experiments):
        if options.over == "both":
            networks = rng.normal(size=networks.shape)
        stack.append(simulated_rdms(rng, shared, n_stimuli, networks, options.distance))
    truths = []
    for _ in range(20 if options.over == "both" else 1):
        truths.append(consistency(simulated_rdms(rng, shared, MANY, networks, options.distance)))
        if options.over == "both":
            networks = rng.normal(size=networks.shape)
    truth = np.mean(truths)
    estimates, plain, corrected, widths, others, other_widths = [], [], [], [], [], []
    for seed, rdms in enumerate(stack):
        result = bootstrap_consistency(rdms, options.over, options.resamples, seed=seed)
        low, high = np.quantile(result.samples, [0.025, 0.975])
        estimates.append(float(result.mean))
        plain.append(low <= truth <= high)
        corrected.append(result.low <= truth <= result.high)
        widths.append(result.high - result.low)
        try:
            other = bootstrap_consistency(
                rdms, options.over, options.resamples, seed=seed, interval=OTHERS[options.over]
            )
            others.append(other.low <= truth <= other.high)
            other_widths.append(other.high - other.low)
        except InputError:
            pass
    needed = 3.92 * np.std(estimates)
    width, other_width = (
        np.median(each) / needed if each else np.nan for each in (widths, other_widths)
    )
    refused = 100 * (1 - len(others) / len(stack))
    return (
        f"{shared:6.1f} {n_stimuli:8} {truth:6.3f} {np.mean(estimates):9.3f} "
        f"{100 * np.mean(plain):12.0f} {100 * np.mean(corrected):10.0f} ({width:.2f}) "
        f"{100 * np.mean(others) if others else np.nan:9.0f} ({other_width:.2f}; {refused:.0f} %)"
    )


def simulated_rdms(
    rng: np.random.Generator, shared: float, n_stimuli: int, networks: np.ndarray, distance: str
) -> np.ndarray:
    """Condensed RDMs `(instance, stimulus_pair)`, float64."""
    common = rng.normal(size=(n_stimuli, N_FEATURES))
    own = rng.normal(size=(N_INSTANCES, n_stimuli, N_FEATURES))
    patterns = np.sqrt(shared) * common @ networks[0] + np.sqrt(1 - shared) * own @ networks[1]
    first, second = pair_indices(n_stimuli)
    if distance == "correlation":
        return np.array([1 - np.corrcoef(each)[first, second] for each in patterns])
    return np.array([np.linalg.norm(each[first] - each[second], axis=-1) for each in patterns])


if __name__ == "__main__":
    main()
