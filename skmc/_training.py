"""From observed entries in the user's units to a problem, and from its solution back."""

from dataclasses import dataclass, replace

import numpy as np

from skmc._fold_in import FoldIn
from skmc._interpolating import InterpolatingFactors
from skmc._non_negative import NonNegativeFactors
from skmc._non_negative_fold_in import NonNegativeFoldIn
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc._units import Units, fit_units


@dataclass(frozen=True, eq=False)
class Training:
    """The data of a fit, and what it takes to pose their problem.

    Parameters
    ----------
    observed : ObservedMatrix
        All rows and columns in the user's units, entry weights of mean one.
    used : ndarray of bool, shape (n,)
        Rows that have a part in the problem: some entry, and a positive sample weight.
    learned : ndarray of bool, shape (m,)
        Columns that have a part in the problem.
    partial : ndarray of bool, shape (m,)
        Columns with a hole in a used row.
    units : Units
        Units of the problem.
    offsets : {"none", "column", "both"}
        Offsets of the model.
    row_scale : ndarray, or None
        Root of the sample weights of the used rows.
    penalty_power : float
        How the penalty of a row or column grows with what is observed of it.
    """

    observed: object
    used: np.ndarray
    learned: np.ndarray
    partial: np.ndarray
    units: Units
    offsets: str
    row_scale: np.ndarray | None
    penalty_power: float = 0.0

    def in_units(self, factor):
        """Return the same data with the scale of each learned column multiplied by a factor."""
        return replace(self, units=self.units.in_columns(self.learned, factor))

    def pose(self):
        """Problem of the used rows and learned columns, without penalty or bound on the rank.

        It holds a copy of the data in its units.
        """
        taken, units = self.observed, self.units.of_columns(self.learned)
        if not (self.used.all() and self.learned.all()):
            # Rows and columns without an entry have no part in the problem.
            taken = taken.take(self.used, self.learned)
        standard = taken.standardized(units.center, units.scale, self.row_scale)
        offsets = OffsetModel(standard, self.offsets, self.row_scale)
        problem = CompletionProblem(standard, 0, 0.0, offsets, self.penalty_power)
        return problem.with_alpha(0.0, rank=problem.largest_rank)

    def fold_in(self, result, n_threads=1):
        """The model that a solution of the problem makes.

        Parameters
        ----------
        result : SolverResult
            The solution, in the units of the problem or in those that a schedule has found.
        n_threads : int, default=1
            Threads for the kernels.
        """
        problem, factors = result.problem, result.factors
        units = self.units
        if result.units is not None:
            units = units.in_columns(self.learned, result.units)
        columns, alpha = result.residual.offsets.columns, problem.alpha
        if alpha > 0:
            # Balanced, so the row update with this ridge reproduces the training rows.
            found = factors.V
        elif isinstance(factors, InterpolatingFactors):
            found = factors.V
            alpha = factors.ridge(problem.noise_variance(result.residual.loss), problem.n_rows)
        else:
            # With row factors of unit variance the ridge of least expected error is the noise
            # variance; plain least squares explodes on rows with about `rank` entries.
            factors, columns = problem.centred(factors, columns)
            found = factors.unit_components(problem.n_rows)
            alpha = problem.noise_variance(result.residual.loss, float(found.shape[1]))
        V = np.zeros((self.learned.size, found.shape[1]), problem.dtype)
        V[self.learned] = found
        offsets = units.center.copy()
        offsets[self.learned] += units.scale[self.learned] * columns
        kind = NonNegativeFoldIn if isinstance(factors, NonNegativeFactors) else FoldIn
        return kind(
            # A view, so that whoever needs rows of V, as the kernels do, has them without a copy.
            components=V.T,
            alpha=float(alpha),
            offsets=offsets,
            scale=units.scale,
            learned=self.learned,
            row_penalty=problem.offsets.row_penalty if problem.offsets.has_rows else None,
            # Without a penalty the ridge is that of the noise, the same for all rows.
            penalty_power=problem.penalty_power if problem.alpha > 0 else 0.0,
            mean_row_weight=problem.mean_row_weight,
            n_threads=n_threads,
        )


def prepare(observed, sample_weight, *, center, scale, factor=None, penalty_power=0.0):
    """Choose units, and what is learned from.

    Parameters
    ----------
    observed : ObservedMatrix
        The data in the user's units.
    sample_weight : ndarray of shape (n,), or None
        Row weights, counted as repetitions.
    center : bool or "both"
        Offsets of the model: none, of columns, or of columns and rows.
    scale : bool
        Whether each column has its own scale.
    factor : ndarray of shape (m,), or None
        Multiplies the scales.
    penalty_power : float, default=0.0
        How the penalty of a row or column grows with what is observed of it.

    Returns
    -------
    training : Training
        The data, ready to pose their problem.
    """
    used = np.ones(observed.shape[0], dtype=bool)
    counts = observed.column_counts
    if sample_weight is not None:
        used = sample_weight > 0
        counts = observed.column_counts_in(used)
    learned = counts > 0
    used = used & (observed.row_counts > 0)
    if not used.any():
        raise ValueError("All rows with an observed entry have sample weight zero.")
    units = fit_units(observed, sample_weight, center=bool(center), scale=bool(scale))
    if factor is not None:
        units = units.in_columns(slice(None), factor)
    # Of the entry weights only the ratios matter, up to the unit of the penalty.
    observed, mean_weight = observed.with_unit_weights(sample_weight)
    units = replace(units, common=units.common * mean_weight)
    return Training(
        observed=observed,
        used=used,
        learned=learned,
        partial=counts < np.count_nonzero(used),
        units=units,
        offsets={True: "column", False: "none", "both": "both"}[center],
        row_scale=None if sample_weight is None else np.sqrt(sample_weight[used]),
        penalty_power=penalty_power,
    )
