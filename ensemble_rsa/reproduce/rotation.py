r"""Rotations of non-negative patterns within the positive orthant (Figs S5 and S6).

Units are taken in pairs. The activations of a pair are a point in the positive quadrant of a plane,
and rotating the points of every pair by one angle θ is a rotation R of the whole space (2 × 2
blocks along its diagonal). Two kinds keep all activations non-negative:

- About a centre c, y = c + R (x − c), if the points of every pair lie in a disc around c that
  crosses no axis: any angle. Differences between patterns are rotated, so Euclidean distances do
  not change. But relative to the patterns the origin, from which cosine and norm are measured,
  moves by c − R c.
- About the origin, y = R x, if the points of every pair lie within an angle α of the diagonal:
  angles up to 45° − α. Inner products do not change, hence neither do cosine distance, Euclidean
  distance and norm.

Pearson's correlation is the cosine of H x, where H = I − 11ᵀ / n subtracts the mean over units. It
does not change if R maps 1 = (1, …, 1) to itself, since then H R = R H; a permutation of units
does, a rotation in general does not. So a rotation about the origin changes correlation distances
only, and one about another centre changes cosine distances too.
"""

import numpy as np
from jaxtyping import Float

WEDGE = np.pi / 12  # α: patterns to be rotated about the origin lie within 15° of the diagonal
LARGEST_ABOUT_ORIGIN = np.pi / 4 - WEDGE

Patterns = Float[np.ndarray, "*set stimulus unit"]


def rotate(patterns: Patterns, angle: float, centre: Float[np.ndarray, "..."] | float = 0.0):
    """Patterns whose units are rotated in pairs about a centre `(…, unit)`, in radians.

    >>> rotate(np.array([[1.0, 0.0], [3.0, 1.0]]), np.pi / 2).round(6).tolist()
    [[0.0, 1.0], [-1.0, 3.0]]
    """
    centred = patterns - centre
    first, second = centred[..., ::2], centred[..., 1::2]
    rotated = np.empty_like(centred)
    rotated[..., ::2] = np.cos(angle) * first - np.sin(angle) * second
    rotated[..., 1::2] = np.sin(angle) * first + np.cos(angle) * second
    return rotated + centre


def patterns_in_discs(
    n_stimuli: int, n_units: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "stimulus unit"], Float[np.ndarray, " unit"]]:
    """Random patterns that stay non-negative when rotated about their centre, and that centre.

    The centre's activations are uniform from 0.5 to 1.5. The points of a pair of units are uniform
    in the largest disc around its centre that crosses no axis.
    """
    centre = generator.uniform(0.5, 1.5, n_units)
    radius = centre.reshape(-1, 2).min(axis=1)
    shape = (n_stimuli, n_units // 2)
    lengths = radius * np.sqrt(generator.uniform(size=shape))
    points = _points(lengths, generator.uniform(0, 2 * np.pi, shape))
    return centre + points, centre


def patterns_in_wedges(
    n_stimuli: int, n_units: int, generator: np.random.Generator
) -> Float[np.ndarray, "stimulus unit"]:
    """Random patterns that stay non-negative when rotated about the origin by up to 30°.

    The points of a pair of units lie within 15° of the diagonal, 0 to 1 from the origin, both
    uniform.
    """
    shape = (n_stimuli, n_units // 2)
    lengths = generator.uniform(size=shape)
    return _points(lengths, np.pi / 4 + generator.uniform(-WEDGE, WEDGE, shape))


def _points(
    lengths: Float[np.ndarray, "stimulus pair"], angles: Float[np.ndarray, "stimulus pair"]
) -> Float[np.ndarray, "stimulus unit"]:
    """Patterns from the polar coordinates of the points of every pair of units."""
    points = np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=-1)
    return points.reshape(len(points), -1)


def rounding_bound(patterns: Patterns, distance: str, smallest: float) -> float:
    """A first-order bound on how much rounding changes a float64 distance under a rotation.

    An inner product of n products has an error of at most n ε times the product of the lengths; a
    squared difference has four of them, and they occur before and after a rotation, which itself
    has a few ε. Subtracting the mean makes patterns shorter and the same error larger relative to
    them. A root of a square s has the error of s over 2 √s, largest for the smallest distance.
    """
    lengths = np.linalg.norm(patterns, axis=-1)
    inner = 16 * patterns.shape[-1] * np.finfo(np.float64).eps
    if distance == "correlation":
        centred = np.linalg.norm(patterns - patterns.mean(-1, keepdims=True), axis=-1)
        return float(inner * ((lengths / centred) ** 2).max())
    if distance == "cosine":
        return inner
    if distance == "norm_difference":
        return float(inner * lengths.max())
    largest = 1.0 if distance == "unit_euclidean" else float(lengths.max())
    return inner * largest**2 / smallest
