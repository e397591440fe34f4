r"""Patterns of rectified units, and rotations that leave no activation below zero.

Units are taken two by two. The activations of such a pair are a point of a plane's positive
quadrant, and turning the points of every pair by one angle θ is a rotation R of the whole space
(2 × 2 blocks along its diagonal). Two such rotations are looked at (paper, S5 and S6):

- About a centre c, y = c + R (x − c) = R x + t with t = (I − R) c. Where the points of every pair
  lie in a disc around c that touches no axis, no angle takes one of them below zero. Differences
  between patterns are turned and nothing else, so Euclidean distances stay. But the origin, from
  which cosine and norm are measured, has moved by −t among the patterns.
- About the origin, y = R x. Where the points of every pair lie within an angle α of the diagonal,
  angles up to 45° − α keep them in the quadrant. Inner products stay, and with them cosine,
  Euclidean distance and norm.

Pearson's correlation is the cosine of H x, with H = I − 11ᵀ / n, which takes away the mean over
units. It stays if R leaves the direction of 1 = (1, …, 1) where it is, since then H R = R H; a
permutation of units does, a rotation in general does not. With t it also needs H t = 0. So a
rotation about the origin changes correlation distances alone, and one about another centre changes
cosine distances too.
"""

import numpy as np
from jaxtyping import Float

WEDGE = np.pi / 12  # α: patterns that are turned about the origin lie within 15° of the diagonal
LARGEST_ABOUT_ORIGIN = np.pi / 4 - WEDGE

Patterns = Float[np.ndarray, "*set stimulus unit"]


def rotate(patterns: Patterns, angle: float, centre: Float[np.ndarray, "..."] | None = None):
    """Turn the points of every two units, first and second, third and fourth, …, by one angle.

    Args:
        patterns: `(..., stimulus, unit)`, an even number of units.
        angle: anticlockwise, radians.
        centre: `(unit,)`, or with leading axes that broadcast; the origin when not given.

    Returns:
        `(..., stimulus, unit)`: centre + R (patterns − centre).

    >>> rotate(np.array([[1.0, 0.0], [3.0, 1.0]]), np.pi / 2).round(6).tolist()
    [[0.0, 1.0], [-1.0, 3.0]]
    """
    middle = 0.0 if centre is None else centre
    moved = patterns - middle
    first, second = moved[..., ::2], moved[..., 1::2]
    turned = np.empty_like(moved)
    turned[..., ::2] = np.cos(angle) * first - np.sin(angle) * second
    turned[..., 1::2] = np.sin(angle) * first + np.cos(angle) * second
    return turned + middle


def patterns_in_discs(
    n_stimuli: int, n_units: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "stimulus unit"], Float[np.ndarray, " unit"]]:
    """Random patterns that no rotation about their centre takes below zero, and that centre.

    The centre's activations are uniform from 0.5 to 1.5. The points of a pair of units are uniform
    in the largest disc around its centre that the axes allow.

    Args:
        n_stimuli: how many patterns.
        n_units: an even number.
        generator: where chance comes from.
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
    """Random patterns that rotations about the origin by up to 30° do not take below zero.

    The points of a pair of units lie within 15° of the diagonal, 0 to 1 from the origin, both
    uniform.

    Args:
        n_stimuli: how many patterns.
        n_units: an even number.
        generator: where chance comes from.
    """
    shape = (n_stimuli, n_units // 2)
    lengths = generator.uniform(size=shape)
    return _points(lengths, np.pi / 4 + generator.uniform(-WEDGE, WEDGE, shape))


def _points(
    lengths: Float[np.ndarray, "stimulus pair"], angles: Float[np.ndarray, "stimulus pair"]
) -> Float[np.ndarray, "stimulus unit"]:
    """Polar coordinates of the points of every pair of units, as patterns."""
    points = np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=-1)
    return points.reshape(len(points), -1)


def rounding_bound(patterns: Patterns, distance: str, smallest: float) -> float:
    """How much rounding alone may change a float64 distance when patterns are rotated.

    To first order: an inner product of n products carries an error of at most n ε of the lengths'
    product, a square of a difference four of them, and before and after a rotation (itself a few
    ε) there are two. Taking the mean away leaves shorter patterns, in units of which the same error
    is larger. A root of a square s has the error of s over 2 √s, which is largest for the
    smallest distance.

    Args:
        patterns: before or after, both have these lengths or nearly so.
        distance: one of the five.
        smallest: of the distances, other than between equal patterns.
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
