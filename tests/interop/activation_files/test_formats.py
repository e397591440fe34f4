"""Every format gives the numbers that were written, whatever its way of storing them."""

import json
import re
import struct

import h5py
import numpy as np
import pytest
import scipy.io
import xarray as xr
import zarr
from scipy.spatial.distance import pdist

from ensemble_rsa.arrays.reading import ReadingWarning
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.members import Member
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.pipeline.extract import extract

LAYERS = ("conv1", "fc")
IDS = [f"image{i}" for i in range(6)]


@pytest.fixture
def values(rng) -> dict[str, np.ndarray]:
    """Activations `(instance, stimulus, unit)` of two layers."""
    return {
        "conv1": rng.normal(size=(3, 6, 20)).astype(np.float32),
        "fc": rng.normal(size=(3, 6, 5)).astype(np.float32),
    }


def safetensors(path, arrays):
    header, content = {}, b""
    for name, given in arrays.items():
        array = np.asarray(given, np.float32)
        end = len(content) + array.nbytes
        header[name] = {
            "dtype": "F32", "shape": list(array.shape), "data_offsets": [len(content), end],
        }  # fmt: skip
        content += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def hdf5(path, arrays, **options):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)


def matlab_v73(path, arrays):
    """As MATLAB stores arrays: axes reversed."""
    hdf5(path, {name: array.T for name, array in arrays.items()})


def zarr_group(path, arrays):
    group = zarr.open_group(path, mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array, chunks=(4, 3))


def netcdf(path, arrays):
    xr.Dataset(
        {name: ((f"unit_{name}", "stimulus"), array.T) for name, array in arrays.items()},
        coords={"stimulus": IDS},
    ).to_netcdf(path, engine="h5netcdf")


def torch_dict(path, arrays):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)


KEYED = {
    ".npz": lambda path, arrays: np.savez(path, **arrays),
    " compressed.npz": lambda path, arrays: np.savez_compressed(path, **arrays),
    ".h5": hdf5,
    " compressed.hdf5": lambda path, arrays: hdf5(path, arrays, chunks=(2, 3), compression="gzip"),
    ".mat": scipy.io.savemat,
    " v73.mat": matlab_v73,
    ".safetensors": safetensors,
    ".zarr": zarr_group,
    ".nc": netcdf,
    ".pt": torch_dict,
}


def torch_tensor(path, array):
    torch = pytest.importorskip("torch")
    torch.save(torch.from_numpy(array), path)


def csv_with_ids(path, array):
    lines = ["stimulus," + ",".join(f"u{i}" for i in range(array.shape[1]))]
    lines += [
        f"{name}," + ",".join(repr(float(x)) for x in row)
        for name, row in zip(IDS, array, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


SINGLE = {
    ".npy": np.save,
    " fortran.npy": lambda path, array: np.save(path, np.asfortranarray(array)),
    ".txt": np.savetxt,
    ".csv": lambda path, array: np.savetxt(path, array, delimiter=","),
    ".tsv": lambda path, array: np.savetxt(path, array, delimiter="\t"),
    " ids.csv": csv_with_ids,
    ".zarr": lambda path, array: zarr.save_array(path, array),
    ".pth": torch_tensor,
}


def assert_same(source, values):
    assert source.layers == LAYERS
    for position in range(3):
        for name, patterns in source.activations(position):
            expected = values[name][position]
            assert patterns.shape == expected.shape
            np.testing.assert_allclose(np.asarray(patterns), expected, rtol=1e-6)
            np.testing.assert_allclose(patterns[:, 1:4], expected[:, 1:4], rtol=1e-6)


@pytest.mark.parametrize("ending", KEYED)
def test_a_file_for_each_instance_with_layers_as_keys(ending, values, tmp_path):
    for i in range(3):
        arrays = {name: values[name][i] for name in LAYERS}
        KEYED[ending](tmp_path / f"seed{i + 8}{ending}", arrays)
    source = from_files(tmp_path / f"seed{{instance}}{ending}")
    assert source.instances == source.seeds == (8, 9, 10)
    assert_same(source, values)
    assert source.stimuli == tuple(IDS if ending == ".nc" else map(str, range(6)))


@pytest.mark.parametrize("ending", SINGLE)
def test_a_file_for_each_instance_and_layer(ending, values, tmp_path):
    for i, who in enumerate(["ann", "bob", "eve"]):
        (tmp_path / who).mkdir()
        for name in LAYERS:
            SINGLE[ending](tmp_path / who / f"{name}{ending}", values[name][i])
    source = from_files(str(tmp_path / "{instance}" / f"{{layer}}{ending}"))
    assert source.instances == ("ann", "bob", "eve")
    assert source.seeds == (0, 1, 2)
    assert_same(source, values)


@pytest.mark.parametrize("ending", [".h5", " v73.mat", ".zarr", ".npz"])
def test_layers_are_in_the_order_of_their_numbers_where_a_file_keeps_none(ending, rng, tmp_path):
    names = ["conv1", "conv2", "conv10", "stage2/conv9", "stage2/conv11", "stage10/conv1"]
    arrays = {name: rng.normal(size=(6, 4)) for name in names}
    KEYED[ending](tmp_path / f"seed0{ending}", arrays)
    source = from_files(tmp_path / f"seed0{ending}")
    assert source.layers == tuple(names)
    for name, patterns in source.activations(0):
        np.testing.assert_allclose(np.asarray(patterns), arrays[name], rtol=1e-6)


def test_hdf5_keeps_the_order_that_it_has_recorded_and_each_array_once(rng, tmp_path):
    with h5py.File(tmp_path / "net.h5", "w", track_order=True) as file:
        for name in ("fc", "conv2", "conv10"):
            file[name] = rng.normal(size=(6, 4))
        file["alias"], file["link"] = file["conv2"], h5py.SoftLink("/fc")
        file.create_group("group")["root"] = file["/"]
    assert from_files(tmp_path / "net.h5").layers == ("fc", "conv2", "conv10")


def test_rdms_of_files_are_those_of_pdist(values, tmp_path):
    for i in range(3):
        np.savez(tmp_path / f"{i}.npz", **{name: values[name][i] for name in LAYERS})
    rdms = extract(from_files(tmp_path / "{instance}.npz", labels=list("aabbcc")))
    for name in LAYERS:
        for i in range(3):
            expected = pdist(values[name][i].astype(np.float64), "correlation")
            np.testing.assert_allclose(
                rdms.exemplar.sel(layer=name, instance=i), expected, atol=1e-6 * expected.max()
            )
    assert rdms.category.values.tolist() == list("aabbcc")


@pytest.mark.parametrize("ending", [".npz", ".h5", " v73.mat", ".zarr", ".safetensors", ".pt"])
def test_maps_are_flattened_in_any_slices_and_with_a_warning(ending, rng, tmp_path):
    maps = rng.normal(size=(6, 3, 4, 5)).astype(np.float32)
    writer = KEYED[ending]
    if ending == ".zarr":
        writer = lambda path, arrays: zarr.open_group(path, mode="w").create_array(
            "conv", data=arrays["conv"], chunks=(4, 2, 3, 2)
        )
    writer(tmp_path / f"net{ending}", {"conv": maps})
    with pytest.warns(ReadingWarning, match=r"conv: maps of shape \(3, 4, 5\) were read as 60"):
        source = from_files(tmp_path / f"net{ending}")
    ((_, patterns),) = source.activations(0)
    flat = maps.reshape(6, -1)
    for units in (slice(None), slice(0, 7), slice(19, 43), slice(59, 60)):
        np.testing.assert_array_equal(patterns[:, units], flat[:, units])
    from_files(tmp_path / f"net{ending}", flatten=True)  # no warning, which would be an error


def test_half_precision_of_other_frameworks_is_read(rng, tmp_path):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(rng.normal(size=(6, 4))).to(torch.bfloat16)
    torch.save({"net": {"fc": tensor}}, tmp_path / "net.pt")
    source = from_files(tmp_path / "net.pt")
    ((name, patterns),) = source.activations(0)
    assert name == "net.fc"
    np.testing.assert_array_equal(np.asarray(patterns), tensor.float().numpy())


def test_ids_and_categories_in_files_are_read(values, tmp_path):
    arrays = {
        "fc": values["fc"][0],
        "stimulus": np.array(IDS),
        "category": np.array(list("aabbcc")),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    hdf5(tmp_path / "b.h5", arrays | {k: arrays[k].astype("S") for k in ("stimulus", "category")})
    cells = {"fc": arrays["fc"], "stimuli": np.array(IDS, object), "category": list("aabbcc")}
    scipy.io.savemat(tmp_path / "c.mat", cells)
    xr.Dataset(
        {"fc": (("stimulus", "unit"), arrays["fc"])},
        {"stimulus": IDS, "category": ("stimulus", list("aabbcc"))},
    ).to_netcdf(tmp_path / "d.nc")
    for name in ("a.npz", "b.h5", "c.mat", "d.nc"):
        source = from_files(tmp_path / name)
        assert source.stimuli == tuple(IDS), name
        assert source.categories == tuple("aabbcc"), name


def test_chunks_that_a_zarr_store_lacks_are_said(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(6, 4), chunks=(3, 4), dtype="f4")
    array[:3] = np.arange(12).reshape(3, 4)
    source = from_files(tmp_path / "a.zarr")
    assert "1 of 2 chunks are not stored" in source.notes[0]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("ending", [name for name in KEYED if name != ".zarr"])
def test_half_a_file_is_refused_by_name(ending, share, rng, tmp_path):
    path = tmp_path / f"net{ending}"
    KEYED[ending](path, {"conv1": rng.normal(size=(6, 900)), "fc": rng.normal(size=(6, 900))})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=re.escape(str(path))) as caught:
        [np.asarray(patterns) for _, patterns in from_files(path).activations(0)]
    assert "\n" not in str(caught.value)


def test_a_file_that_needs_pickle_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"fc": torch.ones(3, 4), "made by": Member}, tmp_path / "net.pt")
    with pytest.raises(InputError, match="expected nothing but tensors, got Python objects"):
        from_files(tmp_path / "net.pt")
    np.save(tmp_path / "net.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(InputError, match="net.npy: expected numbers or text, got Python"):
        from_files(tmp_path / "net.npy")
