"""Test accuracy of a run's networks with dropout left on.

See Fig. 8 of Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.extraction.sources import dropout_masks
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.models.network import Parameters
from ensemble_rsa.runs.run import Run, load_networks

CHUNK = 500  # images at once


@fixed_settings()
def accuracy_with_dropout(
    run: Run, dataset: Dataset, sample: int = 0
) -> Float[np.ndarray, " instance"]:
    """Return each instance's test accuracy, 0 to 1, at its own dropout rate; all share masks."""
    masks = dropout_masks(run, sample)
    execution = default_execution()
    network, parameters = load_networks(run, execution.convolution)
    preprocessing = fit_preprocessing(run.config.data.preprocessing, dataset.train_images)

    @partial(jax.jit, compiler_options=execution.compiler_options or None)
    def predict(own: Parameters, pixels: Array, rate: Array, key: Array) -> Array:
        with jax.default_matmul_precision("float32"):  # a GPU would use TF32 otherwise
            images = apply_preprocessing(preprocessing, pixels)
            return network.logits(own, images, Dropout(rate, key)).argmax(-1)

    def accuracy(position: int) -> float:
        own, (rate, key) = member(parameters, position), masks(position)
        n_correct = 0
        for chunk, start in enumerate(range(0, len(dataset.test_labels), CHUNK)):
            rows = slice(start, start + CHUNK)
            predictions = predict(
                own,
                jnp.asarray(dataset.test_images[rows]),
                jnp.float32(rate),
                jax.random.fold_in(key, chunk),
            )
            n_correct += int((np.asarray(predictions) == dataset.test_labels[rows]).sum())
        return n_correct / len(dataset.test_labels)

    return np.array([accuracy(position) for position in range(len(run.seeds))])
