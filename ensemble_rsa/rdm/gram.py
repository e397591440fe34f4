"""The blocked Gram engine: inner products of all patterns, one block of units after the other.

RDMs, similarity kernels and products of centroids are made from it. On a CPU the product is a
symmetric rank update (BLAS `syrk`), which does half of the work of a matrix product and adds to the
sums in place; a block on an accelerator is multiplied there at full float32 precision.

Each pattern x is first placed: y = (x − mean) · scale, with mean and scale from its `Frame`. Then
the mean pattern c over stimuli is subtracted, z = y − c, so that rounding is relative to how much
patterns differ and not to how large they are. The rows 1 and c are appended to z, so that one
product also gives z·c and z·1. From these, the products of y, of y minus its exact mean, and of
these at exactly unit length follow (`squares`).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Bool, Float, Shaped

from ensemble_rsa.rdm.frame import Frame

BLAS: Any = scipy.linalg.blas
SAMPLED_ROWS = 32
# Small products are NumPy's: the threads of its BLAS and of SciPy's, which adds in place and is
# faster for many rows, slow each other down when short calls alternate.
FEW_ROWS = 512
MOST_STRIPS, STRIP_ROWS = 16, 256  # of a product on an accelerator
EXACT_IN_FLOAT32 = (
    "bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float32"
)  # fmt: skip


def working_dtype(stored: np.dtype, product: Any) -> np.dtype:
    """The precision in which patterns are placed, such that input is never rounded before.

    >>> working_dtype(np.dtype("int32"), np.float32), working_dtype(np.dtype("int16"), np.float32)
    (dtype('float64'), dtype('float32'))
    """
    return np.dtype(product if str(stored) in EXACT_IN_FLOAT32 else np.float64)


def add_products(gram: Float[np.ndarray, "row row"], rows: Float[np.ndarray, "row unit"]) -> None:
    """Add the inner products of all rows to `gram`, in place; to its upper triangle at least.

    >>> gram = np.zeros((2, 2))
    >>> add_products(gram, np.array([[1.0, 2.0], [0.0, 3.0]]))
    >>> gram.tolist()
    [[5.0, 6.0], [6.0, 9.0]]
    """
    if len(gram) <= FEW_ROWS:
        gram += rows @ rows.T
        return
    syrk = BLAS.ssyrk if gram.dtype == np.float32 else BLAS.dsyrk
    # BLAS is column-major, so it is given the transposes.
    syrk(1.0, rows.T, beta=1.0, c=gram.T, trans=1, lower=1, overwrite_c=1)


def mirror(gram: Float[np.ndarray, "row row"]) -> None:
    """Copy what is above the diagonal to below it, in place."""
    below = np.tri(len(gram), k=-1, dtype=bool)
    np.copyto(gram, gram.T.copy(), where=below)


class PatternSums:
    """Sums over the units of one instance; `update` adds a block of units.

    Call where 64-bit types are enabled if blocks may lie on an accelerator.

    Attributes:
        frame: in which patterns are placed, as exactly as `working` holds it.
        working: the precision in which they are placed.
        gram: upper triangle of the inner products of z and, last, of c and 1.
        squares: z·z of each pattern in float64 sums of short float32 ones. The diagonal of `gram`
            sums numbers of one sign, so that it is where a float32 product rounds most, five to ten
            times as much as elsewhere. Zero where the products are float64.
        common: c·c and c·1.
        exact: `(some stimulus, 3)`: z·z, z·c and z·1 in float64 of every `step`-th pattern, to
            measure the rounding of float32; empty where the products are float64.
        n_units: how many units there were.
        constant: patterns that had one value so far.
        matmul: JAX's name for the precision of a product on an accelerator.
    """

    def __init__(
        self,
        frame: Frame,
        working: np.dtype,
        product: type[np.floating],
        constant: Bool[np.ndarray, " stimulus"],
        value: Float[np.ndarray, " stimulus"],
        matmul: str = "highest",
    ):
        """No units yet; `constant` marks patterns that may be constant, with their `value`."""
        n = len(frame.mean)
        self.frame, self.working, self.matmul = frame.rounded(working), working, matmul
        self.gram: Any = self._zeros(n, product)
        self.n_rows, self.product = n + 2, np.dtype(product)
        self.step = max(1, n // SAMPLED_ROWS) if product == np.float32 else None
        self.squares: Any = np.zeros(n)
        self.common: Any = np.zeros(2)
        self.exact: Any = np.zeros((len(range(0, n, self.step)) if self.step else 0, 3))
        self.n_units, self.constant, self.value = 0, constant.copy(), value
        self._mean, self._scale = (
            part.astype(working)[:, None] for part in (self.frame.mean, self.frame.scale)
        )
        self._centred = bool(self.frame.mean.any())
        self._buffers: dict[Any, np.ndarray] = {}

    def _zeros(self, n: int, product: type[np.floating]) -> Any:
        return np.zeros((n + 2, n + 2), product)

    @property
    def border(self) -> Float[np.ndarray, "stimulus 2"]:
        """z·c and z·1 of each pattern."""
        return self.gram[:-2, -2:]

    @property
    def diagonal(self) -> Float[np.ndarray, " stimulus"]:
        """z·z of each pattern, of every `step`-th one in float32."""
        return np.diagonal(self.gram)[:-2][:: self.step]

    def strips(self) -> Iterator[tuple[int, Float[np.ndarray, "row column"]]]:
        """Yield z·z' of rows of patterns, from the first of them on, with the number of that."""
        yield 0, self.gram[:-2, :-2]

    def update(self, block: Any) -> None:
        """Add a block of units `(stimulus, unit)`, a NumPy array or one on an accelerator."""
        candidates = np.flatnonzero(self.constant)
        if candidates.size:
            same = np.asarray(block[candidates]) == self.value[candidates, None]
            self.constant[candidates] = same.all(axis=1)
        self.n_units += block.shape[1]
        if not isinstance(block, jax.Array):
            self._update_on_host(block)
            return
        # Waiting for the block before keeps the blocks of a long queue from filling the memory.
        gram = jax.block_until_ready(jnp.asarray(self.gram))
        self.gram, squares, common, exact = update_on_device(
            gram, block, self._mean, self._scale, self.step, self.matmul
        )
        self.squares, self.common = self.squares + squares, self.common + common
        self.exact = self.exact + exact

    def _update_on_host(self, block: np.ndarray) -> None:
        rows = self._differences(block)
        self._add(rows)
        n, n_units = block.shape
        centre = rows[n].astype(np.float64)
        beside = np.stack([centre, np.ones(n_units)], axis=1)
        self.common += centre @ beside
        if self.step:
            self.squares += np.vecdot(rows[:n], rows[:n])
            some = block[:: self.step] - self.frame.mean[:: self.step, None]
            some *= self.frame.scale[:: self.step, None]
            some -= centre
            self.exact[:, 0] += np.vecdot(some, some)
            self.exact[:, 1:] += some @ beside

    def _add(self, rows: Float[np.ndarray, "row unit"]) -> None:
        add_products(self.gram, rows)

    def _differences(self, block: np.ndarray) -> Float[np.ndarray, "row unit"]:
        """The rows z, c and 1 of a block.

        In two buffers at most, because memory that is new for each block costs more time.
        """
        n, n_units = block.shape
        product = self.product
        rows = self._buffer(product, n_units)
        placed = rows[:n] if product == self.working else self._buffer(self.working, n_units)[:n]
        if self._centred:
            np.subtract(block, self._mean, out=placed)
            placed *= self._scale
        else:
            np.multiply(block, self._scale, out=placed)
        # Any pattern would do in place of the mean, so its own rounding does not matter.
        rows[n] = np.add.reduce(placed, axis=0) / n
        rows[n + 1] = 1
        np.subtract(placed, rows[n], out=rows[:n], casting="same_kind")
        return rows

    def _buffer(self, dtype: np.dtype, n_units: int) -> Float[np.ndarray, "row unit"]:
        size = self.n_rows * n_units
        if dtype not in self._buffers or self._buffers[dtype].size < size:
            self._buffers[dtype] = np.empty(size, dtype)
        return self._buffers[dtype][:size].reshape(-1, n_units)

    def finish(self) -> None:
        """Bring all sums to the host, and release the buffers."""
        self.gram, self.squares = np.asarray(self.gram), np.asarray(self.squares)
        self.common, self.exact = np.asarray(self.common), np.asarray(self.exact)
        self._buffers.clear()


@partial(jax.jit, donate_argnums=0, static_argnums=(4, 5))
def update_on_device(
    gram: Float[Array, "row row"], block: Array, mean: Array, scale: Array, step: Any, matmul: str
) -> tuple[Array, Array, Array, Array]:
    """`gram` with the products of a block added, and what else `PatternSums` keeps of the block."""
    n = block.shape[0]
    # "highest" keeps a GPU from rounding the factors to ten bits (TF32).
    with jax.default_matmul_precision("highest"):
        placed = (block.astype(mean.dtype) - mean) * scale
        centre = placed.mean(axis=0, keepdims=True).astype(gram.dtype)
        ones = jnp.ones_like(centre)
        wide, wide_ones = centre[0].astype(jnp.float64), ones[0].astype(jnp.float64)
        beside = jnp.stack([wide, wide_ones], axis=1)
        squares, exact = jnp.zeros(n), jnp.zeros((0, 3))
        if step:
            some, its_mean, its_scale = (
                part[::step].astype(jnp.float64) for part in (block, mean, scale)
            )
            some = (some - its_mean) * its_scale - wide[None]
            own = jnp.square(some).sum(axis=1, keepdims=True)
            exact = jnp.concatenate([own, some @ beside], axis=1)
        differences = (placed - centre).astype(gram.dtype)
        if step:
            squares = jnp.square(differences).sum(axis=1, dtype=jnp.float64)
        rows = jnp.concatenate([differences, centre, ones])
    height = max(STRIP_ROWS, -(-n // MOST_STRIPS))
    for start in range(0, n + 2, height):  # the upper triangle only
        strip = jnp.matmul(rows[start : start + height], rows[start:].T, precision=matmul)
        gram = gram.at[start : start + height, start:].add(strip)
    return gram, squares, wide @ beside, exact


class StripSums(PatternSums):
    """The same of so many stimuli that not all inner products fit into memory at once.

    They are computed in strips of rows, each in a pass of its own over the activations.

    Attributes:
        blocks: yields all blocks of units once more.
        most_bytes: of a strip.
    """

    blocks: Callable[[], Iterable[Any]]
    most_bytes: int

    def _zeros(self, n: int, product: type[np.floating]) -> Any:
        """z·c and z·1, and the inner products of every `step`-th pattern, or of none."""
        self._border = np.zeros((n, 2), product)
        step = max(1, n // SAMPLED_ROWS)
        return np.zeros((len(range(0, n, step)),) * 2, product)

    @property
    def border(self) -> Float[np.ndarray, "stimulus 2"]:
        """z·c and z·1 of each pattern."""
        return self._border

    @property
    def diagonal(self) -> Float[np.ndarray, " stimulus"]:
        """z·z of every `step`-th pattern in float32; of all in float64."""
        return np.diagonal(self.gram) if self.step else self.squares

    def update(self, block: Any) -> None:
        """Add a block of units `(stimulus, unit)`."""
        super().update(np.asarray(block))

    def _add(self, rows: Float[np.ndarray, "row unit"]) -> None:
        patterns = rows[:-2]
        self._border += patterns @ rows[-2:].T
        if self.step:
            add_products(self.gram, np.ascontiguousarray(patterns[:: self.step]))
        else:
            self.squares += np.vecdot(patterns, patterns)

    def strips(self) -> Iterator[tuple[int, Float[np.ndarray, "row column"]]]:
        """Yield z·z' of rows of patterns, from the first of them on, with the number of that."""
        n, start = self.n_rows - 2, 0
        gemm = BLAS.sgemm if self.product == np.float32 else BLAS.dgemm
        while start < n:
            height = max(1, self.most_bytes // (self.product.itemsize * (n - start)))
            stop = min(start + height, n)
            strip = np.zeros((stop - start, n - start), self.product)
            for block in self.blocks():
                rows = self._differences(np.asarray(block))[:n]
                some, others = rows[start:stop].T, rows[start:].T
                gemm(1.0, others, some, beta=1.0, c=strip.T, trans_a=1, overwrite_c=1)
            yield start, strip
            start = stop
        self._buffers.clear()


class NormSums:
    """Squared lengths of the patterns of one instance; `update` adds a block of units."""

    def __init__(self, sample: Shaped[np.ndarray, "stimulus some_unit"]):
        # A power of two keeps the squares within the range of float64, and rounds nothing.
        largest = np.abs(sample.astype(np.float64)).max()
        self.scale = 0.5 ** float(np.frexp(largest)[1]) if np.isfinite(largest) else 1.0
        self.squares: Any = np.zeros(len(sample))
        self.constant = np.zeros(len(sample), bool)  # lengths need no direction
        self.n_units = 0

    def update(self, block: Any) -> None:
        """Add a block of units `(stimulus, unit)`."""
        xp = jnp if isinstance(block, jax.Array) else np
        self.n_units += block.shape[1]
        scaled = xp.asarray(block, np.float64) * self.scale
        self.squares = self.squares + xp.vecdot(scaled, scaled)

    def lengths(self) -> Float[np.ndarray, " stimulus"]:
        """The Euclidean norm of each pattern."""
        return np.sqrt(np.asarray(self.squares)) / self.scale
