"""Which outputs of a PyTorch network `layers="auto"` takes: those of its blocks.

Blocks are the modules at the top level and the modules directly in them; `Sequential` and lists of
modules are looked through, and so is a module with nearly all parameters, such as a backbone beside
a head. Modules without modules inside count at the top level and in a `Sequential` only. Of a
convolution or linear layer that is followed directly by normalisation or activation, the last
output is taken. An output that repeats the values of an earlier one, as dropout in evaluation does,
is left out, and so are modules inside a block that work side by side on the same input.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ensemble_rsa.interop.networks.torch_outputs import Output

_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
_COMPLETING = (  # modules that complete the layer before them
    "torch.nn.modules.activation", "torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm",
    "torch.nn.modules.normalization",
)  # fmt: skip
_REORDERING = ("Flatten", "Unflatten")
_WRAPPED = 0.9  # ours: a module with more of the parameters is the network, in a wrapper


def outputs_of_blocks(network: Any, outputs: Sequence[Output]) -> list[str]:
    """Return the names of the outputs of blocks, in the order of computation."""
    whole = [output for output in outputs if not output.name.endswith("]") and output.is_floating]
    names = {*_blocks(network, whole)}
    chosen: dict[tuple[Any, ...], Output] = {}
    for output in whole:
        if (names and _module_of(output) not in names) or output.key in chosen:
            continue
        if type(output.module).__name__ in _REORDERING:
            continue
        before = next((each for each in chosen.values() if each.place == output.source), None)
        if before and _completes(output.module) and not _has_modules(before.module):
            del chosen[before.key]
        chosen[output.key] = output
    return [output.name for output in chosen.values()]


def _module_of(output: Output) -> str:
    return output.name.partition(":")[0]


def _blocks(top: Any, outputs: Sequence[Output], prefix: str = "") -> Iterator[str]:
    """Names of the blocks: those at the top level and those directly in them."""
    n_parameters = _n_parameters(top)
    for name, child in top.named_children():
        yield prefix + name
        inside = f"{prefix}{name}."
        if not _is_container(child) and _n_parameters(child) > _WRAPPED * n_parameters:
            yield from _blocks(child, outputs, inside)
            continue
        direct = {*_direct(inside, child, _is_container(child))}
        if not _are_parallel([output for output in outputs if _module_of(output) in direct]):
            yield from direct


def _n_parameters(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _direct(prefix: str, parent: Any, with_leaves: bool) -> Iterator[str]:
    for name, child in parent.named_children():
        if _is_container(child):
            yield prefix + name
            yield from _direct(f"{prefix}{name}.", child, True)
        elif with_leaves or _has_modules(child):
            yield prefix + name


def _are_parallel(outputs: Sequence[Output]) -> bool:
    """Whether two modules take the same input, as the branches of an Inception block do."""
    sources: dict[tuple[Any, ...], str] = {}
    for output in outputs:
        # a module that works in place, or returns what it takes, is no branch
        if output.source is None or output.source == output.place:
            continue
        other = sources.setdefault(output.source, output.name)
        inside = output.name.startswith(f"{other}.") or other.startswith(f"{output.name}.")
        if other != output.name and not inside:
            return True
    return False


def _is_container(module: Any) -> bool:
    """Whether a module only holds others, one after the other."""
    kinds = [kind for kind in type(module).__mro__ if kind.__name__ in _CONTAINERS]
    return bool(kinds) and type(module).forward is kinds[0].forward


def _has_modules(module: Any) -> bool:
    return next(iter(module.children()), None) is not None


def _completes(module: Any) -> bool:
    return any(kind.__module__ in _COMPLETING for kind in type(module).__mro__)
