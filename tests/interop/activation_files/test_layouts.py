"""The folders of thingsvision and Net2Brain are recognised by themselves."""

import h5py
import numpy as np
import pytest
import scipy.io

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.source import from_files

IDS = ["b/cat.jpg", "a/dog.jpg", "a/emu.jpg"]
STEMS = ["cat", "dog", "emu"]


@pytest.fixture
def features(rng) -> np.ndarray:
    return rng.normal(size=(3, 7)).astype(np.float32)


def hdf5(folder, features):
    with h5py.File(folder / "features.hdf5", "w") as file:
        file["features"] = features


def torch_file(folder, features):
    torch = pytest.importorskip("torch")
    torch.save(torch.from_numpy(features), folder / "features.pt")


def parts(folder, features):
    np.save(folder / "features_0-2.npy", features[:2])
    np.save(folder / "features_2-3.npy", features[2:])


def matlab_by_name(folder, features):
    named = dict(zip(STEMS[::-1], features[::-1], strict=True))
    scipy.io.savemat(folder / "features.mat", named)


THINGSVISION = {
    "npy": lambda folder, features: np.save(folder / "features.npy", features),
    "txt": lambda folder, features: np.savetxt(folder / "features.txt", features),
    "mat": matlab_by_name,
    "hdf5": hdf5,
    "pt": torch_file,
    "parts": parts,
}


@pytest.mark.parametrize("kind", THINGSVISION)
def test_a_folder_of_thingsvision(kind, features, tmp_path):
    folder = tmp_path / "seed1" / "features.10"
    folder.mkdir(parents=True)
    THINGSVISION[kind](folder, features)
    (folder / "file_names.txt").write_text("\n".join(IDS) + "\n")
    source = from_files(folder, {name: name for name in STEMS})
    assert source.layers == ("features.10",)
    assert source.stimuli == tuple(IDS)
    assert source.categories == tuple(STEMS)
    ((_, patterns),) = source.activations(0)
    np.testing.assert_allclose(np.asarray(patterns), features, rtol=1e-6)
    assert source.files[-1].name == "file_names.txt"


def test_modules_of_thingsvision_in_folders_of_their_own(features, tmp_path):
    for seed in (1, 2):
        for module in ("conv1", "fc"):
            (tmp_path / f"seed{seed}" / module).mkdir(parents=True)
            np.save(tmp_path / f"seed{seed}" / module / "features.npy", seed * features)
        (tmp_path / f"seed{seed}" / "file_names.txt").write_text("\n".join(IDS))
    for pattern in (
        "seed{instance}",
        "seed{instance}/{layer}",
        "seed{instance}/{layer}/features.npy",
    ):
        source = from_files(tmp_path / pattern)
        assert source.layers == ("conv1", "fc")
        assert source.instances == (1, 2)
        assert source.stimuli == tuple(IDS)
        assert [np.asarray(p).sum() for _, p in source.activations(1)] == pytest.approx(
            [2 * features.sum()] * 2
        )


def test_an_npz_of_net2brain_for_each_image(rng, tmp_path):
    maps = rng.normal(size=(12, 2, 3, 3)).astype(np.float32)
    for seed in (0, 1):
        (tmp_path / f"net{seed}").mkdir()
        for i, one in enumerate(maps):
            layers = {"layer1": one[None] + seed, "fc": one[None, :, 0, 0]}
            np.savez(tmp_path / f"net{seed}" / f"ResNet{seed}_image_{i}.npz", **layers)
    source = from_files(tmp_path / "net{instance}", {f"image_{i}": i % 3 for i in range(12)})
    assert source.layers == ("layer1", "fc")
    assert source.stimuli[-1] == "ResNet0_image_11"  # natural order
    assert source.categories == tuple(i % 3 for i in range(12))
    found = dict(source.activations(1))
    np.testing.assert_array_equal(found["layer1"][:, 4:11], (maps + 1).reshape(12, -1)[:, 4:11])
    np.testing.assert_array_equal(np.asarray(found["fc"]), maps[:, :, 0, 0])
    assert "layer1: maps of shape (2, 3, 3) were read as 18 units of 12 stimuli" in source.notes

    np.savez(tmp_path / "net1" / "ResNet1_image_5.npz", layer1=maps[:1])
    with pytest.raises(InputError, match=r"image_5.npz: expected the same layers .* no 'fc'"):
        from_files(tmp_path / "net{instance}")
    np.savez(tmp_path / "net1" / "ResNet1_image_5.npz", layer1=maps[:2], fc=maps[:1, :, 0, 0])
    with pytest.raises(InputError, match=r"expected an npz for each image, with a leading axis"):
        from_files(tmp_path / "net{instance}")


@pytest.mark.parametrize("leading", [True, False])
def test_a_consolidated_npz_of_net2brain_for_each_layer(leading, rng, tmp_path):
    maps = rng.normal(size=(3, 2, 4)).astype(np.float32)
    for layer in ("layer1", "layer2"):
        arrays = {
            name: one[None] if leading else one for name, one in zip(STEMS, maps, strict=True)
        }
        np.savez(tmp_path / f"consolidated_{layer}.npz", **arrays)
    source = from_files(tmp_path)
    assert source.layers == ("layer1", "layer2")
    assert source.stimuli == tuple(STEMS)
    for _, patterns in source.activations(0):
        np.testing.assert_array_equal(np.asarray(patterns), maps.reshape(3, -1))
