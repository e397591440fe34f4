import numpy as np
import pytest

from ensemble_rsa.config.analysis import StimulusConfig
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.stimuli import choose_stimuli
from ensemble_rsa.errors import InputError


def make_dataset(test_labels, categories=("a", "b", "c")):
    """Test images whose pixel is their place in the order."""
    n = len(test_labels)
    return Dataset(
        name="made",
        train_images=np.full((3, 1, 1, 1), 255, np.uint8),
        train_labels=np.arange(3),
        test_images=(np.arange(n) % 256).astype(np.uint8).reshape(n, 1, 1, 1),
        test_labels=np.asarray(test_labels, np.int64),
        test_ids=tuple(f"test_{i}" for i in range(n)),
        categories=categories,
    )


DATASET = make_dataset([2, 0, 1, 0, 2, 2, 1, 0, 0, 0, 1])


def drawn(n, seed):
    return StimulusConfig(n, draw_stimuli=True, stimulus_seed=seed)


def test_the_first_of_each_category_sorted_by_category():
    stimuli = choose_stimuli(DATASET, StimulusConfig(6))
    assert stimuli.images.ravel().tolist() == [1, 3, 2, 6, 0, 4]
    assert stimuli.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert stimuli.ids == ("test_1", "test_3", "test_2", "test_6", "test_0", "test_4")
    assert stimuli.categories == ("a", "b", "c")


def test_a_draw_is_balanced_without_replacement_and_depends_on_the_seed():
    draws = [choose_stimuli(DATASET, drawn(6, seed)) for seed in range(8)]
    for stimuli in draws:
        assert stimuli.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert len(set(stimuli.ids)) == 6
        places = stimuli.images.reshape(3, 2)
        assert (np.diff(places.astype(int)) > 0).all()
        assert (DATASET.test_labels[stimuli.images.ravel()] == stimuli.labels).all()
    assert len({stimuli.ids for stimuli in draws}) > 1
    assert choose_stimuli(DATASET, drawn(6, 5)).ids == draws[5].ids
    shown = {name for seed in range(40) for name in choose_stimuli(DATASET, drawn(3, seed)).ids}
    assert shown == set(DATASET.test_ids)


def test_by_default_as_many_as_the_smallest_category_allows_up_to_a_thousand():
    assert choose_stimuli(DATASET, StimulusConfig()).labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    many = choose_stimuli(make_dataset(np.arange(1500) % 3), StimulusConfig())
    assert np.bincount(many.labels).tolist() == [333, 333, 333]


def test_numbers_that_cannot_be_balanced():
    for n, message in (
        (12, "at most 9, 3 of each of 3 categories .*'b' has no more.*got 12"),
        (7, "such as 6 or 9, got 7"),
        (2, "such as 3, got 2"),
    ):
        with pytest.raises(InputError, match=message):
            choose_stimuli(DATASET, StimulusConfig(n))
    with pytest.raises(InputError, match="category 'b' has no test images"):
        choose_stimuli(make_dataset([0, 2, 2, 0]), StimulusConfig())
