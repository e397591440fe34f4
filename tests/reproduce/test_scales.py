"""What each scale trains: the same experiments, with the paper's sizes at its own scale."""

from dataclasses import replace

import pytest

from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import saved_epochs
from ensemble_rsa.data.category_map import read_category_map
from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce.estimate import training_images
from ensemble_rsa.reproduce.image_locations import ImageLocations
from ensemble_rsa.reproduce.scales import DROPOUT_RATES, all_kept, make_scale
from ensemble_rsa.reproduce.variants import VARIANTS


@pytest.mark.parametrize("name", ["smoke", "small", "medium", "paper"])
def test_every_scale_trains_the_same_ensembles(name, tmp_path):
    assert set(make_scale(name, ImageLocations(folder=tmp_path)).ensembles) == {
        "all_cnn_c", "all_cnn_7", "control", "first_half", "second_half",
        "first_categories", "second_categories", "dropout", "alexnet",
    }  # fmt: skip


def test_the_paper_scale_is_the_published_setting():
    paper = make_scale("paper")
    training = paper.ensembles["all_cnn_c"].training
    assert (training.instances, training.epochs, training.batch_size) == (10, 350, 128)
    assert saved_epochs(training) == (*range(11), 50, 100, 150, 200, 250, 300, 350)
    assert DROPOUT_RATES == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    swept = paper.ensembles["dropout"].training
    assert swept.instances == 80
    assert paper.ensembles["control"] == all_kept(paper.ensembles["all_cnn_c"])
    assert sorted({*swept.dropout}) == list(DROPOUT_RATES[1:])
    assert swept.seeds == tuple(range(10)) * 8
    alexnet = paper.ensembles["alexnet"]
    assert (alexnet.training.epochs, alexnet.data.image_size) == (90, 224)
    assert not alexnet.training.l2_biases
    assert paper.analysis_of(alexnet).stimulus == paper.large_images
    assert paper.analysis_of(paper.ensembles["all_cnn_7"]) == paper.analysis


def test_a_precision_is_that_of_every_training():
    usual, rounded = make_scale("paper"), make_scale("paper", precision="bfloat16")
    for name, config in rounded.ensembles.items():
        assert config.training.precision == "bfloat16"
        training = replace(config.training, precision="float32")
        assert replace(config, training=training) == usual.ensembles[name]


def test_another_preprocessing_is_that_of_all_images_but_those_of_alexnet(tmp_path):
    images = ImageLocations(folder=tmp_path)
    usual, other = (make_scale("paper", images, preprocessing=p) for p in (None, "standardize"))
    assert usual.ensembles["alexnet"] == other.ensembles["alexnet"]
    for name in usual.ensembles.keys() - {"alexnet"}:
        config = usual.ensembles[name]
        assert config.data.preprocessing == "gcn_zca"
        data = replace(config.data, preprocessing="standardize")
        assert other.ensembles[name] == replace(config, data=data)


def test_some_instances_are_the_first_of_each_ensemble_and_of_each_rate_of_dropout():
    usual, some = make_scale("medium").ensembles, make_scale("medium", instances=5).ensembles
    assert some["first_half"] == usual["first_half"]  # which has no more
    fewer = replace(usual["all_cnn_c"].training, instances=5)
    assert some["all_cnn_c"] == replace(usual["all_cnn_c"], training=fewer)
    rates = (0.2, 0.4, 0.6, 0.8)
    dropout = some["dropout"].training
    assert dropout.seeds == (0, 1, 2, 3, 4) * len(rates)
    assert dropout.dropout == tuple(rate for rate in rates for _ in range(5))
    assert dropout.instances == 20
    with pytest.raises(InputError, match="instances: expected a whole number of at least 3, got 2"):
        make_scale("medium", instances=2)


def test_at_scale_small_what_is_compared_is_trained_alike():
    """Dropout and no dropout; halves of the images, and sets of categories, with as many images."""
    ensembles = make_scale("small").ensembles
    control, swept = ensembles["control"], ensembles["dropout"]
    same = {"dropout": 0.0, "seeds": None, "instances": control.training.instances}
    assert replace(swept.training, **same) == replace(control.training, dropout=0.0)
    assert (swept.data, swept.model) == (control.data, control.model)
    for name in ("first_half", "second_half", "first_categories", "second_categories"):
        # five networks; they are matched by seed
        assert ensembles[name].training == replace(control.training, instances=5)
        assert training_images(ensembles[name]) == training_images(control) == 5000
    first, second = (ensembles[f"{which}_categories"].data for which in ("first", "second"))
    assert len({*first.categories, *second.categories}) == 10
    kept = saved_epochs(ensembles["all_cnn_c"].training)
    assert len(kept) == 17  # the initial weights, and one fewer than the paper's
    assert kept[-1] == ensembles["all_cnn_c"].training.epochs


def test_the_first_epoch_at_scale_medium_is_the_papers():
    ensembles = make_scale("medium").ensembles
    base, control, swept = (ensembles[name] for name in ("all_cnn_c", "control", "dropout"))
    assert training_images(base) == 50_000
    assert len(saved_epochs(base.training)) == 18  # as many as the paper's, and the initial weights
    assert saved_epochs(base.training)[-1] == base.training.epochs == 40
    assert swept.training.instances == 4 * control.training.instances
    assert (swept.data, swept.training.epochs) == (control.data, control.training.epochs)
    hours = [
        config.training.instances * config.training.epochs * (training_images(config) // 32) / 144e3
        for name, config in ensembles.items()
        if name != "all_cnn_7"
    ]  # at 25 ms a step
    assert 12 < sum(hours) < 16  # with half of the baseline's 4.3 for All-CNN-7, below 20


@pytest.mark.parametrize("name", ["smoke", "small", "medium", "paper"])
def test_no_rate_of_dropout_has_instances_replaced(name):
    ensembles = make_scale(name).ensembles
    for one in ("control", "dropout"):
        assert ensembles[one].training.unconverged == "keep"


def flat(config):
    return {(k, name): v for k, own in config_to_dict(config).items() for name, v in own.items()}


def test_each_variant_makes_one_choice():
    base = make_scale("paper").ensembles["all_cnn_c"]
    before = flat(base)
    for name, variant in VARIANTS.items():
        after = flat(variant.apply(base))
        n_changed = sum(after[key] != value for key, value in before.items())
        assert n_changed == (name not in ("default", "global_gcn_zca", "other_stimuli")), name


def folders(place, names):
    for name in names:
        (place / name).mkdir(parents=True)


def synsets(name):
    return [folder for parts in read_category_map(name).values() for folder in parts]


@pytest.mark.parametrize("split", ["", "train"])
def test_plain_folders_are_categories_and_imagenets_are_grouped(tmp_path, split):
    plain, imagenet = (ImageLocations(folder=tmp_path / name) for name in ("plain", "imagenet"))
    folders(plain.folder / split, ["cat", "dog"])
    folders(imagenet.folder / split, {*synsets("animals")})
    for images in (plain, imagenet) if split else ():
        (images.folder / "test").mkdir()
    for scale, usual in (("smoke", "broad"), ("small", "animals"), ("medium", "animals")):
        assert make_scale(scale, plain).ensembles["alexnet"].data.category_map is None
        assert make_scale(scale, imagenet).ensembles["alexnet"].data.category_map == usual
    assert make_scale("paper", plain).large_images.stimulus_map is None
    paper = make_scale("paper", imagenet)
    assert paper.large_images.stimulus_map == "cifar10"
    assert paper.ensembles["alexnet"].data.category_map is None  # trained on all there are
    assert make_scale("paper").large_images.stimulus_map == "cifar10"  # TFDS's are ImageNet's
    given = make_scale("paper", ImageLocations(category_map="broad"))
    assert given.large_images.stimulus_map == "broad"


def test_some_of_imagenets_folders_need_a_category_map(tmp_path):
    first, second, third = synsets("broad")[:3]
    images = ImageLocations(folder=tmp_path / "images")
    folders(images.folder, (first, second, third))
    with pytest.raises(InputError, match=r"image_folder: .*997 of 1000.*--category-map"):
        make_scale("small", images)
    own = tmp_path / "own.json"
    own.write_text(f'{{"one": ["{first}"], "other": ["{second}"]}}', encoding="utf-8")
    given = make_scale("small", replace(images, category_map=str(own)))
    assert given.ensembles["alexnet"].data.category_map == str(own)


@pytest.mark.parametrize(
    ("scale", "images", "message"),
    [
        ("small", {"folder": "plain", "category_map": "broad"}, r"category_map: .*345 of 345"),
        ("paper", {"folder": "plain", "category_map": "broad"}, r"category_map: .*345 of 345"),
        ("small", {"category_map": "broad"}, r"category_map: .*--image-folder"),
        ("small", {"folder": "gone"}, r"image_folder: no such folder .*gone"),
        ("tiny", {}, r"scale.*tiny.*smoke.*small.*paper"),
    ],
)
def test_wrong_images_and_scales_are_refused(scale, images, message, tmp_path):
    folders(tmp_path / "plain", ["cat", "dog"])
    if "folder" in images:
        images = images | {"folder": tmp_path / images["folder"]}
    with pytest.raises(InputError, match=message):
        make_scale(scale, ImageLocations(**images))
