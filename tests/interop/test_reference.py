"""Reference RDMs from files of rsatoolbox, MATLAB and NumPy."""

import pickle

import numpy as np
import pytest
import scipy.io
from scipy.spatial.distance import squareform

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms
from ensemble_rsa.interop.reference import load_reference, one_per_subject
from ensemble_rsa.interop.rsatoolbox import save_rdms

RDMS = np.random.default_rng(0).random((4, 10))
NAMES = [f"hIT | {who} | Session: {i}" for who in ("BE", "KO") for i in (1, 2)]


def matlab_structs(rdms=RDMS, names=NAMES):
    structs = np.empty((1, 2, 2), [("RDM", object), ("name", object)])
    for place, rdm, name in zip(np.ndindex(1, 2, 2), rdms, names, strict=True):
        structs[place] = squareform(rdm), name
    return structs


def test_structs_of_matlab_with_subjects_and_sessions(tmp_path):
    path = tmp_path / "brain.mat"
    scipy.io.savemat(path, {"RDMs": matlab_structs(), "other": 1.0})
    found = load_reference(path)
    np.testing.assert_allclose(found.exemplar, RDMS)
    assert found.subject.values.tolist() == ["BE", "BE", "KO", "KO"]
    assert found.session.values.tolist() == ["Session: 1", "Session: 2"] * 2
    people = one_per_subject(found)
    np.testing.assert_allclose(people.exemplar, [RDMS[:2].mean(0), RDMS[2:].mean(0)])
    assert people.subject.values.tolist() == ["BE", "KO"]
    with pytest.raises(InputError, match="expected a variable 'x' with RDMs, there are: RDMs"):
        load_reference(path, "x")


def test_vectors_of_matlab_and_free_names(tmp_path):
    path = tmp_path / "models.mat"
    structs = np.empty((1, 2), [("RDM", object), ("name", object)])
    structs[0, 0], structs[0, 1] = (RDMS[0], "V1"), (RDMS[1], "monkey | IT | x | y")
    scipy.io.savemat(path, {"a": structs, "b": structs})
    with pytest.raises(InputError, match="expected one variable with RDMs, there are: a, b"):
        load_reference(path)
    found = load_reference(path, "b")
    np.testing.assert_allclose(found.exemplar, RDMS[:2])
    assert found.coords["name"].values.tolist() == ["V1", "monkey | IT | x | y"]
    assert one_per_subject(found) is found


def test_a_distance_that_one_session_lacks_is_that_of_the_other():
    rows = RDMS.copy()
    rows[0, 3] = rows[2, 5] = rows[3, 5] = np.nan
    path_free = label_rdms(RDMS, "cosine", {"subject": ["a", "a", "b", "b"]})
    found = one_per_subject(path_free.assign(exemplar=(("rdm", "stimulus_pair"), rows)))
    assert found.exemplar.values[0, 3] == RDMS[1, 3]
    assert np.isnan(found.exemplar.values[1, 5])


def test_only_sessions_and_runs_of_a_subject_are_averaged():
    who = {"subject": ["a", "a", "b", "b"], "session": [1, 2, 1, 2], "task_index": [0, 3, 0, 3]}
    same = label_rdms(RDMS, "cosine", who | {"region": ["IT"] * 4, "age": [30, 30, 40, 40]})
    means = [(RDMS[0] + RDMS[1]) / 2, (RDMS[2] + RDMS[3]) / 2]
    np.testing.assert_allclose(one_per_subject(same).exemplar, means)
    for name, values, message in (
        ("region", ["IT", "IT", "V1", "IT"], "'b' with region V1, IT; .* --where region=V1"),
        ("task", ["x", "y", "x", "x"], "'a' with task x, y; .* --where task=x"),
    ):
        with pytest.raises(InputError, match=message):
            one_per_subject(label_rdms(RDMS, "cosine", who | {name: values}))


def test_regions_that_only_names_tell_apart_are_not_averaged(tmp_path):
    for subject in "ab":
        structs = np.empty((1, 2), [("RDM", object), ("name", object)])
        structs[0, 0], structs[0, 1] = (RDMS[0], "V1"), (RDMS[1], "IT")
        scipy.io.savemat(tmp_path / f"sub-{subject}.mat", {"RDMs": structs})
    with pytest.raises(InputError, match="'a' with name V1, IT; .* --where name=V1"):
        one_per_subject(load_reference(tmp_path / "sub-{subject}.mat"))
    chosen = one_per_subject(load_reference(tmp_path / "sub-{subject}.mat", where={"name": "IT"}))
    np.testing.assert_allclose(chosen.exemplar, [RDMS[1]] * 2)
    # names may differ where sessions do, as in "a, session 1"
    who = {"subject": ["a"] * 4, "session": [1, 2, 3, 4], "name": list("wxyz")}
    assert len(one_per_subject(label_rdms(RDMS, "cosine", who)).exemplar) == 1


def test_rdms_without_a_subject_are_not_taken_for_one_person(tmp_path):
    two, three = {"subject": ["s1", "s2"]}, None
    save_rdms(tmp_path / "lab-A.h5", label_rdms(RDMS[:2], "cosine", two))
    save_rdms(tmp_path / "lab-C.h5", label_rdms(RDMS[1:], "cosine", three))
    both = load_reference(tmp_path / "lab-{lab}.h5")
    message = (
        "^reference: expected a subject for all RDMs or for none, got 3 of 5 RDMs without one; "
        "give them a descriptor 'subject', or choose RDMs with where, such as --where lab=A$"
    )
    with pytest.raises(InputError, match=message):
        one_per_subject(both)
    for lab, expected in (("A", RDMS[:2]), ("C", RDMS[1:])):  # as of the file of this lab alone
        chosen = one_per_subject(load_reference(tmp_path / "lab-{lab}.h5", where={"lab": lab}))
        np.testing.assert_allclose(chosen.exemplar, expected, atol=1e-7)
        assert ("subject" in chosen.coords) == (lab == "A")


def test_numbers_of_subjects_that_are_nan_are_unknown():
    numbers = label_rdms(RDMS, "cosine", {"subject": [1.0, 1.0, np.nan, np.nan]})
    with pytest.raises(InputError, match="got 2 of 4 RDMs without one; .* choose RDMs with where$"):
        one_per_subject(numbers)


def test_ids_of_stimuli_in_some_of_several_files(tmp_path):
    ids = {"stimulus": list("abcde")}
    save_rdms(tmp_path / "sub-1.h5", label_rdms(RDMS[:1], "cosine", None, ids))
    save_rdms(tmp_path / "sub-2.h5", label_rdms(RDMS[1:2], "cosine"))
    message = "in all files or in none, got sub-1.h5 with and sub-2.h5 without them"
    with pytest.raises(InputError, match=message):
        load_reference(tmp_path / "sub-{subject}.h5")


def test_hdf5_and_numpy(tmp_path):
    save_rdms(tmp_path / "a.h5", label_rdms(RDMS, "cosine", {"subject": list("abcd")}))
    np.testing.assert_allclose(load_reference(tmp_path / "a.h5").exemplar, RDMS, atol=1e-7)
    np.savez(tmp_path / "b.npz", np.array([squareform(rdm) for rdm in RDMS]))
    np.testing.assert_allclose(load_reference(tmp_path / "b.npz").exemplar, RDMS)
    np.save(tmp_path / "c.npy", RDMS)
    np.testing.assert_allclose(load_reference(tmp_path / "c.npy").exemplar, RDMS)


def test_what_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(RDMS))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "text.mat").write_text("no MATLAB file")
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    for name, message in {
        "a.pkl": "a pickle, which would run code",
        "a.txt": r"expected one of \.h5",
        "gone.mat": "no such file",
        "objects.npy": "cannot be read",
        "text.mat": "cannot be read",
        "new.mat": "save with -v7",
    }.items():
        with pytest.raises(InputError, match=f"reference: .*{message}"):
            load_reference(tmp_path / name)
