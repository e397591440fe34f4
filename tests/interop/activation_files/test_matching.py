"""Files are found by patterns, and rows, labels and layers matched by name."""

import json

import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.pipeline.recipes import open_recipe

IDS = ["cat_1.png", "cat_2.png", "dog_1.png", "dog_2.png"]


@pytest.fixture
def values(rng) -> np.ndarray:
    return rng.normal(size=(3, 4, 5)).astype(np.float32)


def save(path, array, ids=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {} if ids is None else {"stimulus": np.array(ids)}
    np.savez(path, fc=array, **named)


def csv(path, pairs):
    path.write_text("\n".join(["stimulus,category", *(",".join(pair) for pair in pairs)]) + "\n")
    return path


def patterns(source, position, layer=None):
    found = dict(source.activations(position))
    return np.asarray(found[layer or source.layers[0]])


@pytest.mark.parametrize("ending", [".npy", ".csv"])
def test_a_single_array_without_a_name_in_each_file_is_one_layer(ending, values, tmp_path):
    for seed, array in enumerate(values):
        path = tmp_path / f"seed{seed}{ending}"
        np.save(path, array) if ending == ".npy" else np.savetxt(path, array, delimiter=",")
    source = from_files(tmp_path / f"seed{{instance}}{ending}", list("aabb"))
    assert (source.layers, source.instances) == (("layer",), (0, 1, 2))
    for position, array in enumerate(values):
        np.testing.assert_allclose(patterns(source, position), array, rtol=1e-6)
    again = open_recipe(json.loads(json.dumps(source.recipe)))
    assert again.layers == source.layers
    # a folder as thingsvision writes it for each network, and its files
    for seed, array in enumerate(values):
        (tmp_path / f"tv{seed}").mkdir()
        np.save(tmp_path / f"tv{seed}" / "features.npy", array)
    for pattern in ("tv{instance}", "tv{instance}/features.npy"):
        found = from_files(tmp_path / pattern, list("aabb"))
        assert found.layers == ("layer",)
        np.testing.assert_array_equal(patterns(found, 2), values[2])
    # paths that name layers are never taken for one layer
    for seed, layer in enumerate(("conv1", "conv2")):
        (tmp_path / f"net{seed}").mkdir()
        np.save(tmp_path / f"net{seed}" / f"{layer}.npy", values[0])
    with pytest.raises(InputError, match="instance 0 has no conv2, which instance 1 has"):
        from_files(tmp_path / "net{instance}" / "{layer}.npy", list("aabb"))
    # the file of a single network keeps its name
    assert from_files(tmp_path / f"seed0{ending}", list("aabb")).layers == ("seed0",)


def test_another_order_of_stimuli_is_put_right_and_noted(values, tmp_path):
    order = [2, 0, 3, 1]
    save(tmp_path / "seed1.npz", values[0], IDS)
    save(tmp_path / "seed2.npz", values[1][order], [IDS[i] for i in order])
    labels = csv(tmp_path / "labels.csv", [(name, name[:3]) for name in reversed(IDS)])
    source = from_files(tmp_path / "seed{instance}.npz", labels)
    assert source.stimuli == tuple(IDS)
    assert source.categories == ("cat", "cat", "dog", "dog")
    for position in range(2):
        np.testing.assert_array_equal(patterns(source, position), values[position])
    assert source.notes == ("stimuli of instance 2 were brought into the order of instance 1",)

    # the same from its recipe, which is plain JSON, and in an order of the user's own
    again = open_recipe(json.loads(json.dumps(source.recipe)))
    assert (again.stimuli, again.categories) == (source.stimuli, source.categories)
    np.testing.assert_array_equal(patterns(again, 1), values[1])
    turned = from_files(tmp_path / "seed{instance}.npz", labels, stimuli=IDS[::-1])
    assert turned.categories == ("dog", "dog", "cat", "cat")
    np.testing.assert_array_equal(patterns(turned, 1), values[1][::-1])
    again = open_recipe(json.loads(json.dumps(turned.recipe)))
    assert again.stimuli == tuple(IDS[::-1])


def test_ids_match_without_folders_endings_and_a_shared_prefix(values, tmp_path):
    save(tmp_path / "a.npz", values[0], [f"photos/{name}" for name in IDS])
    save(tmp_path / "b.npz", values[1], [f"ResNet_{name[:-4]}" for name in IDS])
    source = from_files(tmp_path / "{instance}.npz", {name[:-4]: name[:3] for name in IDS})
    assert source.categories == ("cat", "cat", "dog", "dog")
    assert "ids of stimuli were matched without the prefix that all share" in source.notes
    assert "labels were matched without folders and endings" in source.notes


def test_rows_without_ids_are_in_the_order_of_the_labels_or_of_stimuli(values, tmp_path):
    save(tmp_path / "a.npz", values[0])
    labels = csv(tmp_path / "labels.csv", [(name, str(i)) for i, name in enumerate(IDS)])
    source = from_files(tmp_path / "a.npz", labels)
    assert source.stimuli == tuple(IDS)
    assert source.categories == (0, 1, 2, 3)  # numbers stay numbers
    assert "in the order of the labels" in source.notes[0]
    (tmp_path / "names.txt").write_text("\n".join(IDS) + "\n")
    source = from_files(tmp_path / "a.npz", list("xxyy"), tmp_path / "names.txt")
    assert (source.stimuli, source.categories) == (tuple(IDS), tuple("xxyy"))
    assert source.notes == ()


def test_instances_and_layers_sort_by_number_and_layers_can_be_chosen(values, tmp_path):
    for seed in ("2", "10"):
        for layer in ("conv2", "conv10", "fc"):
            (tmp_path / f"s{seed}").mkdir(exist_ok=True)
            np.save(tmp_path / f"s{seed}" / f"{layer}.npy", values[0])
    pattern = str(tmp_path / "s{instance}" / "{layer}.npy")
    source = from_files(pattern)
    assert source.instances == (2, 10)
    assert source.layers == ("conv2", "conv10", "fc")
    chosen = from_files(pattern, layers=["fc", "conv2"])
    assert chosen.layers == ("fc", "conv2")
    assert [name for name, _ in chosen.activations(0)] == ["fc", "conv2"]
    with pytest.raises(InputError, match="layers: unknown 'fc8'; choose from"):
        from_files(pattern, layers=["fc8"])


def test_several_patterns_a_mapping_and_repeated_placeholders(values, tmp_path):
    for i in range(2):
        for layer in ("early", "late"):
            (tmp_path / f"net{i}").mkdir(exist_ok=True)
            np.save(tmp_path / f"net{i}" / f"{layer}_net{i}.npy", values[i] + (layer == "late"))
    names = [str(tmp_path / "{instance}" / f"{layer}_{{instance}}.npy") for layer in "ab"]
    with pytest.raises(InputError, match="matches .*/a_{instance}.npy; .* holds net0, net1"):
        from_files(names)
    one = from_files(str(tmp_path / "{instance}" / "{layer}_{instance}.npy"))
    other = from_files(
        {
            layer: [tmp_path / f"net{i}" / f"{layer}_net{i}.npy" for i in range(2)]
            for layer in ("early", "late")
        }
    )
    several = from_files([tmp_path / f"net{i}" / f"{{layer}}_net{i}.npy" for i in range(2)])
    assert one.instances == ("net0", "net1")
    assert other.instances == several.instances == (0, 1)
    for source in (one, other, several):
        assert source.layers == ("early", "late")
        np.testing.assert_array_equal(patterns(source, 1, "late"), values[1] + 1)


def damaged(path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def fresh(folder, values, ids=IDS):
    for i in range(3):
        save(folder / f"seed{i}.npz", values[i], ids)
    return folder


def half_an_npz(folder, values):
    damaged(fresh(folder, values) / "seed1.npz")


def half_an_npy(folder, values):
    for i in range(3):
        np.save(folder / f"seed{i}.npy", values[i])
    damaged(folder / "seed1.npy", 0.9)


def pickled(folder, values):
    np.savez(folder / "seed0.npz", fc=values[0], stimulus=np.array(IDS, object))


def nan_inside(folder, values):
    values[1, 2, 3] = np.nan
    fresh(folder, values)


def last_row_short(folder, values):
    np.savetxt(folder / "seed0.csv", values[0], delimiter=",")
    damaged(folder / "seed0.csv", 0.9)


def counted_rows(folder, values):
    np.savetxt(folder / "seed0.csv", np.c_[np.arange(4), values[0]], delimiter=",")


# What is wrong with the files, the pattern, and what the one line says.
MISTAKES = {
    "no file": (fresh, "net{instance}.npz", r"no file matches .*; .* holds seed0.npz, seed1.npz"),
    "placeholder": (fresh, "seed{number}.npz", r"unknown {number} in .*expected {instance} or"),
    "ending": (fresh, "labels.csv.gz", "no file matches"),
    "another stimulus": (
        lambda f, v: save(fresh(f, v) / "seed1.npz", v[1], [*IDS[:3], "cow_1.png"]),
        "seed{instance}.npz",
        r"seed1.npz, key 'fc': expected the 4 stimuli of instance 0, got 4, of which 1 missing "
        r"\(the first is 'dog_2.png'\) and 1 not expected \(the first is 'cow_1.png'\)",
    ),
    "a stimulus too few": (
        lambda f, v: save(fresh(f, v) / "seed1.npz", v[1][:3], IDS[:3]),
        "seed{instance}.npz",
        r"got 3, of which 1 missing \(the first is 'dog_2.png'\)",
    ),
    "a stimulus twice": (
        lambda f, v: save(fresh(f, v) / "seed1.npz", v[1], [*IDS[:3], IDS[0]]),
        "seed{instance}.npz",
        r"seed1.npz, key 'fc': the stimulus id 'cat_1.png' occurs twice",
    ),
    "ids of other length": (
        lambda f, v: save(fresh(f, v) / "seed1.npz", v[1], IDS[:3]),
        "seed{instance}.npz",
        r"seed1.npz, key 'fc': expected an id for each of 4 rows, got 3 ids",
    ),
    "ids in some": (
        lambda f, v: save(fresh(f, v) / "seed1.npz", v[1]),
        "seed{instance}.npz",
        r"seed1.npz, key 'fc': expected the ids of its stimuli, as in .*seed0.npz",
    ),
    "rows": (
        lambda f, v: save(fresh(f, v, None) / "seed1.npz", v[1][:3]),
        "seed{instance}.npz",
        r"seed1.npz, key 'fc': expected 4 stimuli as in .*seed0.npz, key 'fc', got 3",
    ),
    "units": (
        lambda f, v: save(fresh(f, v) / "seed2.npz", v[2][:, :4], IDS),
        "seed{instance}.npz",
        r"seed2.npz, key 'fc': fc of instance 2 has units of shape \(4,\), that of instance 0 \(5",
    ),
    "a layer lacks": (
        lambda f, v: np.savez(fresh(f, v) / "seed0.npz", fc=v[0], fc8=v[0], stimulus=IDS),
        "seed{instance}.npz",
        "instance 1 has no fc8, which instance 0 has; it has fc",
    ),
    "half an npz": (half_an_npz, "seed{instance}.npz", "seed1.npz: expected arrays .* damaged or"),
    "half an npy": (half_an_npy, "seed{instance}.npy", "seed1.npy: expected an array .* damaged"),
    "pickle": (pickled, "seed0.npz", "key 'stimulus': expected numbers or text, got Python obj"),
    "NaN": (nan_inside, "seed{instance}.npz", r"seed1.npz, key 'fc': expected finite .* row 2, un"),
    "half a table": (last_row_short, "seed0.csv", "expected 5 columns in line 4, got"),
    "counted rows": (counted_rows, "seed0.csv", "the first column counts the rows"),
    "one axis": (
        lambda f, v: np.save(f / "a.npy", v[0, 0]), "a.npy", r"expected shape \(stimulus, unit\)",
    ),
    "no numbers": (
        lambda f, v: np.savez(f / "a.npz", stimulus=IDS), "a.npz", r"expected an array \(stimulus",
    ),
    "unknown format": (
        lambda f, v: (f / "a.rds").write_text("x"), "a.rds", r"expected a file that ends in .npy, ",
    ),
    "a folder": (
        lambda f, v: np.save(f / "a.npy", v[0]), "", r"expected files of activations, or a folder",
    ),
    "keys and layer": (
        lambda f, v: np.savez(f / "fc.npz", a=v[0], b=v[0]), "{layer}.npz", "expected one array, ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_files_with_one_thing_wrong_are_refused_in_one_line(mistake, values, tmp_path):
    make, pattern, message = MISTAKES[mistake]
    make(tmp_path, values)
    with pytest.raises(InputError, match=message) as caught:
        patterns(from_files(tmp_path / pattern), 1)
    assert "\n" not in str(caught.value)


WRONG_LABELS = {
    "missing": (
        [("a", "x"), ("b", "x")],
        r"labels: expected the 3 stimuli of the activations, got 2, of which 1 missing .*'c'\)",
    ),
    "too many": ([*((i, "x") for i in "abcd")], r"1 not expected \(the first is 'd'\)"),
    "twice": ([("a", "x"), ("a", "y"), ("b", "x")], "labels: .* the stimulus id 'a' occurs twice"),
    "empty": ([("a", "x"), ("b", ""), ("c", "x")], "'b' has no category"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG_LABELS)
def test_wrong_labels_are_refused(mistake, rng, tmp_path):
    pairs, message = WRONG_LABELS[mistake]
    save(tmp_path / "a.npz", rng.normal(size=(3, 4)), list("abc"))
    with pytest.raises(InputError, match=message):
        from_files(tmp_path / "a.npz", csv(tmp_path / "labels.csv", pairs))


def test_labels_without_the_columns_are_refused(values, tmp_path):
    save(tmp_path / "a.npz", values[0], IDS)
    (tmp_path / "labels.csv").write_text("image,class\na,b\n")
    with pytest.raises(InputError, match="expected the columns stimulus and category .* got image"):
        from_files(tmp_path / "a.npz", tmp_path / "labels.csv")
