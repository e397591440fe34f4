"""Hold plans against ensembles drawn from 100 small networks that were trained on digits.

    python scripts/plan_check.py --out runs/plan-check     trains (resumable), prints a table

Of each layer, the spread of mean r² over subsets of n of the 100 networks is compared with the
prediction from all of them, and with those from pilots of 10 and 20 networks: their median, and
the middle half of them. Subsets of a finite ensemble vary less, by the factor √(1 − n / 100), which
is taken out. Stimuli are the same for all.
"""

import argparse
from pathlib import Path

import numpy as np

import ensemble_rsa as ersa
from ensemble_rsa.analysis.planning import plan

NETWORKS, STIMULI = 100, 100
COUNTS = (5, 10, 15, 20, 30)
PILOTS = (10, 20)
DRAWS, PILOT_DRAWS = 2000, 40
CONFIG = ersa.Config(
    ersa.DataConfig("digits", train_images=600, preprocessing="standardize"),
    ersa.ModelConfig(width=0.1),
    ersa.TrainingConfig(instances=NETWORKS, epochs=8, batch_size=30, save_at=()),
)


def main() -> None:
    """Train, extract, and print a row for each layer and number of networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/plan-check"))
    out = parser.parse_args().out
    run = ersa.train(CONFIG, out, resume=(out / "config.json").is_file())
    settings = ersa.AnalysisConfig(ersa.StimulusConfig(stimuli=STIMULI))
    rdms = ersa.extract(run, settings=settings).exemplar
    accuracy = [f"{value(run.accuracy['test']):.2f}" for value in (min, max)]
    print(f"{rdms.sizes['instance']} networks, test accuracy {' to '.join(accuracy)}")
    print("layer     r²     n  actual  predicted  ratio   from pilots of 10      of 20 (quartiles)")
    ratios = [ratio for layer in rdms.layer.values for ratio in rows(rdms.sel(layer=layer))]
    print(f"ratios from {min(ratios):.2f} to {max(ratios):.2f}")


def rows(rdms) -> list[float]:
    """Print the rows of a layer; predicted over actual spread, from all networks."""
    rng = np.random.default_rng(0)
    values = rdms.transpose("instance", "stimulus_pair").values.astype(np.float64)
    n_all = len(values)
    shared = np.corrcoef(values) ** 2
    errors = lambda chosen: plan(
        values[chosen], instances=COUNTS, stimuli=[STIMULI]
    ).standard_error_instances.values[:, 0]
    predicted = errors(np.arange(n_all))
    pilots = {
        size: [errors(rng.choice(n_all, size, replace=False)) for _ in range(PILOT_DRAWS)]
        for size in PILOTS
    }
    ratios = []
    for i, n in enumerate(COUNTS):
        drawn = (rng.choice(n_all, n, replace=False) for _ in range(DRAWS))
        means = [(shared[np.ix_(one, one)].sum() - n) / (n * (n - 1)) for one in drawn]
        actual = np.std(means) / np.sqrt(1 - n / n_all)
        ratios.append(predicted[i] / actual)
        spreads = "   ".join(
            "{:.2f} ({:.2f} to {:.2f})".format(
                *np.quantile(np.array(found)[:, i] / actual, [0.5, 0.25, 0.75])
            )
            for found in pilots.values()
        )
        mean = (shared.sum() - n_all) / (n_all * (n_all - 1))
        print(
            f"{rdms.layer.item():8} {mean:.3f}  {n:3}  {actual:.4f}    {predicted[i]:.4f}   "
            f"{ratios[-1]:.2f}   {spreads}",
            flush=True,
        )
    return ratios


if __name__ == "__main__":
    main()
