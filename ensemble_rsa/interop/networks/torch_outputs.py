"""What a PyTorch module returned: tensors by name, and what happened to them afterwards."""

from collections.abc import Mapping
from typing import Any


class Output:
    """One tensor that a module returned.

    Attributes:
        name: of the module, its call and the entry of its result.
        tensor: what was returned.
        module: which module returned it.
        place: what identifies the memory of the tensor as long as it exists.
        key: the same with a number that changes when the tensor is changed in place.
        source: the place of the module's first argument, if that is a tensor.
        entries: how many tensors the module returned together with this one.
        changed: whether an operation in place changed the tensor afterwards.
    """

    def __init__(self, torch: Any, name: str, tensor: Any, module: Any, source: Any, entries: int):
        self.name, self.tensor, self.module, self.entries = name, tensor, module, entries
        self.shape = tuple(tensor.shape)
        self.is_real = not (tensor.is_complex() or tensor.is_quantized or tensor.is_sparse)
        self.kind = str(tensor.dtype)
        self.is_floating = tensor.is_floating_point()
        self.place = _place(tensor)
        self.key = (*self.place, tensor._version)
        self.source = _place(source) if isinstance(source, torch.Tensor) else None
        self.changed = False

    def finish(self) -> None:
        """Find out, after the forward pass, whether the tensor was changed in place."""
        self.changed = self.tensor._version != self.key[-1]

    def note(self) -> str | None:
        """How this output is read, where that needs saying."""
        notes = []
        if self.changed:
            notes.append(
                "an operation in place changes what it returns; the values are those before it"
            )
        if self.entries > 1 and not self.name.endswith("]"):
            notes.append(f"it returns {self.entries} tensors, of which this is the first")
        if len(self.shape) == 3:
            notes.append(
                f"{self.shape[1]} tokens or positions of {self.shape[2]} values (a class token, if "
                "there is one, among them) are flattened"
            )
        return "; ".join(notes) or None


def _place(tensor: Any) -> tuple[Any, ...]:
    strided = "strided" in str(tensor.layout)
    return (tensor.data_ptr(), tensor.numel()) if strided else (id(tensor), 0)


def flat_outputs(
    torch: Any, name: str, call: int, module: Any, source: Any, result: Any
) -> list[Output]:
    """Return the tensors in a result, which may be nested; the first has the module's name."""
    found: list[tuple[str, Any]] = []
    _collect(torch, result, "", found)
    base = name if call == 1 else f"{name}:{call}"
    names = [base, *(f"{base}[{path}]" for path, _ in found[1:])]
    return [
        Output(torch, each, tensor, module, source, len(found))
        for each, (_, tensor) in zip(names, found, strict=False)
    ]


def _collect(torch: Any, value: Any, path: str, found: list[tuple[str, Any]]) -> None:
    if isinstance(value, torch.Tensor):
        found.append((path, value))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _collect(torch, part, f"{path}.{key}" if path else str(key), found)
    elif isinstance(value, tuple | list):
        for key, part in enumerate(value):
            _collect(torch, part, f"{path}.{key}" if path else str(key), found)
