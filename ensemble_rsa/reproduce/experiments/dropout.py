"""Fig. 8: what dropout in training and at test does to consistency (paper.md §7).

Networks without dropout are the ensemble `control`; all others are one ensemble with a rate for
each instance.
"""

import json

import numpy as np
import xarray as xr

from ensemble_rsa.extraction.evaluation import accuracy_with_dropout
from ensemble_rsa.figures.paper.dropout import draw_dropout
from ensemble_rsa.figures.wording import percent
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.pipeline.extract import dataset_of
from ensemble_rsa.reproduce.dropout_rates import all_networks, by_dropout, by_rate
from ensemble_rsa.reproduce.experiment import (
    Experiment,
    Finding,
    Picture,
    mean_of_instances,
    over_instances,
)
from ensemble_rsa.reproduce.measures import settings_of
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms

BEST, HIGHEST = 0.6, 0.8  # the rates that the paper singles out
MODERATE = 0.4  # ours, in the middle of the paper's range: it says no more than "moderate"
_CONTROL, _SWEPT = "control", "dropout"


def measure(work: Workspace) -> xr.Dataset:
    """Accuracies, consistency with and without dropout at test, clustering: at every rate."""
    control, swept = networks(work, _CONTROL), networks(work, _SWEPT)
    layers = list(layer_names(control.config.model.model)[-2:])
    chosen = all_networks(control, swept, work.scale.rates)
    n = len(control.seeds)
    untested = {
        **by_rate(rdms(work, _CONTROL).sel(layer=layers), chosen.rate_of[:n]),
        **by_rate(rdms(work, _SWEPT, layers=layers), chosen.rate_of[n:]),
    }
    samples = (
        by_rate(
            rdms(work, _SWEPT, layers=layers[-1:], dropout_sample=sample), chosen.rate_of[n:]
        )
        for sample in range(work.scale.samples)
    )  # fmt: skip
    accuracies = {
        f"{part}_accuracy": np.concatenate([control.accuracy[part], swept.accuracy[part]])
        for part in ("train", "test")
    } | {
        "dropout_accuracy": np.concatenate(
            [control.accuracy["test"], accuracy_with_dropout(swept, dataset_of(swept))]
        )
    }
    return by_dropout(chosen, untested, samples, accuracies, work.scale.analysis.statistics)


def findings(result: xr.Dataset) -> list[Finding]:
    """The paper's numbers at the rates it names, and its effects."""
    settings = settings_of(result)
    plain, centroid = result.consistency, result.centroid_consistency
    one, every = (result.sampled_consistency.isel(sample=place) for place in (0, -1))

    def at(values: xr.DataArray, rate: float) -> xr.DataArray:
        return values.sel(dropout=rate, method="nearest")

    def found(quantity: str, values: xr.DataArray, *rates: float, effect: bool = False) -> Finding:
        known = values.values[np.isfinite(values.values)]
        notes = [
            f"{nearest:g} stands for {rate:g}"
            for rate in rates
            if (nearest := float(at(result.dropout, rate))) != rate
        ]
        if "instance" in values.dims:
            n, summarise = known.size, mean_of_instances
        else:
            n, summarise = int((1 + np.sqrt(1 + 8 * known.size)) / 2), over_instances
        if n < result.sizes["instance"]:
            notes.append(f"{n} of {result.sizes['instance']} instances")
        note = "; ".join(notes)
        if not known.size:
            return Finding("fig8", quantity, np.nan, effect=effect, note=note)
        return summarise("fig8", quantity, known, settings, effect, note)

    def effect(quantity: str, values: xr.DataArray, *rates: float) -> Finding:
        return found(quantity, values, *rates, effect=True)

    n_networks = float(np.isfinite(result.train_accuracy).sum())
    return [
        Finding("fig8", "networks", n_networks, note="those that can be compared"),
        found("consistency at dropout 0.6, no dropout at test", at(plain, BEST), BEST),
        found("consistency at dropout 0.6, all samples", at(every, BEST), BEST),
        found("centroid consistency at dropout 0.8", at(centroid, HIGHEST), HIGHEST),
        found("centroid consistency at dropout 0", at(centroid, 0.0)),
        effect(
            "dropout 0.6 minus 0: consistency, no dropout at test",
            at(plain, BEST) - at(plain, 0.0), BEST,
        ),
        effect(
            "dropout 0.6 minus 0.8: consistency, no dropout at test",
            at(plain, BEST) - at(plain, HIGHEST), BEST, HIGHEST,
        ),
        effect(
            "dropout 0.6, all samples minus one sample: consistency",
            at(every, BEST) - at(one, BEST), BEST,
        ),
        found(
            "dropout 0.6, one sample: masks shared minus not shared: consistency",
            at(one, BEST) - at(result.unshared_consistency, BEST), BEST,
        ),
        effect(
            "dropout 0.6, all samples minus no dropout at test: consistency",
            at(every, BEST) - at(plain, BEST), BEST,
        ),
        *(
            effect(
                f"dropout {more:g} minus {less:g}: clustering index of {layer}",
                at(index, more) - at(index, less), *rates,
            )
            for layer, index in zip(result.layer.values, result.clustering_index, strict=True)
            # it goes on rising where consistency falls again
            for more, less, rates in ((HIGHEST, 0.0, (HIGHEST,)), (HIGHEST, BEST, (BEST, HIGHEST)))
        ),
        effect(
            "dropout 0 minus 0.8: centroid consistency",
            at(centroid, 0.0) - at(centroid, HIGHEST), HIGHEST,
        ),
        effect(
            "dropout 0 minus 0.6: training accuracy",
            at(result.train_accuracy, 0.0) - at(result.train_accuracy, BEST), BEST,
        ),
        effect(
            "moderate dropout (0.4, our choice) minus 0: test accuracy",
            at(result.test_accuracy, MODERATE) - at(result.test_accuracy, 0.0), MODERATE,
        ),
    ]  # fmt: skip


def caption(result: xr.Dataset) -> str:
    """What Fig. 8 shows."""
    penultimate, last = (str(layer) for layer in result.layer.values)
    left_out = result.attrs["left_out"]
    replaced = json.loads(result.attrs.get("replaced_instances", "[]"))
    return (
        "(a) Accuracy of the final networks by the rate of dropout they were trained with, on "
        "training and on test images, and on test images with dropout at that rate (one sample of "
        "masks). (b) Exemplar-based consistency (r²) of the last layer "
        f"({last}): RDMs with dropout at test, averaged over so many samples of masks before "
        "instances are compared; masks are the same for all instances. Rightmost: without dropout "
        f"at test. (c) Category clustering index of the last two layers ({penultimate}, {last}): "
        "which of them the paper calls the penultimate is open. (d) Three columns of (b) with "
        "intervals; ours: one sample for each instance, with masks that are not shared. (e) "
        "Centroid-based consistency of the last layer. (c) and (e) without dropout at test. "
        f"Means and {percent(result)} % bootstrap intervals over instances."
        + (f" Left out, since they cannot be compared: {left_out}." if left_out else "")
        + (" Those that did not converge were replaced at rate 0 alone." if replaced else "")
    )


EXPERIMENT = Experiment(
    "dropout",
    (_CONTROL, _SWEPT),
    measure,
    findings,
    {"fig8": Picture("Dropout, accuracy and consistency", draw_dropout, caption)},
    revision=2,
)
