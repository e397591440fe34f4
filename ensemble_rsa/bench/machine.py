"""Where figures come from: processor, memory, load, versions. No host name, no paths."""

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensemble_rsa.device import device_name

GIB = 2**30


def describe_machine(packages: Sequence[str]) -> dict[str, Any]:
    """The machine in plain values, as it is at this moment.

    Args:
        packages: distributions whose versions matter; None stands for one that is not installed.

    >>> machine = describe_machine(["numpy", "no-such-package"])
    >>> machine["cores"] >= 1, machine["versions"]["no-such-package"]
    (True, None)
    """
    memory = memory_bytes("MemTotal")
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": None if memory is None else round(memory / GIB, 1),
        "load": load(),
        "device": device_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def load() -> float | None:
    """How many jobs ran on average in the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def memory_bytes(entry: str) -> int | None:
    """`MemTotal`: memory of the machine; `MemAvailable`: what is free now. None if not on Linux."""
    return _kibibytes(Path("/proc/meminfo"), entry)


def process_bytes(entry: str) -> int | None:
    """`VmRSS`: memory of this process now; `VmHWM`: at its peak. None if not on Linux."""
    return _kibibytes(Path("/proc/self/status"), entry)


def _kibibytes(path: Path, entry: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    found = (int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{entry}:"))
    return next(found, None)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
