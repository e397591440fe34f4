"""Every number that the paper prints, by figure and quantity.

Mehrer, Spoerer, Kriegeskorte and Kietzmann 2020, Nature Communications 11:5725,
doi:10.1038/s41467-020-19632-w.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TOLERANCE = 0.02  # ours: for half of the interval that the paper does not print


@dataclass(frozen=True)
class Printed:
    """A number of the paper.

    Attributes:
        value: as printed; None where only a range is.
        low, high: its interval or range, as printed.
        note: what the range is, or why ours may differ.
        chosen: whether it is a size of the experiment, which is chosen and not measured.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    chosen: bool = False


SURROGATE = "our All-CNN-7 is a surrogate: the paper's layers are not known"
_RANGE = "range of ten instances"
_NO_CORRELATION_INTERVAL = "the paper prints no interval"

NUMBERS: Mapping[tuple[str, str], Printed] = MappingProxyType(
    {
        ("fig4", "instances"): Printed(10.0, chosen=True),
        ("fig4", "pairs of instances"): Printed(45.0, chosen=True),
        ("fig4", "stimuli"): Printed(1000.0, chosen=True),
        ("fig4", "distances in an RDM"): Printed(499_500.0, chosen=True),
        ("fig4", "test accuracy, All-CNN-C"): Printed(None, 0.844, 0.859, _RANGE),
        ("fig4", "test accuracy, All-CNN-7"): Printed(
            None, 0.776, 0.7895, f"{_RANGE}; {SURROGATE}"
        ),
        ("fig4", "last-layer consistency, All-CNN-C"): Printed(0.4429, 0.4291, 0.4551),
        ("fig4", "last-layer consistency, All-CNN-7"): Printed(0.71, note=SURROGATE),
        ("fig5", "last-layer Euclidean consistency, All-CNN-C"): Printed(0.7384, 0.7312, 0.7466),
        ("fig6", "fc6 consistency, AlexNet"): Printed(0.62),
        ("fig6", "penultimate-layer consistency, AlexNet"): Printed(
            0.84, note="fc7 is taken as the penultimate layer; the paper may mean fc8"
        ),
        ("fig7", "last-layer centroid consistency, correlation"): Printed(0.8801, 0.8700, 0.8905),
        ("fig7", "last-layer centroid consistency, Euclidean"): Printed(0.9515, 0.9450, 0.9571),
        ("fig7", "random-category consistency, 2.5th percentile"): Printed(
            0.14, note="over draws and pairs (ours: the paper does not say over what)"
        ),
        ("fig7", "random-category consistency, 97.5th percentile"): Printed(
            0.81, note="over draws and pairs (ours: the paper does not say over what)"
        ),
        ("s4", "correlation of clustering index and consistency"): Printed(
            -0.92, note=f"skipped correlation; {_NO_CORRELATION_INTERVAL}"
        ),
        ("fig8", "networks"): Printed(90.0, chosen=True),
        ("fig8", "consistency at dropout 0.6, no dropout at test"): Printed(0.647),
        ("fig8", "consistency at dropout 0.6, all samples"): Printed(0.678),
        ("fig8", "centroid consistency at dropout 0.8"): Printed(0.7422, 0.6881, 0.7854),
        ("fig8", "centroid consistency at dropout 0"): Printed(0.8801, 0.8700, 0.8905),
        ("fig9", "correlation of accuracy and consistency"): Printed(
            -0.91, note=f"skipped correlation; {_NO_CORRELATION_INTERVAL}"
        ),
    }
)
