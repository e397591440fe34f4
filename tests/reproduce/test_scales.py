"""What each scale trains: the same experiments, the paper's sizes at its own scale."""

from dataclasses import fields, replace

import pytest

from ensemble_rsa.config.settings import saved_epochs
from ensemble_rsa.data.category_map import read_category_map
from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce.estimate import hours, training_images
from ensemble_rsa.reproduce.scales import DROPOUT_RATES, Images, make_scale
from ensemble_rsa.reproduce.variants import VARIANTS


@pytest.mark.parametrize("name", ["smoke", "small", "paper"])
def test_every_scale_trains_the_same_ensembles(name, tmp_path):
    assert set(make_scale(name, Images(folder=tmp_path)).ensembles) == {
        "all_cnn_c", "all_cnn_7", "control", "first_half", "second_half",
        "first_categories", "second_categories", "dropout", "alexnet",
    }  # fmt: skip


def test_the_paper_scale_is_the_published_setting():
    paper = make_scale("paper").ensembles
    training = paper["all_cnn_c"].training
    assert (training.instances, training.epochs, training.batch_size) == (10, 350, 128)
    assert saved_epochs(training) == (*range(11), 50, 100, 150, 200, 250, 300, 350)
    assert DROPOUT_RATES == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    swept = paper["dropout"].training
    assert swept.instances == 80
    assert paper["control"] == paper["all_cnn_c"]  # those without dropout are trained once
    assert sorted({*swept.dropout}) == list(DROPOUT_RATES[1:])
    assert swept.seeds == tuple(range(10)) * 8
    alexnet = paper["alexnet"]
    assert (alexnet.training.epochs, alexnet.data.image_size) == (90, 224)
    assert not alexnet.training.l2_biases


def test_halves_and_categories_are_disjoint_and_differ_in_nothing_else():
    ensembles = make_scale("small").ensembles
    first, second = (ensembles[f"{which}_categories"].data for which in ("first", "second"))
    assert len({*first.categories, *second.categories}) == 10
    halves = [ensembles[f"{which}_half"] for which in ("first", "second")]
    assert halves[0].training == halves[1].training
    assert [training_images(one) for one in halves] == [4000, 4000]
    assert training_images(ensembles["first_categories"]) == 4000


def test_at_scale_small_what_is_compared_is_trained_alike():
    """Dropout with none, halves with each other and on as many images."""
    ensembles = make_scale("small").ensembles
    control, swept = ensembles["control"], ensembles["dropout"]
    assert replace(
        swept.training, dropout=0.0, seeds=None, instances=control.training.instances
    ) == replace(control.training, dropout=0.0)
    assert (swept.data, swept.model) == (control.data, control.model)
    for name in ("first_half", "second_half", "first_categories", "second_categories"):
        assert ensembles[name].training == control.training
        assert training_images(ensembles[name]) == training_images(control)
    kept = saved_epochs(ensembles["all_cnn_c"].training)
    assert len(kept) == len(saved_epochs(make_scale("paper").ensembles["all_cnn_c"].training))
    assert kept[-1] == ensembles["all_cnn_c"].training.epochs


def test_hours_grow_with_what_is_computed():
    paper = make_scale("paper").ensembles
    found = hours(paper, paper["all_cnn_c"], 1000.0)
    assert found["dropout"] == pytest.approx(8 * found["all_cnn_c"])
    assert found["first_categories"] == pytest.approx(found["all_cnn_c"] / 2)
    assert found["all_cnn_7"] < found["all_cnn_c"]
    assert found["alexnet"] > found["all_cnn_c"]


def test_each_variant_turns_one_switch():
    base = make_scale("paper").ensembles["all_cnn_c"]
    for name, variant in VARIANTS.items():
        changed = variant.training(base)
        differing = [
            (section, field.name)
            for section in ("data", "model", "training")
            for field in fields(getattr(base, section))
            if getattr(getattr(base, section), field.name)
            != getattr(getattr(changed, section), field.name)
        ]
        assert len(differing) == (name not in ("default", "global_gcn_zca", "other_stimuli")), name


def folders(place, names):
    for name in names:
        (place / name).mkdir(parents=True)
    return Images(folder=place)


def synsets(name):
    return [folder for parts in read_category_map(name).values() for folder in parts]


@pytest.mark.parametrize("split", ["", "train"])
def test_plain_folders_are_categories_and_imagenet_s_are_grouped(tmp_path, split):
    plain = folders(tmp_path / "plain" / split, ["cat", "dog"])
    imagenet = folders(tmp_path / "imagenet" / split, {*synsets("broad"), *synsets("cifar10")})
    plain, imagenet = (replace(one, folder=tmp_path / name) for one, name in (
        (plain, "plain"), (imagenet, "imagenet")
    ))  # fmt: skip
    for images in (plain, imagenet) if split else ():
        (images.folder / "test").mkdir()
    for scale in ("smoke", "small"):
        assert make_scale(scale, plain).ensembles["alexnet"].data.category_map is None
        assert make_scale(scale, imagenet).ensembles["alexnet"].data.category_map == "broad"
    assert make_scale("paper", plain).large_images.stimulus.stimulus_map is None
    paper = make_scale("paper", imagenet)
    assert paper.large_images.stimulus.stimulus_map == "cifar10"
    assert paper.ensembles["alexnet"].data.category_map is None  # trained on all there are
    assert (
        make_scale("paper").large_images.stimulus.stimulus_map == "cifar10"
    )  # TFDS's are ImageNet's


def test_a_part_of_imagenet_s_folders_wants_a_mapping(tmp_path):
    images = folders(tmp_path / "images", synsets("broad")[:3])
    with pytest.raises(InputError, match=r"image_folder: .*342 of 345.*--category-map"):
        make_scale("small", images)
    own = tmp_path / "own.json"
    first, second, _ = synsets("broad")[:3]
    own.write_text(f'{{"one": ["{first}"], "other": ["{second}"]}}', encoding="utf-8")
    given = make_scale("small", replace(images, category_map=str(own)))
    assert given.ensembles["alexnet"].data.category_map == str(own)


@pytest.mark.parametrize("scale", ["smoke", "small", "paper"])
def test_a_mapping_of_folders_that_are_not_there_is_told_at_once(scale, tmp_path):
    images = replace(folders(tmp_path, ["cat", "dog"]), category_map="broad")
    with pytest.raises(InputError, match=r"category_map: .*345 of 345"):
        make_scale(scale, images)


def test_a_mapping_without_a_folder_is_refused_where_nothing_would_hear_of_it():
    for scale in ("smoke", "small"):
        with pytest.raises(InputError, match=r"category_map: .*--image-folder"):
            make_scale(scale, Images(category_map="broad"))
    paper = make_scale("paper", Images(category_map="broad"))
    assert paper.large_images.stimulus.stimulus_map == "broad"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"image_folder: no such folder .*gone"):
        make_scale("small", Images(folder=tmp_path / "gone"))


def test_an_unknown_scale_is_named_with_the_choices():
    with pytest.raises(InputError, match=r"scale.*tiny.*smoke.*small.*paper"):
        make_scale("tiny")
