import numpy as np
import pytest
import xarray as xr
from PIL import Image
from scipy.cluster.hierarchy import average, leaves_list
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.layouts import layouts
from ensemble_rsa.analysis.stimulus_consistency import stimulus_consistency
from ensemble_rsa.errors import InputError
from ensemble_rsa.report import explorer as module
from ensemble_rsa.report.explorer import Explored, make_explorer
from ensemble_rsa.report.explorer_thumbnails import encoded, read_thumbnails, write_thumbnails
from ensemble_rsa.report.report import write_report
from tests.report.unpacking import unpacked

N_LAYERS, N_INSTANCES, N = 2, 3, 14  # stimuli as in the tests of layouts, which compile for each N


@pytest.fixture(scope="module")
def rdms():
    rng = np.random.default_rng(8)
    patterns = rng.normal(size=(N, 6)) + 0.6 * rng.normal(size=(N_LAYERS, N_INSTANCES, N, 6))
    values = [[pdist(one) for one in layer] for layer in patterns]
    return xr.Dataset(
        {"exemplar": (("layer", "instance", "stimulus_pair"), np.array(values, np.float32))},
        coords={
            "layer": ["V1", "IT"],
            "instance": ["a", "b", "c"],
            "stimulus": [f"image {i}" for i in range(N)],
            "category": ("stimulus", np.repeat(["cat", "dog"], [6, 8])),
        },
        attrs={"distance": "euclidean"},
    )


def without_numbers(rdms):
    return rdms.drop_vars("exemplar")


@pytest.fixture(scope="module")
def explorer(rdms):
    return make_explorer(Explored(rdms, None), without_numbers(rdms))


def test_places_and_stress_are_those_of_the_layouts(explorer, rdms):
    found, data = layouts(rdms.exemplar.values), explorer.data
    places = unpacked(data["places"], (N_LAYERS, N_INSTANCES, N, 2)) / data["levels"] * 2 - 1
    reach = np.abs(found.embedding).max((2, 3), keepdims=True)
    np.testing.assert_allclose(places, found.embedding / reach, atol=1 / 1023)
    np.testing.assert_allclose(data["stress"], found.stress, atol=6e-4)
    pointwise = unpacked(data["pointwise"], (N_LAYERS, N_INSTANCES, N)) * data["pointwise_step"]
    np.testing.assert_allclose(pointwise, found.pointwise_stress, atol=0.51 / 255)


def test_neighbours_are_the_nearest_in_the_rdm(explorer, rdms):
    found = unpacked(explorer.data["neighbours"], (N_LAYERS, N_INSTANCES, N, 5))
    for index in np.ndindex(N_LAYERS, N_INSTANCES):
        square = squareform(rdms.exemplar.values[index])
        assert found[index].tolist() == np.argsort(square, 1)[:, 1:6].tolist()


def test_consistency_of_a_stimulus_is_kept_to_16_bits(explorer, rdms):
    values = unpacked(explorer.data["consistency"], (N_LAYERS, N)) / 65534
    np.testing.assert_allclose(values, stimulus_consistency(rdms.exemplar.values), atol=1e-5)


def test_distances_are_kept_to_8_bits_and_ordered_by_clustering(explorer, rdms):
    kept, exact = explorer.data["rdms"], rdms.exemplar.values
    assert kept["stimuli"].tolist() == list(range(N))
    levels = unpacked(kept["distances"], exact.shape) / 255
    spread = (kept["high"] - kept["low"])[..., None]
    values = kept["low"][..., None] + spread * levels
    assert (np.abs(values - exact) <= spread / 510 + 2e-5).all()
    order = unpacked(kept["order"], (N_LAYERS, N_INSTANCES + 1, N))
    assert order[1, 2].tolist() == leaves_list(average(exact[1, 2])).tolist()
    assert order[0, -1].tolist() == leaves_list(average(exact[0].mean(0))).tolist()


def test_what_is_left_out_is_balanced_and_said(rdms, tmp_path, monkeypatch):
    n_rdms = N_LAYERS * 2
    monkeypatch.setattr(module, "_INSTANCES", 2)
    monkeypatch.setattr(module, "_PLACES", 11 * n_rdms)
    monkeypatch.setattr(module, "_DISTANCES", 9 * n_rdms)  # those of four stimuli, and some
    explored = Explored(rdms, None)
    explorer = make_explorer(explored, without_numbers(rdms))
    assert explorer.data["stimuli"] == [f"image {i}" for i in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)]
    assert explorer.data["rdms"]["stimuli"].tolist() == [0, 1, 5, 6]
    first = rdms.exemplar.values[0, 0]
    chosen = [0, 1, 6, 7]
    among = squareform(first)[np.ix_(chosen, chosen)]
    assert explorer.data["rdms"]["low"][0, 0] == pytest.approx(squareform(among).min(), abs=1e-5)
    # consistency is that over all stimuli and instances
    values = unpacked(explorer.data["consistency"], (N_LAYERS, 10)) / 65534
    whole = stimulus_consistency(rdms.exemplar.values)[:, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]]
    np.testing.assert_allclose(values, whole, atol=1e-5)
    results = without_numbers(rdms).assign_coords(kind=[], bootstrap=[])
    path = write_report(tmp_path / "a.html", results, None, {}, {}, {}, [], explored=explored)
    page = path.read_text(encoding="utf-8")
    assert "shows 10 of 14 stimuli, balanced over categories, and 2 of 3 instances" in page
    assert "Distances of 4 of 14 stimuli, balanced over categories" in page
    assert "The 5 nearest stimuli among those shown by the RDM of each network" in page


def test_categories_that_are_left_out_are_said(rdms, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_DISTANCES", 9 * N_LAYERS * N_INSTANCES)
    of_seven = rdms.assign_coords(category=("stimulus", np.repeat(list("abcdefg"), 2)))
    results = without_numbers(of_seven).assign_coords(kind=[], bootstrap=[])
    explored = Explored(of_seven, None)
    path = write_report(tmp_path / "a.html", results, None, {}, {}, {}, [], explored=explored)
    page = path.read_text(encoding="utf-8")
    assert "Distances of 4 of 14 stimuli, one each of 4 of the 7 categories, in 256 steps" in page
    assert "among those shown" not in page


def test_a_stimulus_at_one_distance_from_all_others_has_no_consistency(rdms, monkeypatch):
    monkeypatch.setattr(module, "_layout", lambda *given: {})
    values = rdms.exemplar.values.copy()
    square = squareform(values[0, 0])
    square[3], square[:, 3], square[3, 3] = 1, 1, 0
    values[0, 0] = squareform(square)
    changed = rdms.assign(exemplar=(rdms.exemplar.dims, values))
    data = make_explorer(Explored(changed, None), without_numbers(rdms)).data
    assert np.argwhere(unpacked(data["consistency"], (2, N)) == 65535).tolist() == [[0, 3]]


def test_rdms_that_are_not_of_layers_and_instances_are_not_explored(rdms, make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3)
    flat = rdms.isel(layer=0, drop=True)
    few = rdms.isel(stimulus=slice(3), stimulus_pair=slice(3))
    for explored in (None, Explored(flat, None), Explored(few, None)):
        path = write_report(tmp_path / "a.html", results, None, {}, {}, {}, [], explored=explored)
        page = path.read_text(encoding="utf-8")
        assert "There is nothing to explore here" in page
        assert "explorer-data" not in page


def test_seeds_are_named_where_they_differ_from_the_numbers(rdms):
    numbered = rdms.assign_coords(instance=[0, 1, 2])
    for seeds, expected in (([0, 1, 2], "Instance 2"), ([7, 8, 9], "Instance 2, seed 9")):
        results = without_numbers(numbered).assign_coords(seed=("instance", seeds))
        results.attrs["model"] = "all_cnn_c"
        assert module._instances(numbered, results)[2] == expected


def test_thumbnails_are_read_again_in_any_order(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 8, 8, 3), np.uint8)
    path = tmp_path / "stimuli.png"
    write_thumbnails(path, ["a", "b", "c", "d", 5], images)
    np.testing.assert_array_equal(read_thumbnails(path, ["5", "b"]), images[[4, 1]])
    assert read_thumbnails(path, ["a", "x"]) is None
    assert read_thumbnails(tmp_path / "none.png", ["a"]) is None


def test_thumbnails_with_long_names_can_be_read_or_are_not_written(tmp_path):
    path, image = tmp_path / "s.png", np.zeros((2, 2, 1), np.uint8)
    names = [f"{i:04d}" + "é" * 126 for i in range(2000)]  # 1.5 MB where é takes six bytes
    write_thumbnails(path, names, [image] * 2000)
    assert read_thumbnails(path, names[-2:]).shape == (2, 2, 2, 3)
    odd = ["\udcff.png", "b"]  # a file name that is no UTF-8
    write_thumbnails(path, odd, [image, image + 9])
    assert read_thumbnails(path, odd[::-1])[:, 0, 0, 0].tolist() == [9, 0]
    write_thumbnails(tmp_path / "none.png", ["x" * 2**20], [image])
    assert not (tmp_path / "none.png").exists()


def test_images_of_any_size_fit_into_a_square(tmp_path):
    tall, grey = np.zeros((300, 100, 3), np.uint8), np.full((10, 20, 1), 7, np.uint8)
    write_thumbnails(tmp_path / "s.png", ["tall", "grey"], [tall, grey])
    thumbnails = read_thumbnails(tmp_path / "s.png", ["tall", "grey"])
    assert thumbnails.shape == (2, 96, 96, 3)
    assert np.unique(thumbnails[0, :, 32:64]).tolist() == [0]
    assert np.unique(thumbnails[0, :, :32]).tolist() == [255]
    assert np.unique(thumbnails[1, 43:53, 38:58]).tolist() == [7]


def test_a_damaged_file_of_thumbnails_is_named(tmp_path):
    path = tmp_path / "stimuli.png"
    Image.new("RGB", (4, 4)).save(path)  # without ids
    with pytest.raises(InputError, match=r"stimuli\.png: not the thumbnails"):
        read_thumbnails(path, ["a"])
    path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"stimuli\.png: not the thumbnails"):
        read_thumbnails(path, ["a"])


def test_the_smaller_encoding_is_embedded():
    flat, noise = np.zeros((64, 64, 3), np.uint8), np.random.default_rng(0)
    assert encoded(Image.fromarray(flat))[0] == "image/png"
    many = noise.integers(0, 256, (64, 64, 3), np.uint8)
    kind, content = encoded(Image.fromarray(many))
    assert kind == "image/jpeg"
    assert content[:2] == b"\xff\xd8"


def test_categories_are_spread_evenly_where_there_are_more_than_places():
    codes = np.tile(np.arange(500), 2)
    shown = module._balanced(codes, 200)
    assert (len(shown), shown.max()) == (200, 499)  # the first one of each
    assert np.isin(np.diff(codes[shown]), [2, 3]).all()


def test_ten_instances_of_nine_layers_show_1000_stimuli_and_rdms_of_100():
    codes = np.repeat(np.arange(10), 200)
    shown = module._balanced(codes, module._PLACES // 90)
    assert np.bincount(codes[shown]).tolist() == [111] * 10
    in_rdm = module._balanced(codes, int(np.sqrt(2 * module._DISTANCES / 90)))
    assert np.bincount(codes[in_rdm]).tolist() == [10] * 10
