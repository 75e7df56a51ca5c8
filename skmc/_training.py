"""From observed entries in the user's units to a problem, and from its solution back."""

from dataclasses import dataclass, replace

import numpy as np

from skmc._fold_in import FoldIn
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc._units import Units, fit_units


@dataclass(frozen=True, eq=False)
class Training:
    """The data of a fit and the problem that they pose.

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
    problem : CompletionProblem
        The problem of the used rows and learned columns, without penalty or bound on the rank.
    """

    observed: object
    used: np.ndarray
    learned: np.ndarray
    partial: np.ndarray
    units: Units
    problem: CompletionProblem

    def in_units(self, factor):
        """Return the same data with the scale of each learned column multiplied by a factor."""
        units = self.units.in_columns(self.learned, factor)
        return replace(self, units=units, problem=self.problem.in_column_units(factor))

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
        else:
            factors, columns = problem.centred(factors, columns)
            _, s, Q = factors.svd()
            # With row factors of unit variance the ridge of least expected error is the noise
            # variance; plain least squares explodes on rows with about `rank` entries.
            found = Q * (s / np.sqrt(problem.n_rows))
            alpha = problem.noise_variance(result.residual.loss, float(s.size))
        components = np.zeros((found.shape[1], self.learned.size), problem.dtype)
        components[:, self.learned] = found.T
        offsets = units.center.copy()
        offsets[self.learned] += units.scale[self.learned] * columns
        return FoldIn(
            components=components,
            alpha=float(alpha),
            offsets=offsets,
            scale=units.scale,
            learned=self.learned,
            row_penalty=problem.offsets.row_penalty if problem.offsets.has_rows else None,
            n_threads=n_threads,
        )


def prepare(observed, sample_weight, *, center, scale, factor=None):
    """Choose units and pose the problem.

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

    Returns
    -------
    training : Training
        The data and their problem.
    """
    used = np.ones(observed.shape[0], dtype=bool)
    counts = observed.column_counts
    if sample_weight is not None:
        used = sample_weight > 0
        counts = observed.take(used, counts >= 0).column_counts
    learned = counts > 0
    units = fit_units(observed, sample_weight, center=bool(center), scale=bool(scale))
    if factor is not None:
        units = units.in_columns(slice(None), factor)
    # Of the entry weights only the ratios matter, up to the unit of the penalty.
    observed, mean_weight = observed.with_unit_weights(sample_weight)
    units = replace(units, common=units.common * mean_weight)
    used = used & (observed.row_counts > 0)
    if not used.any():
        raise ValueError("All rows with an observed entry have sample weight zero.")
    taken = observed
    if not (used.all() and learned.all()):
        # Rows and columns without an entry have no part in the problem.
        taken = observed.take(used, learned)
    row_scale = None if sample_weight is None else np.sqrt(sample_weight[used])
    kind = {True: "column", False: "none", "both": "both"}[center]
    return Training(
        observed=observed,
        used=used,
        learned=learned,
        partial=counts < np.count_nonzero(used),
        units=units,
        problem=_pose(taken, units.of_columns(learned), kind, row_scale),
    )


def _pose(observed, units, kind, row_scale):
    standard = observed.standardized(units.center, units.scale, row_scale)
    n, m = observed.shape
    # A row of weight k has to count as k rows here too.
    repeated = n if row_scale is None else max(n, int(np.ceil(np.sum(row_scale**2))))
    return CompletionProblem(
        observed=standard,
        rank=min(repeated, m),
        alpha=0.0,
        offsets=OffsetModel(standard, kind, row_scale),
    )
