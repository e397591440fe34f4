"""Networks with a common part, for every measure of similarity."""

import pytest


@pytest.fixture
def networks(rng):
    """Make activations `(stimulus, unit)` of networks of the given widths."""

    def make(n_stimuli=30, widths=(12, 20, 8)):
        shared = rng.normal(size=(n_stimuli, 6))
        return [
            3 + shared @ rng.normal(size=(6, width)) + rng.normal(size=(n_stimuli, width))
            for width in widths
        ]

    return make
