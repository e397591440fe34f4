"""Reading the text of a compiled XLA program: its operations, their shapes and what they call.

The text is what `jax.stages.Compiled.as_text` gives after all of XLA's passes.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

_BITS = {
    "pred": 8, "s4": 4, "u4": 4, "s8": 8, "u8": 8, "s16": 16, "u16": 16, "s32": 32, "u32": 32,
    "s64": 64, "u64": 64, "f16": 16, "bf16": 16, "f32": 32, "f64": 64, "c64": 64, "c128": 128,
}  # fmt: skip
_COMMENT = re.compile(r"/\*.*?\*/")
_ARRAY = re.compile(r"\b(\w+)\[([\d,]*)\](?:\{([\d,]*)(?::([^}]*))?\})?")
_TILE = re.compile(r"T\(([\d,]+)\)")
_NAME = re.compile(r"%([\w.\-]+)")
_HEAD = re.compile(r"^(ENTRY )?%([\w.\-]+) \(.*\{$")
_OPERATION = re.compile(r"^\s+(ROOT )?%([\w.\-]+) = (.*)$")
_CALLED = re.compile(
    r"\b(?:calls|body|condition|to_apply|branch_computations)=\{?((?:%[\w.\-]+(?:, )?)+)\}?"
)


@dataclass(frozen=True)
class Shape:
    """The shape of an array in the memory of the device.

    Attributes:
        dtype: as XLA calls it, such as `f32`.
        sizes: of each axis.
        minor_to_major: axes, the one of adjacent numbers first.
        tile: sizes to which the most minor axes are padded, the most minor last; empty without.
        on_chip: whether it stays in the fast memory of a TPU core.
    """

    dtype: str
    sizes: tuple[int, ...]
    minor_to_major: tuple[int, ...] = ()
    tile: tuple[int, ...] = ()
    on_chip: bool = False

    @property
    def count(self) -> int:
        """How many numbers the array holds."""
        return math.prod(self.sizes)

    @property
    def n_bytes(self) -> float:
        """Bytes of the numbers alone."""
        return self.count * _BITS.get(self.dtype, 0) / 8

    @property
    def padded_bytes(self) -> float:
        """Bytes in memory, with what fills the tiles of a TPU."""
        sizes = list(self.sizes)
        for axis, size in zip(self.minor_to_major, reversed(self.tile), strict=False):
            sizes[axis] = -(-sizes[axis] // size) * size
        return math.prod(sizes) * _BITS.get(self.dtype, 0) / 8


@dataclass(frozen=True)
class Operation:
    """One operation of a computation.

    Attributes:
        name: unique in the program.
        kind: its opcode, such as `fusion` or `custom-call`.
        results: shapes of what it makes.
        operands: names of the operations it reads; the number of a parameter, and the value of a
            constant.
        attributes: the text behind its operands.
        is_root: whether it is the result of its computation.
    """

    name: str
    kind: str
    results: tuple[Shape, ...]
    operands: tuple[str, ...]
    attributes: str
    is_root: bool

    @property
    def target(self) -> str:
        """The routine that a custom call calls, else an empty string."""
        return self.attribute(r'custom_call_target="([^"]+)"')

    @cached_property
    def called(self) -> tuple[str, ...]:
        """Names of the computations that it calls."""
        found = _CALLED.findall(self.attributes)
        return tuple(name for names in found for name in _NAME.findall(names))

    def attribute(self, pattern: str, missing: str = "") -> str:
        """What the group of a pattern matches in the attributes."""
        found = re.search(pattern, self.attributes)
        return found[1] if found else missing


@dataclass(frozen=True)
class Computation:
    """Operations by name, in the order of the text."""

    operations: Mapping[str, Operation]

    @cached_property
    def root(self) -> Operation:
        """The operation whose result is that of the computation."""
        return next(each for each in self.operations.values() if each.is_root)

    @cached_property
    def parameters(self) -> tuple[Operation, ...]:
        """Its parameters by number."""
        found = [each for each in self.operations.values() if each.kind == "parameter"]
        return tuple(sorted(found, key=lambda each: int(each.operands[0])))

    def readers(self, name: str) -> list[Operation]:
        """The operations that read one."""
        return [each for each in self.operations.values() if name in each.operands]


@dataclass(frozen=True)
class Program:
    """Computations by name; execution starts with `entry`."""

    computations: Mapping[str, Computation]
    entry: Computation


def read_program(text: str) -> Program:
    """Read the text of a compiled program.

    >>> text = '''
    ... ENTRY %main (x: f32[2,3]) -> f32[2,3] {
    ...   %x = f32[2,3]{1,0} parameter(0)
    ...   ROOT %y = f32[2,3]{1,0} tanh(%x)
    ... }'''
    >>> read_program(text).entry.root.kind
    'tanh'
    """
    computations: dict[str, Computation] = {}
    entry, name, own = "", "", {}
    for line in text.splitlines():
        if head := _HEAD.match(line):
            name, own = head[2], {}
            entry = name if head[1] else entry
        elif line.startswith("}") and name:
            computations[name] = Computation(own)
            name = ""
        elif name and (found := _OPERATION.match(line)):
            operation = _operation(found[2], _COMMENT.sub("", found[3]), bool(found[1]))
            own[operation.name] = operation
    return Program(computations, computations[entry])


def _operation(name: str, text: str, is_root: bool) -> Operation:
    end = _closing(text, 0) if text.startswith("(") else text.index(" ")
    results, rest = text[:end], text[end:].lstrip()
    kind, _, _ = rest.partition("(")
    close = _closing(rest, len(kind))
    inside = rest[len(kind) + 1 : close - 1]
    numbered = kind in ("parameter", "constant")
    operands = (inside,) if numbered else tuple(_NAME.findall(inside))
    return Operation(name, kind, shapes_of(results), operands, rest[close:], is_root)


def _closing(text: str, start: int) -> int:
    """The place behind the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place + 1
    raise ValueError(f"no closing bracket in {text[:80]!r}")


def shapes_of(text: str) -> tuple[Shape, ...]:
    """The shapes in a type, which may be a tuple.

    >>> shapes_of("(f32[2,3]{1,0}, u8[0]{0})")[0].n_bytes
    24.0
    >>> shapes_of("f32[10,96]{1,0:T(8,128)}")[0].padded_bytes
    8192.0
    """
    found = []
    for dtype, sizes, order, layout in _ARRAY.findall(text):
        tile = _TILE.search(layout)
        numbers = (_integers(part) for part in (sizes, order, tile[1] if tile else ""))
        found.append(Shape(dtype, *numbers, on_chip="S(1)" in layout))
    return tuple(found)


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(",") if each)
