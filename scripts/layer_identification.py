"""Print how often each measure finds a layer's counterpart in another network of a run.

    python scripts/layer_identification.py runs/mine --stimuli 500

Beside it are the accuracies of Kornblith et al. 2019 (arXiv:1905.00414, Table 2), for ten networks
like All-CNN-C without their last layer. Only inner products of patterns are kept of each layer, so
that memory holds stimuli × stimuli numbers for each network and layer.
"""

import argparse
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from ensemble_rsa.analysis.identification import layer_identification
from ensemble_rsa.analysis.measures import compact
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import FewStimuliWarning, InputError
from ensemble_rsa.pipeline.extract import source_of
from ensemble_rsa.rdm.build import compute_rdm
from ensemble_rsa.runs.imported import open_run
from ensemble_rsa.similarity.cca import svcca
from ensemble_rsa.similarity.cka import linear_cka

MEASURES = {  # of activations, with the accuracy of Kornblith et al. in per cent
    "linear CKA, unbiased": ("linear_cka", ""),
    "linear CKA": (partial(linear_cka, unbiased=False), "99.3"),
    "Procrustes distance": ("procrustes", ""),
    "CCA": ("cca", "10.6 (R²)"),
    "SVCCA, 99 %": ("svcca", "15.1 (R²)"),
    "SVCCA, 90 %": (partial(svcca, variance=0.9), ""),
    "SVCCA, 50 %": (partial(svcca, variance=0.5), ""),
}
COMPARISONS = ("pearson", "spearman", "cosine_cov")  # of RDMs of correlation distances


def main() -> None:
    """Read all layers of a run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--stimuli", type=int, default=500)
    parser.add_argument("--layers", nargs="+", help="all but the last when not given")
    options = parser.parse_args()
    source = source_of(open_run(options.run), AnalysisConfig.of(stimuli=options.stimuli))
    layers = options.layers or list(source.layers[:-1])
    patterns: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    rdms: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    for position in range(len(source.instances)):
        for name, activations in source.activations(position):
            if name in patterns:
                patterns[name].append(compact(np.asarray(activations)))
                rdms[name].append(compute_rdm(activations))
    n_instances = len(source.instances)
    print(f"{n_instances} networks, {len(layers)} layers, {len(source.stimuli)} stimuli")
    print("| measure | accuracy (%) | 95 % interval | chance | Kornblith et al. |")
    print("|---|---|---|---|---|")
    for name, (measure, published) in MEASURES.items():
        print_row(name, patterns, measure, published)
    stacked = {name: np.stack(each) for name, each in rdms.items()}
    for comparison in COMPARISONS:
        print_row(f"RDMs, {comparison}", stacked, comparison, "")


def print_row(name: str, given: dict, measure: object, published: str) -> None:
    """Print the accuracy of a measure, or why it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FewStimuliWarning)
            found = layer_identification(given, measure)
    except InputError as error:
        print(f"| {name} | – ({error}) | | | {published} |", flush=True)
        return
    interval = f"{100 * found.mean_low:.1f} to {100 * found.mean_high:.1f}"
    chance = f"{100 * found.chance:.1f}"
    print(f"| {name} | {100 * found.mean:.1f} | {interval} | {chance} | {published} |", flush=True)


if __name__ == "__main__":
    main()
