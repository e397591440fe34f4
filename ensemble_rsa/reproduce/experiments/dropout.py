"""Fig. 8 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): dropout in training and at test.

Networks without dropout are the ensemble `control`; all others are one ensemble with a rate for
each instance. Instances that did not converge are kept at all rates, and one that cannot be
compared at a rate is left out of both sides of a contrast.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.bootstrap.jackknife import Scale
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.extraction.evaluation import accuracy_with_dropout
from ensemble_rsa.figures.paper.dropout import draw_dropout
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.pipeline.extract import dataset_of
from ensemble_rsa.reproduce.cache import cached_path, load_or_make
from ensemble_rsa.reproduce.dropout_rates import Grid, by_dropout
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_finding
from ensemble_rsa.reproduce.workspace import Workspace, check_time, networks, rdms
from ensemble_rsa.runs.run import Run

BEST, HIGHEST = 0.6, 0.8  # the rates that the paper reports numbers for
MODERATE = 0.4  # ours, in the middle of the paper's range: it says no more than "moderate"
_CONTROL, _SWEPT = "control", "dropout"


def measure(work: Workspace) -> xr.Dataset:
    """Accuracies, consistency with and without dropout at test, and clustering, at every rate."""
    control, swept = networks(work, _CONTROL), networks(work, _SWEPT)
    without, rates = np.zeros(len(control.seeds)), np.asarray(swept.config.training.dropout)
    last_two = list(layer_names(control.config.model.model)[-2:])

    def with_rates(stack: xr.Dataset, rate_of: np.ndarray) -> xr.Dataset:
        return stack.assign_coords(dropout=("instance", rate_of[stack.instance.values]))

    def accuracy(values: np.ndarray, rate_of: np.ndarray, seeds: Sequence[int]) -> xr.DataArray:
        coords = {"dropout": ("instance", rate_of), "seed": ("instance", list(seeds))}
        return xr.DataArray(values, dims="instance", coords=coords)

    both = (
        ("train_accuracy", control.accuracy["train"], swept.accuracy["train"]),
        ("test_accuracy", control.accuracy["test"], swept.accuracy["test"]),
        ("dropout_accuracy", control.accuracy["test"], _accuracy_with_dropout(work, swept)),
    )
    return by_dropout(
        Grid(work.scale.rates, tuple(sorted({*control.seeds, *swept.seeds}))),
        untested=[
            with_rates(rdms(work, _CONTROL).sel(layer=last_two), without),
            with_rates(rdms(work, _SWEPT, last_two), rates),
        ],
        samples=(
            with_rates(rdms(work, _SWEPT, last_two[-1:], dropout_sample=sample), rates)
            for sample in range(work.scale.samples)
        ),
        accuracies={
            name: [accuracy(at_zero, without, control.seeds), accuracy(other, rates, swept.seeds)]
            for name, at_zero, other in both
        },
        statistics=work.scale.analysis.statistics,
    )


def _accuracy_with_dropout(work: Workspace, run: Run) -> np.ndarray:
    """Test accuracy of every instance with dropout left on, loaded if it is stored."""
    made_from = {"networks": config_hash(run.config), "images": run.fingerprint}

    def make() -> xr.Dataset:
        check_time()
        work.log(f"accuracy of {_SWEPT} with dropout at test")
        found = accuracy_with_dropout(run, dataset_of(run))
        return xr.Dataset({"accuracy": ("instance", found)})

    path = cached_path(work.root / "results", made_from, "accuracy_with_dropout")
    return load_or_make(path, make).accuracy.values


def findings(result: xr.Dataset) -> list[Finding]:
    """The paper's numbers at the rates that it names, and its effects."""
    plain, centroid = result.consistency, result.centroid_consistency
    one, every = (result.sampled_consistency.isel(sample=place) for place in (0, -1))

    def at(values: xr.DataArray, rate: float) -> xr.DataArray:
        return values.sel(dropout=rate, method="nearest")

    def measure(
        quantity: str,
        values: xr.DataArray,
        *rates: float,
        effect: bool = False,
        scale: Scale = "raw",
    ) -> Finding:
        (dim,) = values.dims
        known = values.dropna(dim)
        nearest = [(float(at(result.dropout, rate)), rate) for rate in rates]
        notes = [f"{used:g} is used for {rate:g}" for used, rate in nearest if used != rate]
        n = known.size if dim == "instance" else int((1 + np.sqrt(1 + 8 * known.size)) / 2)
        if n < result.sizes["instance"]:
            notes.append(f"{n} of {result.sizes['instance']} instances")
        note = "; ".join(notes)
        if len({used for used, _ in nearest}) < len(rates):
            note = f"not defined: {note}, so that both are the same"
            return Finding("fig8", quantity, np.nan, effect=effect, note=note)
        if not known.size:
            return Finding("fig8", quantity, np.nan, effect=effect, note=note)
        return mean_finding(result, "fig8", quantity, known, effect, note, scale)

    effect, number = partial(measure, effect=True), partial(measure, scale="shared_variance")
    n_networks = float(np.isfinite(result.train_accuracy).sum())
    return [
        Finding("fig8", "networks", n_networks, note="those that can be compared"),
        number("consistency at dropout 0.6, no dropout at test", at(plain, BEST), BEST),
        number("consistency at dropout 0.6, all samples", at(every, BEST), BEST),
        number("centroid consistency at dropout 0.8", at(centroid, HIGHEST), HIGHEST),
        number("centroid consistency at dropout 0", at(centroid, 0.0)),
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
        measure(
            "dropout 0.6, one sample: masks shared minus not shared: consistency",
            at(one, BEST) - at(result.unshared_consistency, BEST), BEST,
        ),
        effect(
            "dropout 0.6, all samples minus no dropout at test: consistency",
            at(every, BEST) - at(plain, BEST), BEST,
        ),
        # clustering still rises at rates at which consistency falls again
        *(
            judge(
                f"dropout {more:g} minus {less:g}: clustering index of {layer}",
                at(index, more) - at(index, less), more, less,
            )
            for judge, layer, index in zip(
                # which layer the paper calls the penultimate is open: the last is judged
                (measure, effect), result.layer.values, result.clustering_index, strict=True
            )
            for more, less in ((BEST, 0.0), (HIGHEST, BEST))
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


def caption_values(result: xr.Dataset) -> dict[str, object]:
    """Which instances were excluded."""
    return {"left_out": result.attrs["left_out"]}


_PICTURES = {"fig8": Picture(draw_dropout, caption_values)}
EXPERIMENT = Experiment("dropout", (_CONTROL, _SWEPT), measure, findings, _PICTURES, revision=3)
