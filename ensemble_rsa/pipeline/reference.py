"""The two sides of an evaluation: RDMs of a run, and reference RDMs of the same stimuli."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.arrays import stimuli_of_pairs
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.stored import fits, open_rdms
from ensemble_rsa.interop.activation_files.identifiers import match_ids
from ensemble_rsa.interop.labelled import reorder_stimuli
from ensemble_rsa.interop.reference import load_reference, one_per_subject
from ensemble_rsa.interop.reference_files.opened import STIMULUS
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.report.evaluation import DEFAULT_COMPARISON
from ensemble_rsa.runs import run_folder
from ensemble_rsa.store.reader import RdmStore

log = logging.getLogger(__name__)
_ENDINGS = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)


def kept_attributes(rdms: xr.Dataset, imported: bool) -> dict[str, Any]:
    """What RDMs in a run's folder say of themselves: what two runs need to be compared."""
    found = {
        name: rdms.attrs[name] for name in ("distance", "cocktail_blank") if name in rdms.attrs
    }
    return found | ({run_folder.IMPORTED: 1} if imported else {})


def rdms_or_store(run: Path, argument: str = "run") -> xr.Dataset | RdmStore:
    """The RDMs of an analysed run: in memory, or on disk if they exceed it.

    `argument` is the name of the caller's, for messages.

    Raises:
        InputError: a run without `rdms.h5` and `rdms.zarr`, or with other RDMs.
    """
    path, stored = run / run_folder.RDMS, run / run_folder.STORE
    if not path.is_file() and stored.exists():
        store = open_rdms(stored)
        return store.load() if fits(store.n_bytes) else store
    if not run.exists():
        raise InputError(f"{argument}: no such folder: {run}")
    if not path.is_file():
        raise InputError(
            f"{argument}: {run} holds no {run_folder.RDMS}; run `ensemble-rsa analyze {run}` first"
        )
    return _checked(path)


def rdms_of(run: Path) -> xr.Dataset:
    """The RDMs of an analysed run in memory, one for each layer and instance.

    Raises:
        InputError: as `rdms_or_store`, or RDMs that exceed memory.
    """
    rdms = rdms_or_store(run)
    if isinstance(rdms, RdmStore):
        raise InputError(
            f"run: {rdms.path} holds {rdms.n_bytes / 1e9:.1f} GB of RDMs, and this needs them in "
            "memory; analyze fewer stimuli (--stimuli)"
        )
    return rdms


def _checked(path: Path) -> xr.Dataset:
    rdms = load_rdms(path)
    if rdms.exemplar.dims != ("layer", "instance", "stimulus_pair"):
        raise InputError(f"{path}: expected one RDM for each layer and instance")
    return rdms


def reference_for(rdms: xr.Dataset, reference: Path, **reading: Any) -> xr.Dataset:
    """Reference RDMs, one for each subject, of the stimuli of a run and in their order.

    Stimuli are matched by id where both name them, if need be without folders and endings of
    images, else by position. `reading` is for
    `load_reference`.

    Raises:
        InputError: what `load_reference` and `one_per_subject` refuse; other stimuli; a reference
            whose ids seem to stand in another descriptor.
    """
    return one_per_subject(_matched(load_reference(reference, **reading), rdms))


def _matched(reference: xr.Dataset, rdms: xr.Dataset) -> xr.Dataset:
    """The reference with the stimuli of a run, in its order."""
    n_ours, n_theirs = (
        stimuli_of_pairs("rdms", d.sizes["stimulus_pair"]) for d in (rdms, reference)
    )
    named = {"reference": "stimulus" in reference.coords, "run": "stimulus" in rdms.coords}
    if all(named.values()):
        ours, theirs = ([str(each) for each in d.stimulus.values] for d in (rdms, reference))
        match = match_ids("reference", theirs, ours, "the run")
        if match.how:
            log.info("stimuli of the reference and of the run are matched %s", match.how)
        names = np.empty(len(ours), rdms.stimulus.dtype)
        names[match.order] = rdms.stimulus.values
        named_alike = reference.assign_coords(stimulus=("stimulus", names))
        return reorder_stimuli(named_alike, rdms.stimulus.values)
    if not named["reference"] and (others := _possible_ids(reference)):
        raise InputError(
            f"descriptor: expected the descriptor of stimuli that holds their ids ("
            f"{', '.join(others)}), since the reference has no 'stimulus'; give --descriptor "
            f"{others[0]}"
        )
    if n_ours != n_theirs:
        raise InputError(
            f"reference: expected RDMs of {n_ours} stimuli as in the run, got {n_theirs}"
        )
    lacking = " and the ".join(side for side, has_ids in named.items() if not has_ids)
    log.info(
        "ids of stimuli are missing in the %s; stimuli are taken to be in the same order", lacking
    )
    return reference


def _possible_ids(reference: xr.Dataset) -> list[str]:
    """Descriptors of stimuli, as text, with another value for each stimulus."""
    return [
        str(name)
        for name, column in reference.coords.items()
        if column.dims == ("stimulus",)
        and column.dtype.kind == "U"
        and len({*column.values.tolist()}) == column.size
    ]


def _changed(reading: Mapping[str, Any]) -> dict[str, Any]:
    """The options of reading that differ from the defaults."""
    defaults = {"descriptor": STIMULUS}
    return {key: given for key, given in reading.items() if given != defaults.get(key)}


def reading_attributes(reading: Mapping[str, Any]) -> dict[str, str]:
    """How a reference was read, as attributes `reference_OPTION` of an evaluation."""
    return {f"reference_{key}": _as_text(given) for key, given in _changed(reading).items()}


def _as_text(given: Any) -> str:
    if not isinstance(given, Mapping):
        return str(given)
    return ", ".join(f"{name}={' or '.join(_several(value))}" for name, value in given.items())


def _several(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list | tuple) else [value])]


def name_of_results(reference: Path, comparison: str, reading: Mapping[str, Any]) -> str:
    """What the name of a folder says of results: reference, reading and comparison.

    Defaults are left out, and so are special signs.
    """
    changed = _changed(reading)
    where = changed.pop("where", None)
    words = [reference.stem]
    words += [
        one
        for value in (where.values() if isinstance(where, Mapping) else ())
        for one in _several(value)
    ]
    if "mask" in changed:
        changed["mask"] = _ENDINGS.sub("", files.as_path("mask", changed["mask"]).name)
    words += [f"{key}={given}" for key, given in changed.items()]
    words += [comparison] if comparison != DEFAULT_COMPARISON else []
    return re.sub(r"[^\w.=-]+", "", "-".join(words))
