"""Optimisers, schedules, loss and augmentation, against closed forms in float64."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.network import Network
from ensemble_rsa.training.augmentation import GREY, augment, mixing
from ensemble_rsa.training.averages import first_averages, networks_of, with_averages
from ensemble_rsa.training.batch import DeviceImages, StepSeeds, make_batch
from ensemble_rsa.training.gradient import InstanceSettings, Targets, make_gradient
from ensemble_rsa.training.recipe import cross_entropy, make_optimiser, states_per_parameter


def rates(config: TrainingConfig, steps_per_epoch: int) -> np.ndarray:
    """Change of a weight in each step with gradient 1, momentum 0 and learning rate 1."""
    optimiser = make_optimiser(config, steps_per_epoch)
    weight = jnp.ones(())

    def step(state, _):
        updates, state = optimiser.update(weight, state, weight)
        return state, -updates

    total = config.epochs * steps_per_epoch
    return np.asarray(jax.lax.scan(step, optimiser.init(weight), length=total)[1])


def test_the_rate_drops_after_epochs_200_250_and_300_of_350():
    moved = rates(TrainingConfig(momentum=0.0), 3)
    expected = np.repeat([1, 1e-1, 1e-2, 1e-3], [600, 150, 150, 150])
    np.testing.assert_allclose(moved, expected, rtol=1e-5)


def test_drops_that_fall_on_the_same_epoch_all_count():
    # of 3 epochs, 4/7 and 5/7 both round to 2, and 6/7 to 3, the end
    moved = rates(TrainingConfig(momentum=0.0, epochs=3), 2)
    np.testing.assert_allclose(moved, [1] * 4 + [1e-2] * 2, rtol=1e-5)


def test_a_warm_up_precedes_the_drops():
    config = TrainingConfig(momentum=0.0, epochs=10, warm_up=0.2, drop_after=(0.5,))
    expected = [0.25, 0.5, 0.75, 1] + [1] * 6 + [0.1] * 10
    np.testing.assert_allclose(rates(config, 2), expected, rtol=1e-5)


def test_cosine_falls_to_zero_and_one_cycle_rises_first():
    cosine = rates(TrainingConfig(momentum=0.0, epochs=10, schedule="cosine"), 2)
    expected = [(1 + math.cos(math.pi * step / 20)) / 2 for step in range(20)]
    np.testing.assert_allclose(cosine, expected, rtol=1e-4, atol=1e-6)
    cycle = rates(TrainingConfig(momentum=0.0, epochs=10, schedule="one_cycle"), 2)
    assert cycle.argmax() == 6
    assert cycle[6] == pytest.approx(1)
    assert cycle[0] < 0.1
    assert cycle[-1] < 0.1


def weights_after(config, gradients, start):
    """With a learning rate of 1; the norm of the gradient is below the limit."""
    optimiser = make_optimiser(config, len(gradients))
    weights = jax.tree.map(jnp.asarray, start)
    state = optimiser.init(weights)
    for gradient in gradients:
        updates, state = optimiser.update(gradient, state, weights)
        weights = jax.tree.map(jnp.add, weights, updates)
    return weights


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adamw", "lion"])
def test_optimisers_by_hand(name, decay, rng):
    start = {"kernel": rng.normal(size=(2, 3)), "bias": rng.normal(size=3)}
    gradients = [{key: rng.normal(size=value.shape) for key, value in start.items()} for _ in "abc"]
    single = lambda tree: {key: np.float32(value) for key, value in tree.items()}
    config = TrainingConfig(
        optimiser=name, weight_decay=decay, epochs=1, drop_after=(), schedule="drops"
    )
    found = weights_after(config, [single(each) for each in gradients], single(start))
    for key, value in start.items():
        first = second = np.zeros_like(value)
        for step, gradient in enumerate((each[key] for each in gradients), 1):
            if name in ("sgd", "nesterov"):
                first = gradient + 0.9 * first
                update = gradient + 0.9 * first if name == "nesterov" else first
            elif name == "adamw":
                first = 0.9 * first + 0.1 * gradient
                second = 0.999 * second + 0.001 * gradient**2
                root = np.sqrt(second / (1 - 0.999**step)) + 1e-8
                update = first / (1 - 0.9**step) / root
            else:
                update = np.sign(0.9 * first + 0.1 * gradient)
                first = 0.99 * first + 0.01 * gradient
            value = value - update - (decay * value if key == "kernel" else 0)
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5)


def test_smoothed_labels_are_a_mixture():
    logits, labels = np.array([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]]), np.array([0, 1])
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    target = 0.9 * np.eye(3)[labels] + 0.1 / 3
    expected = -(target * np.log(share)).sum(-1)
    found = cross_entropy(jnp.asarray(logits, jnp.float32), jnp.asarray(labels), 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_numbers_kept_for_each_parameter():
    counts = {"sgd": 2, "nesterov": 2, "adamw": 3, "lion": 2}
    assert {name: states_per_parameter(TrainingConfig(optimiser=name)) for name in counts} == counts


def test_images_are_mirrored_and_shifted_by_whole_pixels(rng):
    images = rng.integers(0, 256, (200, 5, 6, 2), np.uint8)
    config = TrainingConfig(flip=True, shift=1)
    found = np.asarray(augment(jnp.asarray(images), jax.random.key(0), config))
    counts = dict.fromkeys([(f, y, x) for f in (0, 1) for y in (0, 1, 2) for x in (0, 1, 2)], 0)
    for image, changed in zip(images, found, strict=True):
        padded = [
            np.pad(each, ((1, 1), (1, 1), (0, 0)), mode="edge") for each in (image, image[:, ::-1])
        ]
        matches = [
            key
            for key in counts
            if (padded[key[0]][key[1] : key[1] + 5, key[2] : key[2] + 6] == changed).all()
        ]
        assert len(matches) == 1
        counts[matches[0]] += 1
    assert min(counts.values()) > 0  # 200 draws of 18: all occur
    assert 70 < sum(n for key, n in counts.items() if key[0]) < 130


def test_parts_of_a_batch_are_changed_like_the_whole(rng):
    images = jnp.asarray(rng.integers(0, 256, (12, 4, 4, 1), np.uint8))
    key, config = jax.random.key(1), TrainingConfig(flip=True, shift=2)
    whole = augment(images, key, config)
    parts = [augment(images[4 * i : 4 * i + 4], key, config, i, 3) for i in range(3)]
    np.testing.assert_array_equal(jnp.concatenate(parts), whole)


def test_without_augmentation_images_stay():
    images = jnp.arange(24, dtype=jnp.uint8).reshape(1, 4, 3, 2)
    same = augment(images, jax.random.key(0), TrainingConfig())
    np.testing.assert_array_equal(same, images)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"optimiser": "adam"}, "optimiser: unknown 'adam'; .*adamw"),
        ({"schedule": "linear"}, "schedule: unknown 'linear'"),
        ({"warm_up": 1.0}, "warm_up: expected a number from 0 to below 1"),
        ({"shift": -1}, "shift: expected a whole number, 0 or more"),
        ({"label_smoothing": 1.5}, "label_smoothing: "),
        ({"weight_decay": -0.1}, "weight_decay: expected 0 or more"),
    ],
)
def test_wrong_settings_are_named(setting, message, unchecked_annotations):
    with pytest.raises(InputError, match=message):
        TrainingConfig(**setting)


def test_accumulated_gradients_are_averaged_and_the_rate_is_that_of_the_step():
    config = TrainingConfig(momentum=0.0, epochs=10, accumulate=2, drop_after=(0.5,))
    expected = [0, 1] * 10 + [0, 0.1] * 10
    np.testing.assert_allclose(rates(config, 4), expected, rtol=1e-5)
    optimiser = make_optimiser(config, 4)
    weight = jnp.zeros(())
    state = optimiser.init(weight)
    for gradient, moved in ((3.0, 0.0), (5.0, -4.0)):
        updates, state = optimiser.update(jnp.asarray(gradient), state, weight)
        assert float(updates) == pytest.approx(moved)
    assert states_per_parameter(config) == 3


def test_averages_of_weights_forget_old_steps(rng):
    steps, decay = rng.normal(size=(5, 2, 3)).astype(np.float32), 0.8  # step, instance, weight
    start = {"kernel": jnp.asarray(steps[0])}
    state = first_averages((), start, decay)
    np.testing.assert_array_equal(networks_of(start, state)["kernel"], steps[0])
    for values in steps[1:]:
        now = {"kernel": jnp.asarray(values)}
        state = jax.vmap(lambda own, v: with_averages((), own, v, decay))(state, now)
    found = networks_of({"kernel": jnp.asarray(steps[-1])}, state)["kernel"]
    weights = decay ** np.arange(3, -1, -1)
    expected = np.average(steps[1:].astype(np.float64), axis=0, weights=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_cutout_covers_a_square_at_any_place():
    config = TrainingConfig(cutout=4)
    images = jnp.zeros((400, 9, 9, 1), jnp.uint8)
    covered = np.asarray(augment(images, jax.random.key(0), config))[..., 0] == GREY
    rows, columns = covered.any(2).sum(1), covered.any(1).sum(1)
    np.testing.assert_array_equal(covered.sum((1, 2)), rows * columns)  # rectangles
    assert (
        {*rows.tolist()} == {*columns.tolist()} == {2, 3, 4}
    )  # 2 at the border, around its centre
    corner = covered[:, 0, 0].mean()
    # the square holds the corner if its centre is one of 3 × 3 of the 81 places
    assert abs(corner - 9 / 81) < 4 * math.sqrt(9 / 81 * 72 / 81 / 400)


def test_mixed_images_and_their_labels():
    from scipy.stats import beta, kstest

    config = TrainingConfig(mixup=0.4, flip=False)
    values = np.arange(12)
    data = DeviceImages(
        jnp.asarray(np.tile(values[:, None, None, None], (1, 2, 2, 1)), jnp.uint8),
        jnp.asarray(values, jnp.int32),
        no_preprocessing(),
    )
    chosen = jnp.asarray([3, 8, 1, 10])
    batch, targets = make_batch(data, chosen, 5, StepSeeds.of(config), config, (0, 1))
    share = float(targets.kept)
    assert sorted(targets.others.tolist()) == [1, 3, 8, 10]
    expected = share * chosen + (1 - share) * targets.others
    np.testing.assert_allclose(batch[:, 0, 0, 0] * 255, expected, rtol=1e-5)
    shares = jax.vmap(lambda key: mixing(key, config, 4)[1])(
        jax.random.split(jax.random.key(1), 500)
    )
    assert kstest(np.asarray(shares), beta(0.4, 0.4).cdf).pvalue > 0.01


def no_preprocessing():
    from ensemble_rsa.data.preprocessing import fit_preprocessing

    return fit_preprocessing("none", np.zeros((1, 2, 2, 1), np.uint8))


def test_the_loss_of_mixed_images_by_hand(rng):
    class Linear(Network):
        splits_batches, is_random, layers = True, False, ()

        def training_logits(self, variables, images, dropout):
            return images.reshape(len(images), -1) @ variables, ()

        logits = activations = training_logits

    weights, images = rng.normal(size=(4, 3)), rng.normal(size=(32, 2, 2, 1))
    labels, others = rng.integers(0, 3, (2, 32))
    targets = Targets(jnp.asarray(labels), jnp.asarray(others), jnp.float32(0.7))
    settings = InstanceSettings(0.1, 0.0, 0.0)
    logits = images.reshape(32, -1) @ weights
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    wanted = 0.7 * np.eye(3)[labels] + 0.3 * np.eye(3)[others]
    gradient = images.reshape(32, -1).T @ (np.exp(log_p) - wanted) / 32
    for in_parts in (False, True):
        find = make_gradient(Linear(), TrainingConfig(), in_parts, 1)
        arrays = (jnp.asarray(each, jnp.float32) for each in (weights, images))
        own, totals, _ = find(next(arrays), settings, next(arrays), targets, None)
        np.testing.assert_allclose(own, gradient, atol=1e-6)
        assert float(totals.loss) == pytest.approx(-(wanted * log_p).sum(), rel=1e-5)
        assert int(totals.correct) == (logits.argmax(1) == labels).sum()
