"""Trainings that compile in a moment and report every step."""

import pytest


@pytest.fixture(scope="module")
def quick_training(tiny_model, quick_execution):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensemble_rsa.pipeline.train.choose_execution", lambda *args: quick_execution)
        patch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)
        yield
