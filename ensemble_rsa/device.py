"""Name and free memory of the device that JAX uses."""

from pathlib import Path

import jax
import psutil

from ensemble_rsa.jax_settings import check_platform, n_cores


def free_bytes() -> float:
    """Free memory of the accelerator, or of this machine if there is none."""
    check_platform()
    statistics = jax.local_devices()[0].memory_stats()
    if statistics and "bytes_limit" in statistics:
        return float(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))
    return free_host_bytes()


def free_host_bytes() -> float:
    """Memory that this process can still allocate on this machine."""
    return float(min(psutil.virtual_memory().available, _free_in_cgroup()))


def _free_in_cgroup() -> float:
    """Memory left under the limit of a Linux container or scheduler; infinite without a limit."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return float("inf")
    return float("inf") if limit == "max" else int(limit) - psutil.Process().memory_info().rss


def device_name() -> str:
    """Describe the devices, as in "cpu with 2 cores" or "4 × NVIDIA H100"."""
    check_platform()
    kind = jax.devices()[0].device_kind
    return f"cpu with {n_cores()} cores" if kind == "cpu" else f"{jax.device_count()} × {kind}"
