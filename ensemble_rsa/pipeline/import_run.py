"""Import of activations or networks of others into a run folder."""

import time
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.cluster.opening import opened
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.analysis import AnalysisConfig, checked_settings
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.extraction.stored import needs_store
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline.check import extract_source
from ensemble_rsa.pipeline.exploration import keep_thumbnails
from ensemble_rsa.pipeline.reference import kept_attributes
from ensemble_rsa.report.explorer_thumbnails import THUMBNAILS
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.imported import EXTRACTED
from ensemble_rsa.runs.source_files import describe_file
from ensemble_rsa.store.reader import RdmStore


def import_run(
    source: Any,
    out: str | Path | None = None,
    settings: AnalysisConfig | None = None,
    progress: RdmProgress | None = None,
    store: bool | None = None,
    cluster: str | Workers | None = None,
) -> Path:
    """Compute the RDMs of a source, store them as a run folder, and return the folder.

    From there `analyze_run`, `compare_runs` and the report work as for networks trained here. The
    folder appears when it is complete.

    Args:
        source: what `from_files` or `from_networks` returned.
        out: the run folder, which must be new or empty; None for a new one under `runs/`.
        settings: the distance of the RDMs, and whether patterns are normalised first.
        progress: called with the number of RDMs done and of all.
        store: write the RDMs to a store on disk, `rdms.zarr` in the folder, where an import that
            was killed is gone on with; None for RDMs that exceed a quarter of the free memory, and
            where such a store was begun.
        cluster: computes on the workers of a cluster of Dask, as the flag `--cluster` says; all
            need the files under the same paths.

    Raises:
        InputError: `out` in use, NaN in activations, a source that is none, or a finding that
            stops the import.
        RunError: no two instances can be compared.

    >>> import tempfile
    >>> import numpy as np
    >>> from ensemble_rsa.interop.activation_files.source import from_files
    >>> folder = Path(tempfile.mkdtemp())
    >>> for seed in range(3):
    ...     fc = np.random.default_rng(seed).normal(size=(6, 20))  # (stimulus, unit)
    ...     np.savez(folder / f"seed{seed}.npz", fc=fc)
    >>> source = from_files(folder / "seed{instance}.npz", labels=list("aabbcc"))
    >>> sorted(each.name for each in import_run(source, folder / "run").iterdir())
    ['config.json', 'extracted.nc', 'manifest.json', 'rdms.h5']
    """
    if not isinstance(source, ActivationSource):
        raise InputError(
            "source: expected what from_files or from_networks returns, got "
            f"{type(source).__name__}"
        )
    settings = checked_settings(settings)
    begun = () if store is False else (run_folder.STORE, run_folder.MANIFEST, THUMBNAILS)
    folder = run_folder.new_folder(out, "imported", begun)
    store_path = folder / run_folder.STORE
    is_stored = store or (
        store is None and (store_path.exists() or needs_store(source, len(source.layers)))
    )
    stored = store_path if is_stored else None
    files.check_can_write("out", folder)
    began = time.perf_counter()
    described = [describe_file(path) for path in source.files]
    with opened(cluster) as workers:
        rdms, findings = extract_source(source, settings, progress, stored, workers)
    seconds = {"extract": time.perf_counter() - began}
    manifest = run_folder.make_manifest(None, seconds, source.libraries)
    manifest["files"] = [file._asdict() for file in described]
    manifest["findings"] = [finding.as_record() for finding in findings]
    config = {run_folder.IMPORTED: source.recipe}
    if isinstance(rdms, RdmStore):
        keep_thumbnails(folder, folder, rdms.dataset.stimulus.values, source.images)
        files.write_json(folder / run_folder.MANIFEST, manifest)
        files.write_json(folder / run_folder.CONFIG, config)  # makes the folder a run
        return folder
    with files.atomic_folder(folder) as partial:
        files.write_json(partial / run_folder.CONFIG, config)
        files.write_json(partial / run_folder.MANIFEST, manifest)
        files.write_dataset(partial / EXTRACTED, rdms)
        rdms.attrs = kept_attributes(rdms, imported=True)
        save_rdms(partial / run_folder.RDMS, rdms)
        keep_thumbnails(partial, partial, rdms.stimulus.values, source.images)
    return folder
