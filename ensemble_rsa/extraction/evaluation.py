"""How many test images the networks of a run get right while dropout is at work (paper.md §7)."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.extraction.collect import masks_while_tested
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import Parameters, member
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.runs.run import Run, load_networks

_CHUNK = 500  # images at once


def accuracy_with_dropout(
    run: Run, dataset: Dataset, sample: int = 0
) -> Float[np.ndarray, " instance"]:
    """Test accuracy of each instance at its own rate of dropout, with masks that all share.

    Args:
        run: an ensemble trained with dropout.
        dataset: what it was trained on.
        sample: the number of the masks.

    Returns:
        Shares of the test images, 0 to 1.

    Raises:
        InputError: no instance was trained with dropout.
    """
    execution = default_execution()
    network, parameters = load_networks(run, execution.convolution)
    masks = masks_while_tested(run, sample)
    preprocessing = fit_preprocessing(run.config.data.preprocessing, dataset.train_images)

    @jax.jit
    def answers(own: Parameters, pixels: Array, rate: Array, key: Array) -> Array:
        with jax.default_matmul_precision("float32"):  # else a GPU rounds factors to ten bits
            images = apply_preprocessing(preprocessing, pixels)
            return network.logits(own, images, Dropout(rate, key)).argmax(-1)

    def of_instance(number: int) -> float:
        own, mask = member(parameters, number), masks(number)
        assert mask is not None  # since a sample was asked for
        right = 0
        for chunk, start in enumerate(range(0, len(dataset.test_labels), _CHUNK)):
            rows = slice(start, start + _CHUNK)
            given = answers(
                own,
                jnp.asarray(dataset.test_images[rows]),
                jnp.float32(mask.rate),
                jax.random.fold_in(mask.key, chunk),
            )
            right += int((np.asarray(given) == dataset.test_labels[rows]).sum())
        return right / len(dataset.test_labels)

    return np.array([of_instance(number) for number in range(len(run.seeds))])
