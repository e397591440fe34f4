"""Reference RDMs from rsatoolbox, Meadows, Net2Brain and images of brains; what is refused."""

import json
import warnings

import h5py
import numpy as np
import pytest
import scipy.io
from scipy.spatial.distance import pdist, squareform

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms
from ensemble_rsa.interop.reference import load_patterns, load_reference
from ensemble_rsa.interop.rsatoolbox import save_rdms

RNG = np.random.default_rng(0)
RDMS = RNG.random((4, 10))
IDS = ["e1", "a2", "d3", "b4", "c5"]
PATTERNS = RNG.normal(size=(10, 7))  # two observations of each stimulus
OBSERVED = IDS + IDS[::-1]
MEANS = np.stack([PATTERNS[[i, 9 - i]].mean(0) for i in range(5)])
TASK = {"task_type": "multiarrange", "name": "arrangement"}
TREE = {
    "tasks": [
        {"task": {"task_type": "info"}},
        {"task": TASK, "stimuli": [{"name": f"{i}.png"} for i in IDS], "rdm": RDMS[0].tolist()},
        {
            "task": {"task_type": "multiarrange", "name": "again"},
            "stimuli": [{"name": f"{i}.png"} for i in IDS[::-1]],
            "rdm": squareform(squareform(RDMS[1])[::-1, ::-1]).tolist(),
        },
    ]
}


@pytest.fixture
def dataset(tmp_path):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    made = rsatoolbox.data.Dataset(
        PATTERNS, {"subject": "s1"}, {"conds": OBSERVED, "run": [1] * 5 + [2] * 5,
                                      "kind": [i[0] for i in OBSERVED]},
    )  # fmt: skip
    made.save(str(tmp_path / "s1.h5"))
    return made


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # of rsatoolbox
def test_patterns_of_rsatoolbox_become_its_rdm(tmp_path, dataset):
    found = load_reference(tmp_path / "s1.h5", descriptor="conds", distance="euclidean")
    theirs = pytest.importorskip("rsatoolbox").rdm.calc_rdm(dataset, "euclidean", "conds")
    ours = {pair: value for pair, value in _named(found.stimulus.values, found.exemplar.values[0])}
    ids = theirs.pattern_descriptors["conds"]
    # its Euclidean distance is squared and divided by the number of channels
    for pair, value in _named(ids, np.sqrt(7 * theirs.dissimilarities[0])):
        assert ours[pair] == pytest.approx(value, abs=1e-12)
    assert found.stimulus.values.tolist() == IDS
    assert found.kind.values.tolist() == [i[0] for i in IDS]
    assert "run" not in found.coords  # it differs between the observations of a stimulus
    assert (found.attrs, found.subject.values.tolist()) == ({"distance": "euclidean"}, ["s1"])
    plain = load_reference(tmp_path / "s1.h5", descriptor="conds")
    np.testing.assert_allclose(plain.exemplar[0], pdist(MEANS, "correlation"), atol=1e-12)


def _named(ids, values):
    pairs = zip(*np.triu_indices(len(ids), 1), strict=True)
    return [(frozenset((ids[i], ids[j])), v) for (i, j), v in zip(pairs, values, strict=True)]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # of rsatoolbox
def test_crossnobis_between_runs_as_in_rsatoolbox(tmp_path, dataset):
    path, options = tmp_path / "s1.h5", {"descriptor": "conds", "distance": "crossnobis"}
    found = load_reference(path, folds="run", **options)
    calc_rdm = pytest.importorskip("rsatoolbox").rdm.calc_rdm
    theirs = calc_rdm(dataset, "crossnobis", "conds", cv_descriptor="run")
    expected = dict(_named(theirs.pattern_descriptors["conds"], theirs.dissimilarities[0]))
    for pair, value in _named(found.stimulus.values, found.exemplar.values[0]):
        assert value == pytest.approx(expected[pair], abs=1e-12)
    assert found.stimulus.values.tolist() == IDS
    with pytest.raises(InputError, match=r"folds: s1.h5: .*\(conds, kind, run\), got None"):
        load_reference(path, **options)
    with pytest.raises(InputError, match="folds: expected none for the distance 'correlation'"):
        load_reference(path, descriptor="conds", folds="run")


@pytest.mark.usefixtures("dataset")
def test_patterns_as_they_are_and_one_observation_each(tmp_path):
    found = load_patterns(tmp_path / "s1.h5", "conds")
    np.testing.assert_array_equal(found, PATTERNS)
    assert found.dims == ("stimulus", "unit")
    assert found.stimulus.values.tolist() == OBSERVED
    assert found.run.values.tolist() == [1] * 5 + [2] * 5
    every = load_reference(tmp_path / "s1.h5")
    np.testing.assert_allclose(every.exemplar[0], pdist(PATTERNS, "correlation"), atol=1e-12)
    np.testing.assert_allclose(ersa.compute_rdm(found), every.exemplar[0], atol=1e-6)


def test_people_of_meadows_in_matlab_files_as_rsatoolbox_reads_them(tmp_path):
    name = tmp_path / "Meadows_pets_v_v1_arrange_1D.mat"
    files = [f"{i}.png" for i in IDS]
    people = {"able_fox": RDMS[0], "calm_owl": RDMS[1]}
    content = {f"rdmutv_{who}": rdm for who, rdm in people.items()}
    scipy.io.savemat(name, content | {f"stimuli_{who}": files for who in people})
    found = load_reference(name)
    np.testing.assert_array_equal(found.exemplar, RDMS[:2])
    assert found.subject.values.tolist() == ["able-fox", "calm-owl"]
    assert found.stimulus.values.tolist() == IDS
    theirs = pytest.importorskip("rsatoolbox.io.meadows").load_rdms(str(name), sort=False)
    np.testing.assert_array_equal(found.exemplar, theirs.dissimilarities)
    assert found.stimulus.values.tolist() == theirs.pattern_descriptors["conds"]
    assert found.subject.values.tolist() == theirs.rdm_descriptors["participant"]
    assert found.task.values.tolist() == theirs.rdm_descriptors["task"]

    single = tmp_path / "Meadows_pets_v_v1_able-fox_3_1D.mat"
    scipy.io.savemat(single, {"rdmutv": RDMS[0], "stimuli": files})
    found = load_reference(single)
    theirs = pytest.importorskip("rsatoolbox.io.meadows").load_rdms(str(single), sort=False)
    np.testing.assert_array_equal(found.exemplar, theirs.dissimilarities)
    assert found.subject.values.tolist() == theirs.rdm_descriptors["participant"] == ["able-fox"]
    assert found.task_index.values.tolist() == theirs.rdm_descriptors["task_index"] == [3]


def test_tasks_of_meadows_in_json_matched_by_stimulus(tmp_path):
    path = tmp_path / "Meadows_pets_v_v1_able-fox_tree.json"
    path.write_text(json.dumps(TREE))
    found = load_reference(path)
    np.testing.assert_array_equal(found.exemplar, RDMS[:2])
    assert found.task.values.tolist() == ["arrangement", "again"]
    assert found.task_index.values.tolist() == [1, 2]
    with warnings.catch_warnings():  # it takes tasks with another order for other stimuli
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("rsatoolbox.io.meadows").load_rdms(str(path), sort=False)
    np.testing.assert_array_equal(found.exemplar[:1], theirs.dissimilarities)
    assert theirs.rdm_descriptors["participant"] == found.subject.values[:1].tolist()
    assert load_reference(path, "again").task.values.tolist() == ["again"]


def test_rdms_of_net2brain_without_the_pickle_in_them(tmp_path):
    for layer, rdm in zip(("conv1", "fc"), RDMS, strict=False):
        content = {"rdm": rdm.astype(np.float32), "stimuli_name": IDS, "layer_name": layer}
        np.savez(tmp_path / f"RDM_{layer}.npz", **content, meta=np.array({"distance": "pearson"}))
    found = load_reference(tmp_path / "RDM_fc.npz")
    np.testing.assert_allclose(found.exemplar, RDMS[1:2], atol=1e-7)
    assert found.layer.values.tolist() == ["fc"]
    assert found.stimulus.values.tolist() == IDS
    both = load_reference(tmp_path / "RDM_{layer}.npz")
    np.testing.assert_allclose(both.exemplar, RDMS[:2], atol=1e-7)


def test_files_of_several_people_are_matched_by_stimulus(tmp_path):
    square = squareform(RDMS[1])[::-1, ::-1]
    for who, rdm, ids in (("02", RDMS[0], IDS), ("10", squareform(square), IDS[::-1])):
        (tmp_path / who).mkdir()
        labelled = label_rdms(rdm, "cosine", {"session": ["a"]}, {"stimulus": ids})
        save_rdms(tmp_path / who / f"sub-{who}.h5", labelled)
    found = load_reference(tmp_path / "{subject}" / "sub-{subject}.h5")
    np.testing.assert_allclose(found.exemplar, RDMS[:2], atol=1e-7)
    assert found.subject.values.tolist() == ["02", "10"]
    assert found.session.values.tolist() == ["a", "a"]
    one = load_reference(tmp_path / "{subject}" / "sub-{subject}.h5", where={"subject": "10"})
    np.testing.assert_allclose(one.exemplar, RDMS[1:2], atol=1e-7)


def test_files_of_single_stimuli_are_refused_unless_they_are_images(tmp_path):
    for name in IDS[:3]:
        np.save(tmp_path / f"sub-01_{name}.npy", RDMS)
        with h5py.File(tmp_path / f"sub-01_{name}.h5", "w") as file:
            file["measurements"] = PATTERNS
    for read, path, argument in (
        (load_reference, "sub-01_{stimulus}.npy", "reference"),
        (load_reference, "sub-{subject}_{stimulus}.npy", "reference"),
        (load_patterns, "sub-01_{stimulus}.h5", "path"),
    ):
        with pytest.raises(InputError, match=rf"{argument}: expected {{stimulus}} for images"):
            read(tmp_path / path)


def test_images_of_brains_by_volume_and_by_contrast(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    data, mask = RNG.normal(size=(3, 4, 2, 5)), RNG.random((3, 4, 2)) > 0.4
    affine = np.diag([2.0, 2, 2, 1])
    save = lambda values, name: nibabel.Nifti1Image(values, affine).to_filename(tmp_path / name)
    save(mask.astype(np.uint8), "sub-01_mask.nii.gz")
    save(data, "sub-01_betas.nii.gz")
    rows = "".join(f"{i}\t{i[0]}\n" for i in IDS)
    (tmp_path / "sub-01_betas.tsv").write_text(f"trial_type\tletter\n{rows}")
    voxels = np.stack([data[..., i][mask] for i in range(5)])
    options = {"descriptor": "trial_type", "mask": tmp_path / "sub-{subject}_mask.nii.gz"}
    found = load_reference(tmp_path / "sub-{subject}_betas.nii.gz", **options)
    np.testing.assert_allclose(found.exemplar[0], pdist(voxels, "correlation"), atol=1e-12)
    assert found.stimulus.values.tolist() == IDS
    assert found.letter.values.tolist() == [i[0] for i in IDS]
    assert found.subject.values.tolist() == ["01"]
    for i, name in enumerate(IDS):
        save(data[..., i], f"sub-01_contrast-{name}_statmap.nii.gz")
    found = load_patterns(
        tmp_path / "sub-{subject}_contrast-{stimulus}_statmap.nii.gz", mask=options["mask"]
    )
    assert found.stimulus.values.tolist() == sorted(IDS)
    np.testing.assert_array_equal(found, voxels[np.argsort(IDS)])

    save(mask[:2].astype(np.uint8), "small.nii.gz")
    save(np.where(mask[..., None], np.nan, data), "gaps.nii.gz")
    (tmp_path / "text.nii.gz").write_text("no image")
    betas = tmp_path / "sub-01_betas.nii.gz"
    for given, message in (
        ((betas, "small.nii.gz"), "expected the grid of the mask small.nii.gz"),
        ((betas, None), "mask: expected an image of the voxels"),
        ((betas, "sub-{run}_mask.nii.gz"), r"mask: expected only .* \(none\), got {run}"),
        ((tmp_path / "gaps.nii.gz", "sub-01_mask.nii.gz"), "expected finite numbers"),
        ((tmp_path / "text.nii.gz", "sub-01_mask.nii.gz"), "text.nii.gz: cannot be read"),
        ((tmp_path / "sub-{s}_contrast-b4_statmap.nii.gz", "sub-01_mask.nii.gz"), "two stimuli"),
    ):
        path, name = given
        with pytest.raises(InputError, match=message):
            load_reference(path, mask=None if name is None else tmp_path / name)
    (tmp_path / "sub-01_betas.tsv").write_text("trial_type\na\n")
    with pytest.raises(InputError, match="a row for each of 5 volumes"):
        load_reference(betas, mask=tmp_path / "sub-01_mask.nii.gz")


def test_gaps_in_a_mask_and_in_the_table_of_an_image(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    data, inside = RNG.normal(size=(3, 4, 2, 5)), RNG.random((3, 4, 2)) > 0.4
    for values, name in ((data, "betas"), (np.where(inside, 1.0, np.nan), "mask")):
        nibabel.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / f"{name}.nii")
    path, options = tmp_path / "betas.nii", {"mask": tmp_path / "mask.nii"}
    found = load_reference(path, **options)
    voxels = np.stack([data[..., i][inside] for i in range(5)])
    np.testing.assert_allclose(found.exemplar[0], pdist(voxels, "correlation"), atol=1e-12)
    (tmp_path / "betas.tsv").write_text("trial_type\tletter\na\tx\n\ty\nb\t\nn/a\tx\nc\tx\n")
    for read in (load_reference, load_patterns):
        with pytest.raises(InputError, match="'trial_type' for each of 5 observations, got 2"):
            read(path, descriptor="trial_type", **options)
    assert load_patterns(path, **options).letter.values.tolist() == ["x", "y", "n/a", "x", "x"]


def test_without_nibabel_the_sentence_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    (tmp_path / "a.nii").write_bytes(b"")
    with pytest.raises(InputError, match=r"pip install 'ensemble_rsa\[imaging\]'"):
        load_reference(tmp_path / "a.nii", mask=tmp_path / "a.nii")


def wrong_trees():
    lacking = json.loads(json.dumps(TREE))
    del lacking["tasks"][1]["rdm"]
    others = json.loads(json.dumps(TREE))
    others["tasks"][2]["stimuli"][0]["name"] = "other.png"
    short = json.loads(json.dumps(TREE))
    short["tasks"][1]["rdm"].pop()
    return {
        "[1]": "expected the tasks of one person",
        "{": "expected JSON",
        '{"tasks": []}': "expected a task of multiple arrangement, got none",
        json.dumps(lacking): "task 'arrangement': expected 'rdm', got none",
        json.dumps(others): "again: expected the same 5 stimuli as in arrangement",
        json.dumps(short): "got 9, which fits no n",
    }


@pytest.mark.parametrize(("text", "message"), wrong_trees().items())
def test_json_with_one_thing_wrong(tmp_path, text, message):
    path = tmp_path / "Meadows_pets_v_v1_able-fox_tree.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_reference(path)
    assert "\n" not in str(caught.value)


def test_matlab_and_numpy_files_with_one_thing_wrong(tmp_path):
    structs = np.empty((1, 2), [("RDM", object), ("name", object)])
    structs[0, 0], structs[0, 1] = (RDMS[0], "V1"), (RDMS[0, :6], "IT")
    contents = {
        "sizes.mat": ({"RDMs": structs}, "10 distances in the first and 6 in 'IT'"),
        "none.mat": ({"RDMs": structs[:, :0]}, "expected structs with RDMs, got none"),
        "ids.mat": ({"rdmutv": RDMS[0]}, "expected the variable 'stimuli', got none"),
        "few.mat": ({"rdmutv": RDMS[0], "stimuli": IDS[:4]}, "each pair of 4 stimuli"),
        "twice.mat": ({"rdmutv": RDMS[0], "stimuli": ["a"] * 5}, "each once, got others"),
    }
    for name, (content, message) in contents.items():
        scipy.io.savemat(tmp_path / name, content)
        with pytest.raises(InputError, match=message):
            load_reference(tmp_path / name)
    np.savez(tmp_path / "names.npz", rdm=RDMS[0], layer_name="fc", stimuli_name=IDS[:3])
    np.savez(tmp_path / "pickle.npz", rdm=np.array([{}], object), layer_name="fc")
    np.save(tmp_path / "a.npy", RDMS)
    with h5py.File(tmp_path / "times.h5", "w") as file:
        file["measurements"] = np.zeros((2, 3, 4))
    for name, options, message in (
        ("names.npz", {}, "expected a name for each of 5 stimuli, got 3"),
        ("pickle.npz", {}, "expected one variable with RDMs, there are: none"),
        ("a.npy", {"variable": "x"}, "variable: expected none for a.npy"),
        ("a.npy", {"distance": "cosine"}, "distance: expected none for a.npy, which holds RDMs"),
        ("a.npy", {"mask": "m.nii"}, "mask: expected none for a.npy, which is no image"),
        ("a.npy", {"descriptor": "conds"}, r"descriptor: a.npy: .*\(none\), got 'conds'"),
        ("a.npy", {"where": {"name": "x"}}, "where: the RDMs .* have no descriptors, got 'name'"),
        ("a.npy", {"where": {}}, "where: expected descriptors of RDMs"),
        ("times.h5", {}, "average a TemporalDataset over time"),
        ("{subject}.mat2", {}, "expected one of .h5"),
        ("b-{subject}.npy", {}, "no file matches"),
    ):
        with pytest.raises(InputError, match=message):
            load_reference(tmp_path / name, **options)
    with pytest.raises(InputError, match="expected patterns, got RDMs"):
        load_patterns(tmp_path / "a.npy")


def test_what_a_matlab_file_says_of_stimuli_and_which_rdms(tmp_path):
    structs = np.empty((1, 2), [("RDM", object), ("name", object)])
    structs[0, 0], structs[0, 1] = (RDMS[0], "monkeyIT"), (RDMS[1], "V1")
    stimuli = np.empty((1, 5), [("category", object), ("face", object), ("image", object)])
    for i in range(5):
        stimuli[0, i] = "abcde"[i], float(i == 2), np.zeros((2, 2))
    scipy.io.savemat(tmp_path / "models.mat", {"Models": structs, "stimuli": stimuli})
    found = load_reference(tmp_path / "models.mat", where={"name": "monkeyIT"})
    np.testing.assert_array_equal(found.exemplar, RDMS[:1])
    assert found.category.values.tolist() == list("abcde")
    assert found.face.values.tolist() == [0, 0, 1, 0, 0]
    assert "image" not in found.coords
    with pytest.raises(InputError, match="where: expected name among monkeyIT, V1, got 'V4'"):
        load_reference(tmp_path / "models.mat", where={"name": ["V1", "V4"]})
