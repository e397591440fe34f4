"""Checkpoints, the functions that build networks, and imports from them."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import importlib.metadata
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

import ensemble_rsa as ersa
from ensemble_rsa.cli.main import main
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline.recipes import open_recipe

torch = pytest.importorskip("torch")
IMAGES = np.random.default_rng(0).normal(size=(6, 3, 8, 8)).astype(np.float32)
SOURCE = """
import numpy as np
import torch

def build():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(144, 5),
    )

def build_from(checkpoint):
    network = build()
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    return network

def as_array(image):
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255

def failing():
    raise RuntimeError("no such width")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with `my_nets.py`, three checkpoints and six images, as the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_nets.py").write_text(SOURCE)
    (tmp_path / "ckpt").mkdir()
    for seed in (1, 2, 10):
        state = {"model": network(seed).state_dict(), "epoch": 3}
        torch.save(state, tmp_path / "ckpt" / f"seed{seed}.pt")
    (tmp_path / "photos").mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path


def network(seed):
    torch.manual_seed(seed)
    scope: dict = {}
    exec(SOURCE, scope)
    return scope["build"]()


def rdms_of(seeds):
    return ersa.extract(ersa.from_networks([network(seed) for seed in seeds], IMAGES)).exemplar


def test_instances_come_from_the_pattern_in_natural_order(folder):
    source = ersa.from_networks("ckpt/seed{instance}.pt", IMAGES, build="my_nets:build")
    assert source.instances == source.seeds == (1, 2, 10)
    np.testing.assert_array_equal(ersa.extract(source).exemplar, rdms_of((1, 2, 10)))
    assert any("weights are under the key 'model'" in note for note in source.notes)
    by_itself = ersa.from_networks("ckpt/seed{instance}.pt", IMAGES, build="my_nets:build_from")
    np.testing.assert_array_equal(ersa.extract(by_itself).exemplar, rdms_of((1, 2, 10)))


def test_prefixes_safetensors_and_missing_counters(folder):
    safetensors = pytest.importorskip("safetensors.torch")
    state = network(0).state_dict()
    wrapped = {f"module.{key}": tensor for key, tensor in state.items()}
    torch.save({"state_dict": wrapped}, "ckpt/wrapped.pt")
    counted = {key: tensor for key, tensor in state.items() if "num_batches" not in key}
    safetensors.save_file(counted, "ckpt/safe.safetensors")
    files = ["ckpt/wrapped.pt", "ckpt/safe.safetensors"]
    source = ersa.from_networks(files, IMAGES, build=lambda: network(1))
    rdms = ersa.extract(source).exemplar
    np.testing.assert_array_equal(rdms, rdms_of((0, 0)))
    notes = "\n".join(source.notes)
    assert "the prefix 'module.' of all keys was removed" in notes
    assert "num_batches_tracked" in notes


def test_keys_that_do_not_match_are_named(folder):
    state = network(0).state_dict()
    wrong = {key: tensor for key, tensor in state.items() if not key.startswith("0.")}
    torch.save(wrong | {"head.weight": torch.ones(2)}, "ckpt/wrong.pt")
    with pytest.raises(InputError, match=r"2 missing \(0.weight, 0.bias\), 1 unexpected \(head.we"):
        ersa.from_networks("ckpt/wrong.pt", IMAGES, build="my_nets:build")
    torch.save(state | {"4.weight": torch.ones(7, 144)}, "ckpt/wrong.pt")
    with pytest.raises(InputError, match=r"4.weight is \(7, 144\) in the checkpoint"):
        ersa.from_networks(["ckpt/seed1.pt", "ckpt/wrong.pt"], IMAGES, build="my_nets:build")


def half(path):
    return path.read_bytes()[: path.stat().st_size // 2]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: torch.save(network(0), path), "holds more than tensors .*convert it once"),
        (lambda path: torch.save({"state_dict": 3}, path), "expected tensors by name"),
        (lambda path: path.write_bytes(b"PK\x03\x04 half"), "damaged|no PyTorch checkpoint"),
        (
            lambda path: path.write_bytes((path.parent / "seed1.pt").read_bytes()[:900]),
            "damaged|no",
        ),
    ],
)
def test_other_files_are_refused_without_unpickling(folder, write, message):
    write(folder / "ckpt" / "other.pt")
    with pytest.raises(InputError, match=message):
        ersa.from_networks("ckpt/other.pt", IMAGES, build="my_nets:build")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        ("my_nets:failing", r"my_nets:failing failed \(RuntimeError: no such width\)"),
        ("my_nets:absent", "my_nets has no class or function 'absent', but"),
        ("nowhere:build", "nowhere cannot be imported"),
        ("absent.py:build", "no such file"),
        ("my_nets", "expected module:function"),
        (lambda: 3, "to return a network, got int"),
        (lambda path, width: None, "got path, width"),
        (lambda: abs, "let build take the path"),
    ],
)
def test_what_builds_no_network_is_refused(folder, build, message):
    with pytest.raises(InputError, match=message):
        ersa.extract(ersa.from_networks("ckpt/seed{instance}.pt", IMAGES, build=build))


def test_patterns_without_files_and_files_without_build(folder):
    with pytest.raises(InputError, match="checkpoints: .*ckpt/net"):
        ersa.from_networks("ckpt/net{instance}.pt", IMAGES, build="my_nets:build")
    with pytest.raises(InputError, match="holds weights only"):
        ersa.from_networks("ckpt/seed{instance}.pt", IMAGES)


def test_names_of_libraries(folder):
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    for build, message in {
        "torchvision:resnet18,num_classes=10": "122 missing|missing .* of 122",
        "timm:resnet18,num_classes=10": "missing .* of 122",
        "timm:resnet1": "timm has no model 'resnet1'; did you mean",
        "torchvision:resnet1": "torchvision has no model 'resnet1'; did you mean",
        "timm:resnet18,10": "expected arguments such as .*, got .10",
    }.items():
        with pytest.raises(InputError, match=message):
            ersa.from_networks("ckpt/seed1.pt", IMAGES, build=build)


def test_models_of_hugging_face_by_their_local_files(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=20,
        image_size=8, patch_size=4, num_labels=5,
    )  # fmt: skip
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(transformers.ViTForImageClassification(config))
        models[-1].save_pretrained(f"seed{seed}")
    images = torch.from_numpy(IMAGES)
    source = ersa.from_networks("seed{instance}", images, build="hf:seed0")
    live = ersa.extract(ersa.from_networks(models, images))
    assert source.layers == tuple(live.layer.values)
    np.testing.assert_array_equal(ersa.extract(source).exemplar, live.exemplar)
    with pytest.raises(InputError, match="model of transformers with its files on this machine"):
        ersa.from_networks("seed{instance}", images, build="hf:gone")
    tensors = models[1].state_dict()
    tensors["classifier.weight"] = torch.zeros(7, 16)
    torch.save(tensors, "other.pt")
    with pytest.raises(InputError, match=r"1 of another shape \(classifier.weight is \(7, 16\) in"):
        ersa.from_networks("other.pt", images, build="hf:seed0")


COMMAND = [
    "import", "--build", "my_nets:build", "--checkpoints", "ckpt/seed{instance}.pt", "--images",
    "photos", "--preprocess", "my_nets:as_array",
]  # fmt: skip


def test_import_from_the_command_line(folder, capsys):
    assert main([*COMMAND, "--list-layers"]) == 0
    out, err = capsys.readouterr()
    assert "  1 (4 × 6 × 6)" in out
    assert "* 2 (4 × 6 × 6)" in out
    assert main([*COMMAND, "--out", "runs/mine"]) == 0
    out, err = capsys.readouterr()
    assert out.strip().endswith("runs/mine")
    assert "layers: 2 (4 × 6 × 6), 4 (5)" in err
    recipe = json.loads((folder / "runs/mine/config.json").read_text())["imported"]
    source = open_recipe(recipe)
    assert source.layers == ("2", "4")
    assert source.instances == (1, 2, 10)
    manifest = json.loads((folder / "runs/mine/manifest.json").read_text())
    assert manifest["versions"]["torch"] == importlib.metadata.version("torch")
    names = {entry["path"].rpartition("/")[2] for entry in manifest["files"]}
    assert names == {"seed1.pt", "seed2.pt", "seed10.pt", "my_nets.py", "photos"}


def test_flags_that_do_not_fit_are_refused(folder, capsys):
    for words, message in {
        ("import", "--build", "my_nets:build"): "checkpoints: expected",
        (
            "import",
            "--build",
            "my_nets:build",
            "--checkpoints",
            "ckpt/seed1.pt",
        ): "images: expected",
        ("import", "x.npy", "--images", "photos"): "images: expected with --build",
        (*COMMAND[:-2], "--out", "runs/mine"): "preprocess: nothing says how",
        (*COMMAND, "--stimuli", "ids.txt"): "stimuli: expected with files of activations only",
    }.items():
        assert main(list(words)) == 2
        assert message in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_torch_is_only_imported_for_networks_of_torch():
    program = textwrap.dedent("""
        import sys, numpy, ensemble_rsa as ersa
        ersa.from_networks([lambda images: {"same": images}], numpy.ones((5, 9)))
        assert not {"torch", "keras", "timm"} & sys.modules.keys()
    """)
    subprocess.run([sys.executable, "-c", program], check=True)
