"""One split of the observed entries: what to learn from and what to be judged by."""

from dataclasses import dataclass, replace

import numpy as np

from skmc._problem import CompletionProblem
from skmc._training import Training, prepare
from skmc._units import fit_units, r_squared
from skmc.solvers import NoiseSchedule, find_noise


@dataclass(frozen=True, eq=False)
class Fold:
    """Training part of the data and the entries held out of it.

    Parameters
    ----------
    training : Training
        The training part.
    problem : CompletionProblem
        Its problem, without penalty or bound on the rank.
    rows, columns : ndarrays of int
        Where the held-out entries are.
    truth : ndarray of float64
        Their values.
    weight : ndarray of float64
        Their weights.
    spread : ndarray of float64, shape (m,)
        What an error in each column is measured by: the same in all folds, so that a value that is
        rare in one does not rule the score.
    noise : NoiseSchedule or None
        What is known of the noise in the training part.
    n_iter : int
        Iterations that this took.
    """

    training: Training
    problem: CompletionProblem
    rows: np.ndarray
    columns: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    spread: np.ndarray
    noise: NoiseSchedule | None = None
    n_iter: int = 0

    def knowing_noise(self, max_iter, tol, *, units):
        """Return the fold with the level of its noise and, if `units`, in the units of it."""
        problem, training = self.problem, self.training
        result, noise = find_noise(problem, "svd", units=units, max_iter=max_iter, tol=tol)
        if result.units is not None:
            training = training.in_units(result.units)
            problem = result.problem.with_alpha(0.0, problem.rank, problem.penalty_power)
        return replace(self, training=training, problem=problem, noise=noise, n_iter=result.n_iter)

    def score(self, result):
        """R^2 of a solution of the training problem on the held-out entries.

        Against the column means of the training part, in standard deviations of the columns, as in
        the score of a completer; entries of columns without training data do not count, and 0 is
        the score of a fold that has no others.
        """
        training, units = self.training, self.training.units
        fold_in = training.fold_in(result, training.observed.n_threads)
        predicted = fold_in.entries(
            *fold_in.factors(training.observed), self.rows, self.columns
        ).astype(np.float64)
        spread = self.spread[self.columns]
        weight = self.weight * training.learned[self.columns]
        error = weight @ ((self.truth - predicted) / spread) ** 2
        total = weight @ ((self.truth - units.mean[self.columns]) / spread) ** 2
        return r_squared(error, total) if weight.any() else 0.0


def make_folds(observed, sample_weight, splits, *, center, scale, penalty_power=0.0):
    """Folds of the observed entries.

    Parameters
    ----------
    observed : ObservedMatrix
        The data in the user's units.
    sample_weight : ndarray of shape (n,), or None
        Row weights.
    splits : iterable of (train, test)
        Positions of entries in the order of the row view.
    center : bool or "both"
        Offsets of the model.
    scale : bool
        Whether each column has its own scale.
    penalty_power : float, default=0.0
        How the penalty of a row or column grows with what is observed of it.

    Returns
    -------
    folds : list of Fold
        One per split.
    """
    rows, columns = observed.rows_and_columns()
    values = observed.rows.values
    weight = np.ones(values.size)
    if observed.weights is not None:
        weight *= observed.rows.weights
    if sample_weight is not None:
        weight *= sample_weight[rows]
    spread = fit_units(observed, sample_weight, center=bool(center), scale=scale).spread
    folds = []
    for train, test in splits:
        kept = np.zeros(values.size, dtype=bool)
        kept[train] = True
        training = prepare(
            observed.keep(kept), sample_weight,
            center=center, scale=scale, penalty_power=penalty_power,
        )  # fmt: skip
        folds.append(
            Fold(
                training=training,
                problem=training.pose(),
                rows=rows[test],
                columns=columns[test],
                truth=values[test].astype(np.float64),
                weight=weight[test],
                spread=spread,
            )
        )
    return folds
