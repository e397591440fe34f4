"""What `--cluster` asks for, as text: an address, local workers, or jobs of a scheduler."""

import re
from dataclasses import dataclass

from ensemble_rsa.errors import InputError, shown

# The word → module and class of the cluster that Dask makes of it, and the package to install.
SYSTEMS = {
    "slurm": ("dask_jobqueue", "SLURMCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "lsf": ("dask_jobqueue", "LSFCluster"),
    "kubernetes": ("dask_kubernetes.operator", "KubeCluster"),
}
JOBS = 4  # ours, where no number is given
_ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss|ucx)://)?(?:\[[^\]]+\]|[^:/\s]+):\d+$")


@dataclass(frozen=True)
class Request:
    """A cluster that was asked for.

    Attributes:
        kind: "address", "local", or one of `SYSTEMS`.
        address: of the scheduler, where there is one already.
        n_workers: how many workers to start; None for as many as suit this machine.
    """

    kind: str
    address: str | None = None
    n_workers: int | None = None


def parse_cluster(text: str) -> Request:
    """What the text of the flag asks for.

    >>> parse_cluster("local:2"), parse_cluster("10.0.0.1:8786").address
    (Request(kind='local', address=None, n_workers=2), 'tcp://10.0.0.1:8786')
    """
    expected = f"local, local:N, {', '.join(SYSTEMS)} or the address of a scheduler as HOST:PORT"
    if not isinstance(text, str):
        raise InputError(f"cluster: expected {expected}, got {shown(text)}")
    kind, colon, number = text.partition(":")
    if kind == "local" or kind in SYSTEMS:
        if not colon:
            return Request(kind, n_workers=None if kind == "local" else JOBS)
        if not re.fullmatch(r"[1-9]\d{0,5}", number):
            raise InputError(
                f"cluster: expected a number of workers of 1 or more, as in {kind}:2, got {text!r}"
            )
        return Request(kind, n_workers=int(number))
    if not _ADDRESS.match(text):
        raise InputError(f"cluster: expected {expected}, got {text!r}")
    return Request("address", text if "://" in text else f"tcp://{text}")
