"""RDMs that exceed memory, from activations to consistency with intervals, beside bare work.

The bare work is to read the store once, and the products alone: of all patterns of each layer and
instance (BLAS `ssyrk`), and of all RDMs (float64). Run as

    python benchmarks/many_stimuli.py FOLDER --stimuli 20000 --instances 10 --layers 3

which needs 4 · layers · instances · stimuli² / 2 bytes of disk in FOLDER.
"""

import argparse
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.linalg

from ensemble_rsa.analysis.stacked import _add, pass_over
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.extraction.stored import open_rdms
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.pipeline.results import _parts
from ensemble_rsa.store.layout import EXEMPLAR, FOUND, bytes_of_rdms


def timed(what: str, call: Callable[[], object]) -> float:
    """Print seconds of a call, wall and processor, and the peak of memory so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {wall:.1f} s ({cpu:.1f} s of processor), peak {peak:.2f} GiB", flush=True)
    return wall


def activations(folder: Path, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return layers `(instance, stimulus, unit)` on disk, which are made if there are none."""
    shape = options.instances, options.stimuli, options.units
    shared = np.random.default_rng(0).standard_normal((shape[1], 64), np.float32)
    layers = {}
    for layer in range(options.layers):
        path = folder / f"layer{layer}.npy"
        if not path.is_file():
            made = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            for i, values in enumerate(made):
                rng = np.random.default_rng([layer, i])
                mixing = rng.standard_normal((64, shape[2]), np.float32)
                noise = rng.standard_normal(shape[1:], np.float32)
                values[:] = np.maximum(shared @ mixing + 4 * (1 + layer) * noise, 0)
            made.flush()
        layers[f"layer{layer}"] = np.load(path, mmap_mode="r")
    return layers


def bare_products(layers: dict[str, np.ndarray]) -> None:
    """Inner products of all patterns of each layer and instance."""
    for array in layers.values():
        gram = np.zeros((array.shape[1], array.shape[1]), np.float32)
        for values in array:
            scipy.linalg.blas.ssyrk(1.0, np.array(values).T, c=gram.T, trans=1, overwrite_c=1)


def read_once(store: Path) -> None:
    """Read all chunks, in the order in which they lie on the disk, without the system's cache."""
    for path in sorted((store / EXEMPLAR / "c").rglob("*")):
        if path.is_file():
            np.fromfile(path, "<f4")


def bare_sums(n_rdms: int, n_pairs: int) -> None:
    """Products of all RDMs with each other, of blocks that are in memory."""
    rows = np.random.default_rng(0).random((n_rdms, 2**19), np.float32)
    totals, products, pivots = np.zeros(n_rdms), np.zeros((n_rdms, n_rdms)), np.full(n_rdms, 0.5)
    for _ in range(-(-n_pairs // rows.shape[1])):
        _add(totals, products, rows, pivots)


def drop_cache(store: Path) -> None:
    """Have the system forget what it keeps of a store in memory."""
    for path in store.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name, default in (("stimuli", 20_000), ("instances", 10), ("layers", 3), ("units", 512)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    layers, store = activations(options.folder, options), options.folder / "rdms.zarr"
    labels = np.arange(options.stimuli) % 10
    n_pairs = options.stimuli * (options.stimuli - 1) // 2
    size = bytes_of_rdms(options.layers, options.instances, options.stimuli)
    print(f"{size / 1e9:.1f} GB of distances, load {os.getloadavg()[0]:.1f}")
    extract({name: array[:2, :20] for name, array in layers.items()}, labels[:20])  # compiles
    timed("begin", lambda: None)
    ours = timed("RDMs to the store", lambda: extract(layers, labels, store=store))
    shutil.rmtree(store / FOUND, ignore_errors=True)

    def analysed() -> None:
        stored = open_rdms(store)
        pass_over(stored.exemplar, labels)
        _parts(stored.dataset, stored.exemplar, AnalysisConfig.of(n_resamples=1000).statistics)

    ours += timed("consistency, clustering, second level, ceiling, intervals", analysed)
    drop_cache(store)
    bare = timed("read the store once", lambda: read_once(store))
    bare += timed("bare products of patterns", lambda: bare_products(layers))
    bare += timed(
        "bare products of RDMs", lambda: bare_sums(options.layers * options.instances, n_pairs)
    )
    print(f"{ours:.0f} s beside {bare:.0f} s: {ours / bare:.2f}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
