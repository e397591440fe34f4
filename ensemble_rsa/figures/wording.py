"""Words for names and numbers, the same in figures, captions and sentences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

MODEL_NAMES = {
    "all_cnn_c": "All-CNN-C",
    "all_cnn_7": "All-CNN-7",
    "all_cnn_7b": "All-CNN-7 (variant B)",
    "alexnet": "AlexNet",
}
DISTANCE_NAMES = {
    "correlation": "correlation distance",
    "cosine": "cosine distance",
    "euclidean": "Euclidean distance",
    "unit_euclidean": "Euclidean distance of unit-length patterns",
    "norm_difference": "difference of pattern norms",
}
KIND_NAMES = {
    "exemplar": "exemplar-based",
    "centroid": "centroid-based",
    "within_category": "within-category",
}


def model_name(results: xr.Dataset) -> str:
    """What the network is called, with "surrogate" where it only stands in for the paper's.

    Activations that did not come from our networks have no name: "".

    >>> model_name(xr.Dataset(attrs={"model": "all_cnn_7", "surrogate": 1}))
    'All-CNN-7 surrogate'
    """
    model = str(results.attrs.get("model", ""))
    name = MODEL_NAMES.get(model, model)
    return f"{name} surrogate" if is_surrogate(results) else name


def has_seeds(results: xr.Dataset) -> bool:
    """Whether the instances have seeds: in activations from elsewhere they are only counted."""
    return "seed" in results.coords and bool(results.attrs.get("model"))


def is_surrogate(results: xr.Dataset) -> bool:
    """Whether the network only stands in for one of the paper's."""
    return bool(results.attrs.get("surrogate", 0))


def of_model(results: xr.Dataset) -> str:
    """The name as it follows a number of instances, or nothing where there is no name.

    >>> of_model(xr.Dataset(attrs={"model": "all_cnn_c"}))
    ' of All-CNN-C'
    >>> of_model(xr.Dataset(attrs={"model": "all_cnn_7", "surrogate": 1}))
    ' of the All-CNN-7 surrogate'
    """
    name = model_name(results)
    article = "the " if is_surrogate(results) else ""
    return f" of {article}{name}" if name else ""


def surrogate_title(results: xr.Dataset) -> str | None:
    """The heading that a figure must carry when the network is a surrogate, else None."""
    if not is_surrogate(results):
        return None
    return f"{model_name(results)} (not the network of the paper)"


def distance_name(results: xr.Dataset) -> str:
    """The first-level distance in words.

    >>> distance_name(xr.Dataset(attrs={"distance": "cosine"}))
    'cosine distance'
    """
    distance = str(results.attrs.get("distance", "unknown distance"))
    blank = " after cocktail-blank normalisation" if results.attrs.get("cocktail_blank") else ""
    return DISTANCE_NAMES.get(distance, distance) + blank


def as_ranges(numbers: Sequence[int] | np.ndarray) -> str:
    """Whole numbers as short ranges.

    >>> as_ranges([0, 1, 2, 3, 7, 9, 10])
    '0–3, 7, 9, 10'
    """
    runs: list[list[int]] = []
    for value in sorted(int(n) for n in numbers):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(
        f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )


def instances_phrase(results: xr.Dataset) -> str:
    """How many instances of what, with seeds where they are known.

    >>> coords = {"instance": [0, 1, 2], "seed": ("instance", [4, 5, 6])}
    >>> instances_phrase(xr.Dataset(coords=coords, attrs={"model": "all_cnn_c"}))
    '3 instances of All-CNN-C (seeds 4–6)'
    """
    words = f"{results.sizes['instance']} instances{of_model(results)}"
    return f"{words} (seeds {as_ranges(results.seed.values)})" if has_seeds(results) else words


def noted_instances(
    dataset: xr.Dataset, entries: Iterable[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """Which instances of a data set the entries speak of: by seed where known, else by number.

    The seed comes first because instances are counted anew when some were left out.

    Args:
        dataset: with dimension `instance`, and `seed (instance)` where it is known.
        entries: `{"instance": …, "seed": …, "reason": …}` each.

    Returns:
        Instance number in `dataset` → entry.

    >>> known = xr.Dataset(coords={"instance": [0, 1], "seed": ("instance", [7, 9])})
    >>> noted_instances(known, [{"instance": 2, "seed": 9, "reason": "dead"}])
    {1: {'instance': 2, 'seed': 9, 'reason': 'dead'}}
    """
    numbers = [int(value) for value in dataset.instance.values]
    seeds = [int(value) for value in dataset.seed.values] if "seed" in dataset.coords else []
    noted = {}
    for entry in entries:
        seed = entry.get("seed")
        if seeds and seed is not None:
            if int(seed) in seeds:
                noted[numbers[seeds.index(int(seed))]] = entry
        elif int(entry["instance"]) in numbers:
            noted[int(entry["instance"])] = entry
    return noted


def percent(results: xr.Dataset) -> str:
    """The level of confidence as a number of per cent, "95" unless the results say otherwise."""
    return f"{100 * float(results.attrs.get('confidence', 0.95)):g}"


def number(value: float, digits: int = 3) -> str:
    """A number to so many decimals; a dash for one that is not defined.

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
    """A p value to two digits, below 0.001 as a bound; a dash where it is not defined.

    >>> p_value(0.0213), p_value(3e-7), p_value(float("nan"))
    ('p = 0.021', 'p < 0.001', 'p = –')
    """
    if not np.isfinite(p):
        return "p = –"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def bounds(low: float, high: float, digits: int = 2) -> str:
    """An interval in brackets; with a dash where there is none.

    >>> bounds(0.4291, 0.4551), bounds(float("nan"), float("nan"))
    ('[0.43, 0.46]', '[–]')
    """
    if not np.isfinite([low, high]).all():
        return "[–]"
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def interval(mean: float, low: float, high: float) -> str:
    """A mean with its interval: two decimals, three near 1 or where the interval is narrow.

    >>> interval(0.4429, 0.4291, 0.4551), interval(0.9981, 0.9968, 0.9993)
    ('0.44 [0.43, 0.46]', '0.998 [0.997, 0.999]')
    """
    narrow = bool(np.isfinite(high - low)) and high - low < 0.01
    digits = 3 if mean >= 0.995 or narrow else 2
    return f"{mean:.{digits}f} {bounds(low, high, digits)}"


def accuracy_range(values: Any) -> str:
    """Accuracies between 0 and 1 as a range in per cent.

    >>> accuracy_range([0.981, 0.962, 0.97])
    '96.2–98.1 %'
    """
    lowest, highest = (f"{100 * float(f(values)):.1f}" for f in (np.nanmin, np.nanmax))
    return f"{lowest} %" if lowest == highest else f"{lowest}–{highest} %"


def capitalize(text: str) -> str:
    """The text with its first letter large and the others as they are."""
    return text[:1].upper() + text[1:]
