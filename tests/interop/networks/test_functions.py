"""Networks as plain functions, of any framework; these tests need no other library."""

import io
import logging

import numpy as np
import pytest
from flax import linen, nnx
from PIL import Image
from scipy.spatial.distance import pdist

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.sources import PROBED
from ensemble_rsa.interop.networks import scratch
from ensemble_rsa.interop.networks.source import list_layers

N, SIDE = 10, 6
ACCURACY = 1e-6  # of the largest distance


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, SIDE, SIDE, 3)).astype(np.float32)


def linear(seed: int):
    """Two layers whose values NumPy computes, and a count of the images that were shown."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(SIDE * SIDE * 3, 40)), rng.normal(size=(40, 5))
    shown: list[int] = []

    def network(batch):
        shown.append(len(batch))
        hidden = np.maximum(np.reshape(batch, (len(batch), -1)) @ first, 0)
        return {"hidden": hidden.reshape(-1, 4, 10), "output": (hidden @ second).astype(np.float16)}

    network.shown = shown
    return network


def reference(patterns) -> np.ndarray:
    return pdist(np.asarray(patterns, np.float64).reshape(N, -1), "correlation")


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("batch_size", [3, 64])
def test_rdms_are_those_of_numpy_and_each_image_is_shown_once(
    images, batch_size, on_disk, monkeypatch
):
    if on_disk:
        monkeypatch.setattr(scratch, "MOST_BYTES_IN_MEMORY", 0)
    networks = [linear(0), linear(1)]
    calls = []
    source = ersa.from_networks(
        networks, images, labels=["a", "b"] * 5, batch_size=batch_size,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    first, second, copies = (layers["output"] for layers in source.probe(1))
    np.testing.assert_allclose(first, networks[1](images)["output"][: len(first)], rtol=1e-3)
    assert len(first) == min(batch_size, PROBED)
    np.testing.assert_array_equal(second, first)
    np.testing.assert_allclose(copies, first[:1].repeat(len(first), 0), rtol=1e-3)
    assert source.weights is None
    probed = [len(network.shown) for network in networks]
    rdms = ersa.extract(source)
    assert rdms.layer.values.tolist() == ["hidden", "output"]
    assert rdms.category.values.tolist() == ["a", "b"] * 5
    for position, network in enumerate(networks):
        assert sum(network.shown[probed[position] :]) == N
        for name, values in network(images).items():
            expected = reference(values)
            got = rdms.exemplar.sel(layer=name).values[position]
            assert np.abs(got - expected).max() <= ACCURACY * expected.max()
    assert calls[-1] == (2 * N, 2 * N)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_layers_are_chosen_and_listed(images, caplog):
    network = linear(0)
    listed = list_layers([network], images)
    assert [str(layer) for layer in listed] == ["hidden (4 × 10)", "output (5)"]
    assert ersa.from_networks([network], images, ["output"]).layers == ("output",)
    with caplog.at_level(logging.INFO, "ensemble_rsa"):
        ersa.from_networks([network], images)
    assert "hidden (4 × 10), output (5)" in caplog.text
    with pytest.raises(InputError, match="no layer 'fc'; choose from hidden, output"):
        ersa.from_networks([network], images, ["fc"])


def test_flax_modules_by_functions(images):
    class Linen(linen.Module):
        @linen.compact
        def __call__(self, x):
            hidden = linen.tanh(linen.Dense(7)(x.reshape(len(x), -1)))
            return {"hidden": hidden, "output": linen.Dense(3)(hidden)}

    flat = images.reshape(N, -1)
    model = Linen()
    parameters = model.init(nnx.Rngs(0).params(), flat)
    dense = nnx.Linear(flat.shape[1], 5, rngs=nnx.Rngs(1))
    networks = {
        "linen": lambda x: model.apply(parameters, x),
        "nnx": lambda x: {"hidden": nnx.tanh(dense(x)), "output": dense(x)},
    }
    for name, network in networks.items():
        source = ersa.from_networks({name: network}, flat)
        assert source.instances == (name,)
        rdms = ersa.extract(source)
        expected = reference(network(flat)["hidden"])
        got = rdms.exemplar.sel(layer="hidden").values[0]
        assert np.abs(got - expected).max() <= ACCURACY * expected.max()


def wrong_layer(batch):
    return {"all": np.concatenate([batch, batch])}


def first_batch_only(batch):
    return {"all" if len(batch) < 5 else "other": batch}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda batch: batch, "expected a PyTorch or Keras module, or a function"),
        (lambda batch: {}, "got an empty one"),
        (lambda batch: batch.nothing, r"failed on images of shape \(4, 6, 6, 3\)"),
        (wrong_layer, "stimuli on its leading axis: got shape"),
        (3, "expected a list of networks or functions"),
    ],
)
def test_functions_that_are_no_networks_are_refused(images, network, message):
    with pytest.raises(InputError, match=message):
        ersa.from_networks(network if network == 3 else [network], images)


def test_networks_that_differ_are_named(images):
    other = lambda batch: {"hidden": np.ones((len(batch), 3)), "output": np.ones((len(batch), 5))}
    with pytest.raises(InputError, match=r"networks\[1\]: layer 'hidden' has 3 units"):
        ersa.extract(ersa.from_networks([linear(0), other], images))
    with pytest.raises(InputError, match=r"networks\[0\]: returned no layer 'all'"):
        ersa.extract(ersa.from_networks([first_batch_only] * 2, images, batch_size=5))
    broken = lambda batch: {"hidden": batch * np.where(np.arange(len(batch)) == 3, np.nan, 1)[
        :, None, None, None]}  # fmt: skip
    with pytest.raises(InputError, match="layer 'hidden' has activations that are not finite"):
        ersa.extract(ersa.from_networks([broken, broken], images))


def test_batches_of_a_loader_give_labels_and_must_repeat(images):
    batches = [(images[:4], ["x"] * 4), (images[4:], ["y"] * 6)]
    source = ersa.from_networks([linear(0), linear(1)], batches)
    assert source.categories == ("x",) * 4 + ("y",) * 6
    array = ersa.extract(ersa.from_networks([linear(0), linear(1)], images))
    np.testing.assert_allclose(ersa.extract(source).exemplar, array.exemplar, atol=1e-6)

    class Shuffled:
        passes = 0

        def __iter__(self):
            self.passes += 1
            yield np.roll(images, self.passes, axis=0)

    with pytest.raises(InputError, match="batch 0 differs between two passes"):
        ersa.from_networks([linear(0)], Shuffled())
    with pytest.raises(InputError, match="got an iterator"):
        ersa.from_networks([linear(0)], iter(batches))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(6):
        place = tmp_path / "photos" / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path / "photos"


def test_a_folder_is_read_once_with_ids_and_categories(folder):
    prepared = []

    def preprocess(image):
        prepared.append(image.mode)
        return np.asarray(image, np.float32)

    source = ersa.from_networks([linear(0), linear(1)], folder, preprocess=preprocess, batch_size=4)
    rdms = ersa.extract(source)
    assert source.stimuli == ("cat/1.png", "cat/3.png", "cat/5.png") + (
        "dog/0.png", "dog/2.png", "dog/4.png",
    )  # fmt: skip
    assert source.categories == ("cat",) * 3 + ("dog",) * 3
    assert set(prepared) == {"RGB"}
    assert len(prepared) <= 6 + 6  # the first pass, and what was decoded ahead before it
    files = [folder / one for one in source.stimuli]
    pixels = np.stack([np.asarray(Image.open(file)) for file in files]).astype(np.float32)
    expected = pdist(np.asarray(linear(1)(pixels)["hidden"], float).reshape(6, -1), "correlation")
    got = rdms.exemplar.sel(layer="hidden").values[1]
    assert np.abs(got - expected).max() <= ACCURACY * expected.max()


def test_labels_come_from_a_file_by_id_or_file_name(folder, tmp_path):
    labels = tmp_path / "labels.csv"
    as_array = lambda image: np.asarray(image, np.float32)
    names = [f"{number}.png" for number in range(6)]
    rows = [f"{name},{'odd' if int(name[0]) % 2 else 'even'}" for name in names]
    labels.write_text("\n".join(["stimulus,category", *rows]))
    source = ersa.from_networks([linear(0)], folder, labels=labels, preprocess=as_array)
    assert source.categories == ("odd",) * 3 + ("even",) * 3
    for text, message in {
        "stimulus,category\n1.png,odd": "expected the 6 stimuli of the images, got 1",
        "name,category\n1.png,odd": "expected the columns stimulus and category",
    }.items():
        labels.write_text(text)
        with pytest.raises(InputError, match=message):
            ersa.from_networks([linear(0)], folder, labels=labels, preprocess=as_array)


def test_folders_that_cannot_be_shown_are_refused(folder, tmp_path):
    as_array = lambda image: np.asarray(image, np.float32)
    show = lambda path, preprocess=as_array: ersa.from_networks(
        [linear(0)], path, preprocess=preprocess
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no images"):
        show(tmp_path / "empty")
    with pytest.raises(InputError, match="expected a folder of images"):
        show(tmp_path / "absent")
    with pytest.raises(InputError, match="nothing says how"):
        show(folder, None)
    with pytest.raises(InputError, match="expected an array or a tensor"):
        show(folder, lambda image: image)
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken.png cannot be read as an image"):
        show(folder)
    (folder / "cat" / "broken.png").unlink()
    Image.new("RGB", (9, 9)).save(folder / "dog" / "large.png")
    with pytest.raises(InputError, match=r"prepared images of one shape, got \(9, 9, 3\)"):
        show(folder)
    (folder / "dog" / "large.png").rename(folder / "large.png")
    with pytest.raises(InputError, match="got both"):
        show(folder)


def test_a_large_layer_is_read_from_disk_in_any_slices(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "READ_ELEMENTS", 4 * 256)
    values = np.random.default_rng(0).normal(size=(4, 1000)).astype(np.float32)
    stored = scratch.StoredLayer(4, 1000, tmp_path)
    stored.write(0, values[:3])
    stored.write(3, values[3:])
    for units in (slice(None), slice(3, 900), slice(256, 512), slice(999, 1000), slice(0, 9, 2)):
        np.testing.assert_array_equal(stored[:, units], values[:, units])
    np.testing.assert_array_equal(stored[1:3, 5:300], values[1:3, 5:300])
    np.testing.assert_array_equal(np.asarray(stored), values)
    assert not list(tmp_path.iterdir())  # the file has no name
    with pytest.raises(RunError, match="GB free"):
        scratch.check_scratch_room(10**18, tmp_path)


def test_prepared_images_are_read_back_from_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(scratch, "MOST_BYTES_IN_MEMORY", 0)
    values = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    store = scratch.ImageStore(5, (2, 3), tmp_path)
    store.append(values[:2])
    store.append(values[2:])
    np.testing.assert_array_equal(store[1:4], values[1:4])


def test_a_file_object_is_no_network():
    with pytest.raises(InputError, match="expected a list of networks or functions"):
        ersa.from_networks(io.BytesIO(), np.ones((2, 2)))
