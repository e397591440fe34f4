"""Networks of a trained run, shown images of one's own, such as those of an experiment."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_rsa.arrays import LabelsLike, as_numpy, check_array, check_labels
from ensemble_rsa.arrays.labels import plain_values
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.data.image_arrays import as_pixels
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import ActivationSource, source_from_run
from ensemble_rsa.pipeline.extract import dataset_of
from ensemble_rsa.runs.run import Run, load_run

_AXES = "(stimulus, height, width, channel)"


def from_run(
    run: Run | str | Path,
    images: Any,
    labels: LabelsLike | None = None,
    stimuli: LabelsLike | None = None,
) -> ActivationSource:
    """Return the activations of a trained run for other images, for `extract` or `import_run`.

    The images are preprocessed as in training.

    Args:
        run: the run or its folder.
        images: pixels `(stimulus, height, width, channel)`, as large as the images of training:
            whole numbers from 0 to 255, or numbers from 0 to 1, which are rounded to 8 bits.
        labels: the category of each image; none when not given.
        stimuli: an id for each image; their positions when not given.

    Raises:
        InputError: no trained run; images of another size, or with values that are no pixels;
            labels or ids of another number, or ids that occur twice.
    """
    opened = run if isinstance(run, Run) else load_run(run)
    dataset = dataset_of(opened)
    size = dataset.test_images.shape[1:]
    pixels = as_pixels("images", as_numpy(check_array("images", images, 4, _AXES)))
    if pixels.shape[1:] != size:
        raise InputError(
            f"images: expected the size of the images of training, {_AXES[1:-1].partition(', ')[2]}"
            f" = {size}, got {pixels.shape[1:]}; resize them first"
        )
    n = len(pixels)
    ids = [str(i) for i in range(n)] if stimuli is None else plain_values("stimuli", stimuli)
    if len(ids) != n or len({*ids}) < n:
        raise InputError(
            f"stimuli: expected {n} different ids, got {len(ids)}, of which {len({*ids})} differ"
        )
    categories = [""] * n
    if labels is not None:
        codes, names = check_labels("labels", labels, n)
        categories = names[codes].tolist()
    # one category for all, so that they stay in their order
    shown = dataclasses.replace(
        dataset,
        test_images=pixels,
        test_labels=np.zeros(n, np.int64),
        test_ids=tuple(ids),
        categories=("",),
    )
    settings = AnalysisConfig.of(stimuli=n)
    source = source_from_run(opened, dataset, shown, settings)
    return dataclasses.replace(source, categories=tuple(categories))
