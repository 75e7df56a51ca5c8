"""Column centres and scales: the units in which problems are solved."""

from dataclasses import dataclass, replace

import numpy as np

# A column with more observed entries than this keeps its own scale; others are drawn towards the
# common scale, because their standard deviation is little more than a guess.
OWN_SCALE_COUNT = 10
# No value is further from the mean of its column than this many scales: a rare value of a column
# that is constant otherwise would rule the factors of its row.
LARGEST_DEVIATION = 8.0
# Columns whose means are further apart than this many scales have nothing to do with each other.
FAR = 100.0


@dataclass(frozen=True, eq=False)
class Units:
    """Affine map from the user's units to those of the problem, x -> (x - center) / scale.

    Parameters
    ----------
    center : ndarray of float64, shape (m,)
        Centre of each column.
    scale : ndarray of float64, shape (m,)
        Scale of each column, positive.
    spread : ndarray of float64, shape (m,)
        What an error in each column is measured by: the scale before it follows the noise.
    mean : ndarray of float64, shape (m,)
        Mean of the observed entries of each column, what a model has to beat.
    common : float
        Factor by which a penalty in the user's units is divided in those of the problem: the
        common scale when columns are not scaled one by one, times the mean entry weight.
    flat : bool, default=False
        Whether no column varies, so that the scales say nothing.
    """

    center: np.ndarray
    scale: np.ndarray
    spread: np.ndarray
    mean: np.ndarray
    common: float = 1.0
    flat: bool = False

    def of_columns(self, keep):
        """Return the units of the columns where the boolean array `keep` is True."""
        names = ("center", "scale", "spread", "mean")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def in_columns(self, columns, factor):
        """Return the units with the scales of some columns multiplied by a factor each."""
        scale = self.scale.copy()
        scale[columns] *= factor
        return replace(self, scale=scale)


def fit_units(observed, sample_weight, *, center, scale):
    """Centres and scales from the observed entries.

    Parameters
    ----------
    observed : ObservedMatrix
        The data in the user's units.
    sample_weight : ndarray of shape (n,), or None
        Row weights, counted as repetitions.
    center : bool
        Whether columns have offsets; if not, centres are zero and scales are root mean squares.
    scale : bool
        Whether each column has its own scale; if not, all share one, so that the arithmetic
        does not depend on the unit of the data.
    """
    count, mean, deviation, largest = observed.column_moments(sample_weight)
    # An empty column is centred on the grand mean.
    mean = np.where(count > 0, mean, count / count.sum() @ mean)
    centers = mean if center else np.zeros_like(mean)
    if not center:
        size = np.abs(mean) * (count > 0)
        deviation, largest = np.hypot(deviation, size), largest + size
    # What is left of a constant column after rounding is not a scale.
    tiny = 8.0 * np.finfo(observed.dtype).eps * np.abs(mean)
    deviation[deviation <= tiny] = 0.0
    flat = not deviation.any()
    if not scale:
        widest = deviation.max() or 1.0
        ratio = deviation / widest
        common = widest * float(np.sqrt(count @ ratio**2 / count.sum())) or 1.0
        scales = np.full(mean.shape, common)
        return Units(centers, scales, scales, mean, common, flat)
    known = deviation > 0
    typical = _weighted_median(deviation, np.maximum(count - 1.0, 0.0) * known)
    # Without centres columns of one entry have a scale too, which counts if there are no others.
    typical = typical or _weighted_median(deviation, count * known) or 1.0
    pull = np.clip(1.0 - (count - 1.0) / OWN_SCALE_COUNT, 0.0, 1.0)
    own = np.where(known, deviation, typical)
    scales = np.hypot(np.sqrt(1.0 - pull) * own, np.sqrt(pull) * typical)
    scales = np.maximum(scales, largest / LARGEST_DEVIATION)
    return Units(centers, scales, scales, mean, flat=flat)


def comparable_centers(observed, units):
    """One centre for all columns but those far from it.

    About one centre the offsets of columns can be drawn towards each other, which only means
    something if their values can be compared; those of a column further than `FAR` of its scales
    from the median column cannot.

    Parameters
    ----------
    observed : ObservedMatrix
        The data in the user's units.
    units : Units
        Their units, with centres at the column means.

    Returns
    -------
    centers : ndarray of float64, shape (m,)
        The median of the column means, or the centre of the column itself, as for empty ones.
    """
    middle = _weighted_median(units.mean, observed.column_counts.astype(np.float64))
    far = np.abs(units.mean - middle) / FAR > units.scale
    return np.where(far | (observed.column_counts == 0), units.center, middle)


def _weighted_median(values, weights):
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    if not cumulative.size or cumulative[-1] <= 0:
        return 0.0
    return float(values[order][np.searchsorted(cumulative, 0.5 * cumulative[-1])])


def r_squared(error, total):
    """1 - error / total; if the total is zero, 1 where nothing is wrong and else 0."""
    if total == 0:
        return 1.0 if error == 0 else 0.0
    return float(1.0 - error / total)
