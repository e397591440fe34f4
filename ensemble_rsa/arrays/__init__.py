"""Checks at the entry of every public function: array-likes, RDMs, labels, counts.

Rows are stimuli and columns are units. RDMs travel condensed: the row-major upper triangle without
the diagonal, in the order of `scipy.spatial.distance.pdist`.
"""

from ensemble_rsa.arrays.checks import (
    check_confidence,
    check_count,
    check_finite,
    check_flag,
    check_varied,
)
from ensemble_rsa.arrays.constant import is_constant, is_zero, rounding_unit
from ensemble_rsa.arrays.convert import ArrayLike, as_numpy, check_array, with_units_flattened
from ensemble_rsa.arrays.coordinates import check_agreement
from ensemble_rsa.arrays.labels import LabelCodes, LabelsLike, check_labels
from ensemble_rsa.arrays.names import readable
from ensemble_rsa.arrays.rdms import check_instance_rdms, check_rdms, stimuli_of_pairs
from ensemble_rsa.arrays.reading import ReadingWarning
from ensemble_rsa.scalars import is_number, is_whole

__all__ = [
    "ArrayLike", "LabelCodes", "LabelsLike", "ReadingWarning", "as_numpy", "check_agreement",
    "check_array", "check_confidence", "check_count", "check_finite", "check_flag",
    "check_instance_rdms", "check_labels", "check_rdms", "check_varied", "is_constant", "is_number",
    "is_whole", "is_zero", "readable", "rounding_unit", "stimuli_of_pairs", "with_units_flattened",
]  # fmt: skip
