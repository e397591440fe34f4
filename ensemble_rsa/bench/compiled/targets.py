"""Accelerators that programs are compiled for without having one, and what they can do at best."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ensemble_rsa.errors import InputError

# XLA's description of a GPU (GpuTargetConfig), which it needs in place of the device.
_H100 = """gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
  shared_memory_per_core: 233472 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84942979072 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 minor: 0 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 } runtime_version { major: 12 minor: 9 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


@dataclass(frozen=True)
class Target:
    """A kind of accelerator.

    Attributes:
        name: as it is asked for.
        title: what it is.
        extra: of this package, with which its compiler is installed.
        modules: which that extra installs.
        topology: arguments of `jax.experimental.topologies.get_topology_desc`.
        bandwidth: of its memory, in bytes per second.
        memory: in bytes.
        peaks: multiplications and additions per second for each type of factors, as
            `cost.factor_type` names it.
    """

    name: str
    title: str
    extra: str
    modules: tuple[str, ...]
    topology: Mapping[str, Any]
    bandwidth: float
    memory: float
    peaks: Mapping[str, float]

    def peak(self, factors: str) -> float:
        """Multiplications and additions per second for a type of factors."""
        return self.peaks[factors]


# Peaks are those of the makers' data sheets, without sparsity. A TPU multiplies bfloat16 only:
# float32 takes three products ("high") or six ("highest") of parts of the factors.
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "h100": Target(
            "h100",
            "NVIDIA H100 SXM 80 GB",
            "compile-cuda",
            ("jax_plugins.xla_cuda12", "nvidia.cuda_nvcc"),
            {
                "platform": "cuda",
                "topology_name": "1x1x1",
                "topology": "1x1x1",
                "target_config": _H100,
            },
            3.35e12,
            80e9,
            {
                "float64": 67e12,
                "float32": 67e12,
                "float32 by high": 494e12,
                "float32 by default": 494e12,
                "bfloat16": 989e12,
                "float16": 989e12,
            },
        ),
        "tpu-v5e": Target(
            "tpu-v5e",
            "TPU v5e",
            "compile-tpu",
            ("libtpu",),
            {"platform": "tpu", "topology_name": "v5e:2x2"},
            819e9,
            16e9,
            {
                "float64": 197e12 / 36,
                "float32": 197e12 / 6,
                "float32 by high": 197e12 / 3,
                "float32 by default": 197e12,
                "bfloat16": 197e12,
                "float16": 197e12,
            },
        ),
    }
)


def open_target(name: str) -> tuple[Target, Any]:
    """A target, and a device of its kind that takes compiled programs and runs none.

    Raises:
        InputError: an unknown name, or one whose compiler is not installed.
    """
    if name not in TARGETS:
        raise InputError(f"target: unknown {name!r}; choose from {', '.join(TARGETS)}")
    target = TARGETS[name]
    if missing := [module for module in target.modules if not _is_installed(module)]:
        raise InputError(
            f"target: {name} needs a compiler that is not installed ({', '.join(missing)}); "
            f"pip install 'ensemble_rsa[{target.extra}]'"
        )
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # else libtpu asks the network for a TPU
    from jax.experimental import topologies

    return target, topologies.get_topology_desc(**target.topology).devices[0]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
