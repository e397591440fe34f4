"""Simulate how often the tests of `compare_groups` find a difference, and how often wrongly.

    python scripts/group_tests.py            prints the tables of docs/howto/groups.md

The RDM of each simulated instance is the geometry of its group plus noise of its own, whose SD is
lognormal: of spread 0.5 (SD of its logarithm) unless a column says otherwise. The noise of a group
is scaled so that its mean consistency is as stated. About three minutes on one core.
"""

import argparse

import numpy as np

from ensemble_rsa.analysis.groups import GroupComparison, compare_groups

SIZES = ((3, 3), (3, 10), (10, 3), (4, 8), (8, 4), (5, 5), (10, 10), (20, 20))
N_STIMULUS_PAIRS = 32 * 31 // 2
LEVEL = 0.05
PERMUTATIONS = 400
Group = tuple[float, float]  # mean consistency, spread of the noise
SPREADS = [(level, 0.1, 0.5) for level in (0.1, 0.5, 0.8)]


def main() -> None:
    """Simulate and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000, help="per cell")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print("p at most .05 in % of experiments where the hypothesis holds")
    print("           the groups are alike        equal consistency, spreads 0.1 and 0.5 | noise")
    print("sizes      W - B    ratio    a - b     a - b at r2 = .1      .5      .8       | ratio")
    for sizes in SIZES:
        alike = simulated(rng, sizes, (0.5, 0.5), (0.5, 0.5), options.experiments)
        cells = [alike.within_minus_between.p, alike.between_over_within.p, alike.a_minus_b.p]
        for level, low, high in SPREADS:
            found = simulated(rng, sizes, (level, low), (level, high), options.experiments)
            cells.append(found.a_minus_b.p)
        noisier = simulated(rng, sizes, (0.7, 0.5), (0.3, 0.5), options.experiments)
        cells.append(noisier.between_over_within.p)
        print_row(sizes, cells)
    print("p at most .05 in % of experiments where there is a difference")
    print("           noise (r2 .7, .3)  geometry shifted by .3                 by 1")
    print("sizes      W - B    a - b     W - B    ratio    a - b (no effect)    W - B    ratio")
    for sizes in SIZES:
        noisier = simulated(rng, sizes, (0.7, 0.5), (0.3, 0.5), options.experiments)
        cells = [noisier.within_minus_between.p, noisier.a_minus_b.p]
        for shift in (0.3, 1.0):
            apart = simulated(rng, sizes, (0.5, 0.5), (0.5, 0.5), options.experiments, shift)
            cells += [apart.within_minus_between.p, apart.between_over_within.p]
            if shift < 1:
                cells.append(apart.a_minus_b.p)
        print_row(sizes, cells)


def print_row(sizes: tuple[int, int], cells: list[np.ndarray]) -> None:
    """Print how often each p is at most the level, in per cent."""
    shares = (f"{100 * np.mean(p <= LEVEL):8.1f}" for p in cells)
    print(f"{sizes[0]:2}, {sizes[1]:2}   " + " ".join(shares), flush=True)


def simulated(
    rng: np.random.Generator,
    sizes: tuple[int, int],
    a: Group,
    b: Group,
    n_experiments: int,
    shift: float = 0.0,
) -> GroupComparison:
    """Compare two simulated groups in many experiments, whose results are a leading axis.

    `shift` is the SD of what each group's geometry has of its own, where what both share has SD 1.
    """
    shared = rng.normal(size=(n_experiments, 1, N_STIMULUS_PAIRS))
    groups = []
    for n, (level, spread) in zip(sizes, (a, b), strict=True):
        geometry = shared + shift * rng.normal(size=shared.shape)
        geometry = geometry / geometry.std(-1, keepdims=True)
        size = noise_of(level, spread) * np.exp(spread * rng.normal(size=(n_experiments, n, 1)))
        noise = rng.normal(size=(n_experiments, n, N_STIMULUS_PAIRS))
        groups.append((geometry + size * noise).astype(np.float32))
    seed = int(rng.integers(2**31))
    return compare_groups(*groups, n_permutations=PERMUTATIONS, seed=seed)


def noise_of(level: float, spread: float) -> float:
    """The median noise at which many instances have this mean consistency, by bisection.

    r of two instances is √(g h) with g = 1 / (1 + noise²), so mean r² is the square of mean g.
    """
    normal = np.polynomial.hermite_e.hermegauss(80)
    low, high = 1e-3, 1e3
    for _ in range(60):
        middle = np.sqrt(low * high)
        shares = 1 / (1 + (middle * np.exp(spread * normal[0])) ** 2)
        mean = (shares * normal[1]).sum() / normal[1].sum()
        low, high = (middle, high) if mean**2 > level else (low, middle)
    return float(np.sqrt(low * high))


if __name__ == "__main__":
    main()
