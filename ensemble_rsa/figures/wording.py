"""Names of models, distances and kinds, and how numbers are written: figures, captions, pages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

MODEL_NAMES = {
    "all_cnn_c": "All-CNN-C",
    "all_cnn_7": "All-CNN-7",
    "all_cnn_7b": "All-CNN-7 (variant B)",
    "alexnet": "AlexNet",
    "resnet18": "ResNet-18",
    "resnet20": "ResNet-20",
    "resnet32": "ResNet-32",
    "resnet56": "ResNet-56",
    "vit": "a small vision transformer",
    "mlp": "a multilayer perceptron",
}
DISTANCE_NAMES = {
    "correlation": "correlation distance",
    "cosine": "cosine distance",
    "euclidean": "Euclidean distance",
    "unit_euclidean": "Euclidean distance of unit-length patterns",
    "norm_difference": "difference of pattern norms",
}
COMPARISON_NAMES = {
    name + suffix: f"{words}, squared" if suffix else words
    for name, words in {
        "pearson": "Pearson correlation",
        "spearman": "Spearman correlation",
        "cosine": "cosine",
        "rho_a": "Spearman's ρa",
        "tau_a": "Kendall's τa",
        "corr_cov": "whitened correlation",
        "cosine_cov": "whitened cosine",
    }.items()
    for suffix in ("", "_squared")
}
_SHARED_VARIANCE = "pearson_squared"
KIND_NAMES = {
    "exemplar": "exemplar-based",
    "centroid": "centroid-based",
    "within_category": "within-category",
}


def similarity_name(comparison: xr.Dataset) -> str:
    """What two RDMs were compared by: the shared variance where nothing else is recorded.

    >>> similarity_name(xr.Dataset(attrs={"comparison": "rho_a"})), similarity_name(xr.Dataset())
    ("Spearman's ρa", 'shared variance, r²')
    """
    name = str(comparison.attrs.get("comparison", _SHARED_VARIANCE))
    return "shared variance, r²" if name == _SHARED_VARIANCE else COMPARISON_NAMES[name]


def has_seeds(results: xr.Dataset) -> bool:
    """Whether instances have seeds: only those of our own models do."""
    return "seed" in results.coords and bool(results.attrs.get("model"))


def instance_name(results: xr.Dataset, row: int, between: str = " ") -> str:
    """The name of an instance whose embedding is shown, with its seed where there is one."""
    number = results.shown.values[row]
    if not has_seeds(results):
        return f"Instance {number}"
    return f"Instance {number}{between}(seed {int(results.seed.sel(instance=number))})"


def surrogate_title(results: xr.Dataset) -> str | None:
    """The heading of every figure of a surrogate network; None for other networks."""
    if not results.attrs.get("surrogate", 0):
        return None
    model = str(results.attrs.get("model", ""))
    return f"{MODEL_NAMES.get(model, model)} surrogate (not the network of the paper)"


def noted_instances(
    dataset: xr.Dataset, entries: Iterable[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """Match entries to the instances of a data set: by seed where known, else by number.

    Seeds come first, since a run and its results may number instances differently. The keys of the
    result are the instance numbers of the data set.

    >>> known = xr.Dataset(coords={"instance": [0, 1], "seed": ("instance", [7, 9])})
    >>> noted_instances(known, [{"instance": 2, "seed": 9, "reason": "dead"}])
    {1: {'instance': 2, 'seed': 9, 'reason': 'dead'}}
    """
    numbers = dataset.instance.values.tolist()
    seeds = [int(value) for value in dataset.seed.values] if "seed" in dataset.coords else []
    noted = {}
    for entry in entries:
        seed = entry.get("seed")
        if seeds and seed is not None:
            if int(seed) in seeds:
                noted[numbers[seeds.index(int(seed))]] = entry
        elif entry["instance"] in numbers:
            noted[entry["instance"]] = entry
    return noted


def as_ranges(numbers: Sequence[Any] | np.ndarray) -> str:
    """Whole numbers as short ranges; names as they are, but no more than four.

    >>> as_ranges([0, 1, 2, 3, 7, 9, 10])
    '0–3, 7, 9, 10'
    >>> as_ranges(["ann", "bob"]), as_ranges(list("abcdefg"))
    ('ann, bob', 'a, b, c, …, g')
    """
    if np.asarray(numbers).dtype.kind not in "iu":
        names = [str(name) for name in numbers]
        return ", ".join(names if len(names) <= 4 else [*names[:3], "…", names[-1]])
    runs: list[list[int]] = []
    for value in sorted(int(n) for n in numbers):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(
        f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )


def enumeration(words: Iterable[Any]) -> str:
    """Words with commas, and "and" before the last.

    >>> enumeration(["a", "b", "c"]), enumeration([200])
    ('a, b and c', '200')
    """
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def percent(results: xr.Dataset) -> str:
    """The level of confidence in per cent, "95" unless the results say otherwise."""
    return f"{100 * float(results.attrs.get('confidence', 0.95)):g}"


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` decimals; a dash if it is not defined.

    >>> number(0.4429), number(float("nan"))
    ('0.443', '–')
    """
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"


def signed(value: float, digits: int = 2) -> str:
    """A number with a proper minus sign.

    >>> signed(-0.974)
    '−0.97'
    """
    return number(value, digits).replace("-", "−")


def p_value(p: float) -> str:
    """A p with four decimals, or what it is below; a dash if it is not defined.

    >>> p_value(0.01187), p_value(2e-6), p_value(float("nan"))
    ('0.0119', '< 0.0001', '–')
    """
    return "< 0.0001" if p < 0.00005 else number(p, 4)


def compact(value: float) -> str:
    """Three decimals, or two significant digits of a small number; whole numbers as they are.

    >>> compact(0.44291), compact(-0.5), compact(1.2e-7), compact(499500.0), compact(float("nan"))
    ('0.443', '-0.500', '1.2e-07', '499,500', '–')
    """
    if not np.isfinite(value):
        return "–"
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 5e-4 else f"{value:.1e}"


def bounds(limits: Sequence[float], digits: int = 2) -> str:
    """An interval in brackets; a dash if it is not defined.

    >>> bounds((0.4291, 0.4551)), bounds((float("nan"), float("nan")))
    ('[0.43, 0.46]', '[–]')
    """
    low, high = limits
    if not np.isfinite([low, high]).all():
        return "[–]"
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def interval(mean: float, limits: Sequence[float]) -> str:
    """A mean with its interval: two decimals, three near 1 or if the interval is narrow.

    >>> interval(0.4429, (0.4291, 0.4551)), interval(0.9981, (0.9968, 0.9993))
    ('0.44 [0.43, 0.46]', '0.998 [0.997, 0.999]')
    """
    width = limits[1] - limits[0]
    digits = 3 if mean >= 0.995 or width < 0.01 else 2
    return f"{mean:.{digits}f} {bounds(limits, digits)}"


def percentage(share: float) -> str:
    """A share in per cent, a dash if it is not defined.

    >>> percentage(0.962), percentage(float("nan"))
    ('96.2 %', '–')
    """
    return f"{100 * share:.1f} %" if np.isfinite(share) else "–"


def accuracy_range(values: Any) -> str:
    """Accuracies between 0 and 1 as a range in per cent.

    >>> accuracy_range([0.981, 0.962, 0.97])
    '96.2–98.1 %'
    """
    lowest, highest = (percentage(float(f(values))) for f in (np.nanmin, np.nanmax))
    return highest if lowest == highest else f"{lowest.removesuffix(' %')}–{highest}"


def moment(text: str) -> str:
    """A date, and the time to the minute if it has one.

    >>> moment("2026-11-26T03:49:40+00:00"), moment("2026-01-02")
    ('2026-11-26, 03:49 UTC', '2026-01-02')
    """
    day, _, time = text.partition("T")
    return f"{day}, {time[:5]} {'UTC' if time.endswith('+00:00') else time[8:]}" if time else day


def paper_figure(name: str) -> str:
    """The label of a figure in the paper.

    >>> paper_figure("fig4"), paper_figure("s3")
    ('Fig. 4', 'Fig. S3')
    """
    return f"Fig. {name.removeprefix('fig')}" if name.startswith("fig") else f"Fig. {name.upper()}"


def capitalize(text: str) -> str:
    """The text with its first letter in upper case and the others unchanged."""
    return text[:1].upper() + text[1:]
