"""The device that JAX uses: its name and its free memory."""

import os
from pathlib import Path

import jax
import psutil


def free_bytes() -> float:
    """Memory that can still be had, on the accelerator if there is one."""
    statistics = jax.local_devices()[0].memory_stats()
    if statistics and "bytes_limit" in statistics:
        return float(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))
    return free_host_bytes()


def free_host_bytes() -> float:
    """Memory of this machine that this process can still have."""
    return float(min(psutil.virtual_memory().available, _left_to_this_job()))


def _left_to_this_job() -> float:
    """What a scheduler or a container allows, where Linux says so."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return float("inf")
    return float("inf") if limit == "max" else int(limit) - psutil.Process().memory_info().rss


def device_name() -> str:
    """The devices in words, such as "cpu with 2 cores" or "4 × NVIDIA H100"."""
    kind = jax.devices()[0].device_kind
    return f"cpu with {os.cpu_count()} cores" if kind == "cpu" else f"{jax.device_count()} × {kind}"
