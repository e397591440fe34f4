"""Steps of all instances, against the same steps of each network alone in float64."""

import dataclasses
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import STACKED, ModelConfig, TrainingConfig
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.models.convolution import NHWC
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, member
from ensemble_rsa.rng import stream
from ensemble_rsa.training import gradient
from ensemble_rsa.training.batch import DeviceImages, StepSeeds
from ensemble_rsa.training.loop import _added
from ensemble_rsa.training.step import epoch_order, make_programs, stacked_settings

SIDE, BATCH, STEPS, BEFORE = 8, 10, 3, 7
STRIDES = (2, 2, 1)
ORDER = np.random.default_rng(0).permutation(40)[: STEPS * BATCH].reshape(STEPS, BATCH)


def images(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 2, 2, 1), dtype=np.uint8)  # patches, so that images differ
    pixels = coarse.repeat(SIDE // 2, 1).repeat(SIDE // 2, 2)
    return pixels, rng.integers(0, 10, n)


def on_device(pixels: np.ndarray, labels: np.ndarray) -> DeviceImages:
    fitted = fit_preprocessing("none", pixels)  # pixels / 255
    return DeviceImages(jnp.asarray(pixels), jnp.asarray(labels, jnp.int32), fitted)


@pytest.fixture(scope="module", autouse=True)
def parts_of_five_images():
    """Two parts of a batch of ten, so that their gradients are averaged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient, "LEAST_IMAGES", 5)
        patch.setattr(gradient, "PART_PIXELS", 1)
        yield


@pytest.fixture(scope="module")
def build(tiny_model, quick_execution):
    """Programs for a recipe, and initial parameters, with biases of 1, of instances on the host."""

    @cache
    def built(config: TrainingConfig):
        way = quick_execution.convolution
        blueprint = Blueprint(ModelConfig(tiny_model, width=0.2), (SIDE, SIDE, 1), 10, way)
        network, parameters = init_ensemble(blueprint, [0, 1])
        in_parts = dataclasses.replace(quick_execution, in_parts=True)
        programs = make_programs(network, config, STEPS, in_parts)
        parameters = jax.device_get(parameters)
        ones = lambda leaf: np.ones_like(leaf) if leaf.ndim == 2 else leaf
        return programs, jax.tree.map(ones, parameters)

    return built


def logits_by_hand(parameters, maps, masks=(None, None, None)):
    """Plain convolutions, biases, ReLU and the mean over space."""
    for layer, stride, mask in zip(range(3), STRIDES, masks, strict=True):
        convolution = parameters["convolutions"][layer]
        kernel, strides = convolution["kernel"], (stride, stride)
        maps = jax.lax.conv_general_dilated(maps, kernel, strides, "SAME", dimension_numbers=NHWC)
        maps = maps + convolution["bias"].reshape(1, 1, 1, -1)
        maps = jnp.where(maps > 0, maps, 0)
        maps = maps if mask is None else maps * mask
    return maps.mean((1, 2))


def masks_by_hand(config: TrainingConfig, step: int):
    """0 or 1 / (1 − rate) after each strided layer: a key per step and layer, none per instance."""
    if not config.dropout:  # masks of ones, so that all instances share one program
        return (np.ones((BATCH, 4, 4, 8)), np.ones((BATCH, 2, 2, 12)), None)
    kept = 1 - config.dropout

    def draw(step):
        key = jax.random.fold_in(stream(config.dropout_seed, "dropout"), step)
        shapes = ((BATCH, 4, 4, 8), (BATCH, 2, 2, 12))
        return [
            jax.random.bernoulli(jax.random.fold_in(key, layer), kept, shape)
            for layer, shape in enumerate(shapes)
        ]

    quick = jax.jit(draw, compiler_options={"xla_backend_optimization_level": 0})
    return (*(np.asarray(mask) / kept for mask in quick(step)), None)


def loss_by_hand(parameters, batch, labels, masks, l2, l2_biases):
    logits = logits_by_hand(parameters, batch, masks)
    own = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
    cross_entropy = jax.scipy.special.logsumexp(logits, 1) - own
    squares = sum(
        (leaf**2).sum() * jnp.where(leaf.ndim > 1, 1.0, l2_biases)
        for leaf in jax.tree.leaves(parameters)
    )
    return cross_entropy.mean() + l2 * squares, (cross_entropy.sum(), logits)


gradient_by_hand = jax.jit(
    jax.grad(loss_by_hand, has_aux=True), compiler_options={"xla_backend_optimization_level": 0}
)


def steps_by_hand(parameters, pixels, labels, config: TrainingConfig):
    """One instance in float64: parameters, sum of losses, correct predictions, gradient norms."""
    masks = [masks_by_hand(config, BEFORE + step) for step in range(STEPS)]
    total, right, norms = 0.0, 0, []
    with jax.enable_x64(True):
        parameters = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters)
        velocity = jax.tree.map(np.zeros_like, parameters)
        for chosen, mask in zip(ORDER, masks, strict=True):
            batch = pixels[chosen] / 255, labels[chosen], mask
            gradient, (loss_sum, logits) = jax.device_get(
                gradient_by_hand(parameters, *batch, config.l2, float(config.l2_biases))
            )
            norms.append(np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(gradient))))
            shrink = min(1.0, config.clip_norm / norms[-1])
            velocity = jax.tree.map(
                lambda v, g, shrink=shrink: config.momentum * v + shrink * g, velocity, gradient
            )
            parameters = jax.tree.map(
                lambda p, v: p - config.learning_rate * v, parameters, velocity
            )
            total += float(loss_sum)
            right += int((logits.argmax(1) == labels[chosen]).sum())
    return parameters, total, right, norms


TWO = TrainingConfig(instances=2, epochs=100, learning_rate=0.05)
RECIPES = {
    "momentum and l2 without biases": dataclasses.replace(TWO, l2=1e-2, l2_biases=False),
    "clipping": dataclasses.replace(TWO, clip_norm=0.1),
    "dropout and settings of their own": dataclasses.replace(
        TWO, dropout=(0.0, 0.4), dropout_seed=5, l2=(1e-2, 0.0), learning_rate=(0.02, 0.1)
    ),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_steps_are_those_of_each_network_alone(recipe, build):
    config = RECIPES[recipe]
    pixels, labels = images(40)
    programs, start = build(config)
    own_settings, data = stacked_settings(config, [0, 1]), on_device(pixels, labels)
    state, totals = programs.train(
        programs.start(start), own_settings, data, jnp.asarray(ORDER), 0, STEPS, BEFORE,
        StepSeeds.of(config),
    )  # fmt: skip
    parameters = jax.device_get(state.parameters)
    for i in range(2):
        own = {name: np.broadcast_to(getattr(config, name), 2)[i].item() for name in STACKED}
        alone = dataclasses.replace(config, instances=1, **own)
        expected, loss, right, norms = steps_by_hand(member(start, i), pixels, labels, alone)
        expected = jax.tree.map(np.float32, expected)
        chex.assert_trees_all_close(member(parameters, i), expected, rtol=1e-4, atol=1e-6)
        assert float(totals.loss[i].sum()) == pytest.approx(loss, rel=1e-5)
        assert int(totals.correct[i].sum()) == right
        assert recipe != "clipping" or min(norms) > config.clip_norm  # each step was clipped


def test_a_broken_instance_leaves_the_others_alone(build):
    config = RECIPES["momentum and l2 without biases"]
    settings, order = stacked_settings(config, [0, 1]), jnp.asarray(ORDER)
    data = on_device(*images(40))
    programs, start = build(config)
    broken = jax.tree.map(np.copy, start)
    for leaf in jax.tree.leaves(broken):
        leaf[0] = np.nan
    after = [
        programs.train(
            programs.start(one), settings, data, order, 0, STEPS, 0, StepSeeds.of(config)
        )[0].parameters
        for one in (start, broken)
    ]
    for sound, other in zip(*map(jax.tree.leaves, after), strict=True):
        assert np.isnan(other[0]).all()
        np.testing.assert_array_equal(sound[1], other[1])


def test_an_epochs_order_depends_on_its_seed_and_number():
    orders = [np.asarray(epoch_order(*own, 60, 25)) for own in [(4, 1), (4, 2), (5, 1)]]
    np.testing.assert_array_equal(epoch_order(4, 1, 60, 25), orders[0])
    seen = [set(order.ravel().tolist()) for order in orders]
    assert [len(images) for images in seen] == [50] * 3  # no image twice
    # other images are left out, so the orders differ too
    assert seen[0] != seen[1]
    assert seen[0] != seen[2]


def test_predictions_of_more_images_than_a_chunk(build):
    pixels, labels = images(53, seed=1)
    programs, start = build(dataclasses.replace(TWO, batch_size=20))
    parameters = jax.tree.map(lambda leaf: leaf * (leaf.ndim > 2), start)  # biases of 0
    predictions = np.asarray(programs.predict(parameters, on_device(pixels, labels)))
    assert predictions.shape == (2, 53)
    scaled = jnp.asarray(pixels / 255, jnp.float32)
    by_hand = jax.jit(logits_by_hand)
    for i in range(2):
        logits = np.asarray(by_hand(member(parameters, i), scaled))
        chosen = logits[np.arange(53), predictions[i]]
        np.testing.assert_allclose(chosen, logits.max(1), rtol=1e-5, atol=1e-6)
        assert len(set(predictions[i, 40:].tolist())) > 1  # images in the padded chunk differ


def test_the_history_does_not_depend_on_the_number_of_steps_in_a_call(rng):
    steps = rng.normal(2, 1, (3, 40)).astype(np.float32)
    whole = _added([0.0] * 3, steps)
    in_pieces = [0.0] * 3
    for start, stop in [(0, 1), (1, 18), (18, 40)]:
        in_pieces = _added(in_pieces, steps[:, start:stop])
    assert in_pieces == whole
    np.testing.assert_allclose(whole, steps.astype(np.float64).sum(1), rtol=1e-14)
    assert _added([3, 4], np.array([[1, 0], [2, 2]], np.int32)) == [4, 8]
