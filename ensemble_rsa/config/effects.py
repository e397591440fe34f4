"""Settings that have no effect, which a new training refuses; finished runs may have them."""

from ensemble_rsa.config.checks import check_defaults, check_values, epochs_up_to
from ensemble_rsa.config.settings import OF_ALL_CNN, Config
from ensemble_rsa.errors import InputError


def check_effects(config: Config) -> None:
    """Raise for settings without an effect: `save_at` after the end, `warm_up` of `one_cycle`.

    Settings of All-CNN have none on AlexNet.

    >>> check_effects(Config())
    """
    model, training = config.model, config.training
    if model.model == "alexnet":
        why = f"is about All-CNN and has no effect on {model.model}"
        check_defaults(model, why, *OF_ALL_CNN)
    if not isinstance(training.save_at, str):
        check_values(training, epochs_up_to(training.epochs), "save_at")
    if training.schedule == "one_cycle" and training.warm_up:
        raise InputError(
            "warm_up: expected 0 for the schedule one_cycle, which has a rise of its own, got "
            f"{training.warm_up}"
        )
