"""What a worker is like, and why one may not take part in the work."""

import platform
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax

from ensemble_rsa.jax_settings import n_cores

COMPARED = ("ensemble_rsa", "jax", "jaxlib", "flax", "optax", "numpy")


@dataclass(frozen=True)
class Facts:
    """What a process is like.

    Attributes:
        host: name of the machine.
        python: its version, such as 3.12.
        versions: of the packages on which results depend, None for one that is not there.
        device: the kind of device, on which alone results are equal bit for bit.
    """

    host: str
    python: str
    versions: tuple[tuple[str, str | None], ...]
    device: str = ""


def facts_here(with_device: bool) -> Facts:
    """The facts of this process; JAX is started only for the device."""
    python = ".".join(platform.python_version_tuple()[:2])
    versions = tuple((name, _version(name)) for name in COMPARED)
    return Facts(socket.gethostname(), python, versions, device_kind() if with_device else "")


def device_kind() -> str:
    """The kind of device that JAX uses here.

    For a CPU it is the processor's name and the number of cores that this process may use, since
    XLA divides sums among its threads.
    """
    kind = jax.local_devices()[0].device_kind
    if kind != "cpu":
        return kind
    n = n_cores()
    return f"{_processor()}, {n} core{'s' if n > 1 else ''}"


def reason_against(theirs: Facts, ours: Facts) -> str | None:
    """Why a worker may not take part: another version of Python or of a package; None if it may.

    >>> one = Facts("a", "3.12", (("jax", "0.10.2"),))
    >>> reason_against(Facts("b", "3.12", (("jax", "0.9.2"),)), one)
    'it has jax 0.9.2, and this process 0.10.2'
    """
    pairs = [("Python", theirs.python, ours.python)]
    known = dict(ours.versions)
    pairs += [(name, has, known.get(name)) for name, has in theirs.versions]
    for name, has, expected in pairs:
        if has != expected:
            return f"it has {name} {has or 'not at all'}, and this process {expected}"
    return None


def commonest_kind(kinds: Sequence[str]) -> str:
    """The kind of device that most workers have; of equally many, the first by name.

    >>> commonest_kind(["H100", "V100", "H100"])
    'H100'
    """
    counts = Counter(kinds)
    return min(counts, key=lambda kind: (-counts[kind], kind))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The name of the processor, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
