"""Parameters of an ensemble on disk, written atomically by Orbax."""

from pathlib import Path

import jax

from ensemble_rsa import files
from ensemble_rsa.errors import RunError
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.network import Parameters


@fixed_settings()
def save_parameters(folder: Path, parameters: Parameters) -> None:
    """Write stacked parameters to a folder of their own.

    Raises:
        WriteError: the folder cannot be written, as on a full disk.
    """
    from orbax.checkpoint import StandardCheckpointer  # takes 0.5 s to import

    arrays = jax.device_get(parameters)
    with files.atomic_path(folder) as temporary:
        # Where a disk gets full, the threads of Orbax print tracebacks, and may not end.
        files.check_space(temporary.parent, _bytes_on_disk(arrays))
        try:
            with StandardCheckpointer() as checkpointer:
                checkpointer.save(temporary.resolve(), arrays)
        except ValueError as error:  # what Orbax makes of a full disk
            reason = files.reason(error)
            raise files.WriteError(f"{folder}: cannot be written ({reason})") from error


@fixed_settings()
def load_parameters(folder: Path, like: Parameters) -> Parameters:
    """Read stacked parameters with the structure of `like`, a tree of arrays or of shapes.

    Raises:
        RunError: the checkpoint is missing, damaged or of another shape.
    """
    from orbax.checkpoint import StandardCheckpointer

    if not folder.is_dir():
        raise RunError(f"{folder}: no checkpoint there; train again")
    try:
        with StandardCheckpointer() as checkpointer:
            return checkpointer.restore(folder.resolve(), jax.tree.map(_shape, like))
    except Exception as error:  # Orbax raises plain ones for damaged files
        reason = files.reason(error.__cause__ or error)
        raise RunError(
            f"{folder}: the checkpoint cannot be read ({reason}); train again"
        ) from error


def _bytes_on_disk(arrays: Parameters) -> int:
    """At most so many: Orbax compresses arrays, and describes each in less than 1 kB."""
    leaves = jax.tree.leaves(arrays)
    return sum(leaf.nbytes for leaf in leaves) + 1024 * (len(leaves) + 64)


def _shape(leaf) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=jax.sharding.SingleDeviceSharding(jax.devices()[0])
    )
