"""Writing what a run holds in the formats of other tools: RDMs, or activations."""

import csv
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import InputError, shown, unknown_name
from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.extraction.stored import fits
from ensemble_rsa.interop.activation_files.paths import FILE_NAMES
from ensemble_rsa.interop.rsatoolbox import check_ending, save_rdms
from ensemble_rsa.pipeline.extract import source_of
from ensemble_rsa.pipeline.reference import rdms_or_store
from ensemble_rsa.rdm.blocks import open_activations, unit_blocks
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.imported import ImportedRun, open_run
from ensemble_rsa.runs.run import Run
from ensemble_rsa.store.reader import RdmStore

RSATOOLBOX, THINGSVISION = "rsatoolbox", "thingsvision"
EXPORTS = "export"  # the folder in a run, unless another is given


def export(
    run: Run | ImportedRun | str | Path,
    format: str = "rsatoolbox",
    out: str | Path | None = None,
    progress: RdmProgress | None = None,
    layers: Sequence[str] | np.ndarray | None = None,
) -> Path:
    """Write the RDMs or the activations of a run for other tools, and return the path.

    Args:
        run: a run, trained or imported, or its folder.
        format: `rsatoolbox`, an HDF5 file of RDMs that `rsatoolbox.rdm.load_rdm` opens; `npz`, a
            file of NumPy with `rdms (layer, instance, stimulus_pair)` and the names along these
            axes; `csv`, a folder with a table of RDMs for each layer, a row for each pair of
            stimuli and a column for each instance; or `thingsvision`, a folder of activations with
            `INSTANCE/LAYER/features.npy` and `INSTANCE/file_names.txt`, which `from_files` reads.
        out: where to; `export/` in the run's folder when not given. Nothing is overwritten.
        progress: called with the number of layers of instances written and of all, for activations.
        layers: of which layers; all when not given. Of RDMs that exceed memory, as many as fit.

    Raises:
        InputError: an unknown format, a path in use, or one that does not end as rsatoolbox needs;
            a run that has not been analysed, which has no RDMs yet; a layer that the run does not
            have.

    >>> import tempfile
    >>> import numpy as np
    >>> from ensemble_rsa.interop.activation_files.source import from_files
    >>> from ensemble_rsa.pipeline.import_run import import_run
    >>> folder = Path(tempfile.mkdtemp())
    >>> for seed in range(3):
    ...     fc = np.random.default_rng(seed).normal(size=(6, 20))  # (stimulus, unit)
    ...     np.savez(folder / f"seed{seed}.npz", fc=fc)
    >>> source = from_files(folder / "seed{instance}.npz", labels=list("aabbcc"))
    >>> exported = export(import_run(source, folder / "run"), "npz")
    >>> np.load(exported)["rdms"].shape  # (layer, instance, stimulus_pair)
    (1, 3, 15)
    """
    if not isinstance(format, str) or format not in (*WRITERS, THINGSVISION):
        raise unknown_name("format", format, (*WRITERS, THINGSVISION))
    opened = run if isinstance(run, Run | ImportedRun) else open_run(run)
    default = {RSATOOLBOX: "rdms.h5", "npz": "rdms.npz"}.get(format, format)
    path = files.as_path("out", out) if out is not None else opened.path / EXPORTS / default
    if path.exists():
        raise InputError(f"out: {path} exists; give another --out")
    if format == RSATOOLBOX:
        check_ending("out", path)
    if format == THINGSVISION:
        _write_activations(opened, path, layers, progress)
        return path
    WRITERS[format](path, _rdms(opened.path, layers))
    return path


def _rdms(run: Path, layers: Sequence[str] | np.ndarray | None) -> xr.Dataset:
    """The RDMs of some layers of a run, in memory."""
    rdms = rdms_or_store(run)
    labels = rdms.dataset if isinstance(rdms, RdmStore) else rdms
    names = labels.layer.values.tolist()
    chosen = _chosen(names, layers)
    if not isinstance(rdms, RdmStore):
        return rdms.sel(layer=chosen)
    of_each = rdms.n_bytes // len(names)
    if not fits(of_each * len(chosen)):
        raise InputError(
            f"layers: {len(chosen)} layers of {of_each / 1e9:.1f} GB each do not fit into memory; "
            f"choose fewer of {', '.join(names)} (--layers)"
        )
    loaded = rdms.load(chosen)
    return loaded.drop_dims("category_pair", errors="ignore").assign_attrs(
        {"distance": loaded.attrs["distance"]}
    )


def _chosen(names: Sequence[str], layers: Sequence[str] | np.ndarray | None) -> list[str]:
    """The wanted layers of these; all when none are given."""
    if layers is None:
        return [*names]
    is_list = isinstance(layers, Sequence | np.ndarray) and not isinstance(layers, str)
    chosen = [*map(str, layers)] if is_list else []
    if not chosen or len({*chosen}) < len(chosen):
        raise InputError(f"layers: expected names of layers, each once, got {shown(layers)}")
    if unknown := [name for name in chosen if name not in names]:
        raise unknown_name("layers", unknown[0], names)
    return chosen


def _write_npz(path: Path, rdms: xr.Dataset) -> None:
    named = {str(name): values.values for name, values in rdms.coords.items()}
    with files.atomic_path(path) as partial, partial.open("wb") as stream:
        np.savez(stream, rdms=rdms.exemplar.values, distance=rdms.attrs["distance"], **named)


def _write_csv(path: Path, rdms: xr.Dataset) -> None:
    stimuli = rdms.stimulus.values.tolist()
    head = ["stimulus_a", "stimulus_b", *map(str, rdms.instance.values)]
    names = file_names(map(str, rdms.layer.values))
    with files.atomic_folder(path) as folder:
        for layer, name in names.items():
            columns = rdms.exemplar.sel(layer=layer).transpose("stimulus_pair", "instance").values
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
                table = csv.writer(stream)
                table.writerow(head)
                pairs = itertools.combinations(stimuli, 2)
                table.writerows([*pair, *row] for pair, row in zip(pairs, columns, strict=True))


WRITERS: dict[str, Callable[[Path, xr.Dataset], None]] = {
    RSATOOLBOX: save_rdms, "npz": _write_npz, "csv": _write_csv,
}  # fmt: skip


def _write_activations(
    run: Run | ImportedRun,
    path: Path,
    layers: Sequence[str] | np.ndarray | None,
    progress: RdmProgress | None = None,
) -> None:
    """Write the activations of the stimuli that the run was analysed with."""
    analysed = run.path / run_folder.ANALYSIS
    settings = AnalysisConfig()
    if analysed.is_file():
        settings = settings.replace(**files.read_json(analysed))
    source = source_of(run, settings)
    instances = file_names(map(str, source.instances))
    folders = file_names(_chosen(source.layers, layers))
    n_all, done = len(instances) * len(folders), 0
    with files.atomic_folder(path) as folder:
        for position, instance in enumerate(instances.values()):
            (folder / instance).mkdir()
            lines = "".join(f"{stimulus}\n" for stimulus in source.stimuli)
            (folder / instance / FILE_NAMES).write_text(lines, encoding="utf-8")
            for layer, activations in source.activations(position):
                if layer not in folders:
                    continue
                array = open_activations(f"activations of {layer}", activations)
                (folder / instance / folders[layer]).mkdir()
                written = np.lib.format.open_memmap(
                    folder / instance / folders[layer] / "features.npy",
                    "w+",
                    _stored_dtype(np.dtype(array.dtype)),
                    tuple(array.shape),
                )  # fmt: skip
                start = 0
                for block in unit_blocks(array, ()):
                    written[:, start : start + block.shape[1]] = block
                    start += block.shape[1]
                written.flush()
                done += 1
                if progress:
                    progress(done, n_all)


def _stored_dtype(dtype: np.dtype) -> np.dtype:
    """The type of stored activations: as they are if NumPy has it, and floating."""
    return dtype if dtype.kind == "f" else np.promote_types(dtype, np.float32)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a name for a file or folder for each of the names, all different.

    >>> file_names(["fc", "block/conv", "block_conv"])
    {'fc': 'fc', 'block/conv': 'block_conv', 'block_conv': 'block_conv-2'}
    """
    found: dict[str, str] = {}
    for name in names:
        safe = name.replace("/", "_").replace("\\", "_").lstrip(".") or "_"
        number = 2
        while safe in found.values():
            safe, number = f"{safe.removesuffix(f'-{number - 1}')}-{number}", number + 1
        found[name] = safe
    return found
