"""The penalty and the units that the noise in the data asks for, found while solving."""

import numpy as np

# Iterations between two updates of the noise level.
STAGE = 2
# A component counts as signal from this multiple of the edge of the noise.
SIGNAL_HEIGHT = 1.5
# Noise below this fraction of the data counts as this fraction.
LEAST_NOISE = 1e-3
# The noise level of a column counts as if it were the common one in this many more entries,
UNITS_PRIOR = 20.0
# and differs from it by this factor at most: a column that others determine has none.
UNITS_RANGE = 5.0


class PenaltySchedule:
    """Penalty and column units that suit the noise in the data, found while solving.

    The singular values of noise of variance s^2 on Omega follow the Marchenko-Pastur law scaled
    to mean degrees d_row and d_column; their edge is s (sqrt(d_row) + sqrt(d_column)). A fit at
    the edge lets no noise through, so it shows s and the rank r of the signal. Of all soft
    thresholds t the one with the least worst-case error at rank r then balances the shrinkage of
    the signal against the noise let through, r t = sum_i (sigma_i - t)_+ over the components that
    are not signal (Donoho and Gavish 2014, doi:10.1214/14-AOS1257). At r = 0 it is the edge, so
    pure noise is fitted by nothing. Where entries are few a component counts for more than one
    (`_cost`), a bound on the rank enters through a geometric mean (`threshold`), and d_row and
    d_column are size-biased means. The edge is at least s sqrt(2 log nnz), about the largest entry.

    The search starts at the edge of a fit by offsets alone, all of whose residual counts as noise,
    and follows the edge down until the noise level settles within twice `tol` or half of the
    iterations are spent. If the columns are to have the units of their noise they get them then,
    and the search settles once more.

    Parameters
    ----------
    problem : CompletionProblem
        The problem; its penalty is used if `alpha` is False.
    max_iter : int
        Iterations of the solver.
    tol : float
        Half the relative change of the noise level that counts as settled.
    alpha : bool, default=True
        Whether to look for the penalty; otherwise it stays.
    relaxation : float, default=1.0
        Factor on the penalty that was found.
    units : bool, default=False
        Whether to look for units in which the noise is the same in all columns.

    Attributes
    ----------
    problem : CompletionProblem
        The problem at the current penalty and in the current units.
    units : ndarray of shape (m,), or None
        What the columns of the problem were divided by; None before they were.
    settled : bool
        Whether penalty and units are final.
    """

    def __init__(self, problem, max_iter, tol, *, alpha=True, relaxation=1.0, units=False):
        self._target = problem
        self._seeks_alpha = alpha
        self._relaxation = relaxation
        self._seeks_units = units
        self._last = max_iter // 2
        self._tol = tol
        self._law = _NoiseLaw(problem)
        self._rank = 0.0
        # Without a bound on the rank a penalty near zero only interpolates, very slowly.
        n, m = problem.shape
        unbounded = problem.rank >= min(max(n, int(np.ceil(problem.n_rows))), m)
        least = LEAST_NOISE if unbounded else np.finfo(problem.dtype).eps
        total = float(np.sqrt(problem.noise_variance(problem.at_zero.loss)))
        self._least_noise = max(least * total, np.finfo(problem.dtype).tiny)
        self._noise = max(total, self._least_noise)
        self.units = None
        self.settled = False
        self.problem = self._current()

    @property
    def _edge(self):
        return self._law.edge * self._noise

    def _current(self):
        """The problem at the edge of the noise, with room for twice the signal found.

        Noise does not pass the edge, so only signal that a lower edge uncovers needs more room,
        and the next stage gives it.
        """
        if not self._seeks_alpha:
            return self._target
        room = 2 * int(np.ceil(self._rank)) + 10
        return self._target.with_alpha(self._edge, rank=min(self._target.rank, room))

    def advance(self, solver, state, iteration):
        """Learn from the state after an iteration of the solver, every few iterations."""
        late = iteration >= self._last
        if iteration % STAGE and not late:
            return
        residual = solver.residual(self.problem, state)
        old = self._noise
        self._rank, variance = self._signal_and_noise(solver.singular_values(state), residual)
        self._noise = max(float(np.sqrt(variance)), self._least_noise)
        if not (late or abs(self._noise - old) <= 2.0 * self._tol * old):
            self.problem = self._current()
            return
        changes_units = self._seeks_units and self.units is None
        if changes_units:
            self.units = self._noise_units(residual)
            del residual  # as large as the copy of the data that comes now
            self._target = self._target.in_column_units(self.units)
        if changes_units and not late:
            self.problem = self._current()
            return
        self.settled = True
        if self._seeks_alpha:
            alpha = self._relaxation * self.threshold(self._target.rank)
            self.problem = self._target.with_alpha(alpha)
        else:
            self.problem = self._target

    def threshold(self, bound):
        """Penalty for the noise and the signal found, under a bound on the rank.

        A bound on the rank lets less noise through and bears a lower threshold if the signal obeys
        it. Real data have no exact rank, and there the low threshold fits noise with the
        components at hand: the geometric mean of the thresholds with and without the bound is
        close to the better of the two in both cases.
        """
        bounded, free = (
            self._law.minimax_threshold(self._cost(), rank) for rank in (bound, self._law.count)
        )
        return float(np.sqrt(bounded * free)) * self._noise

    def _cost(self):
        """Effective rank as the shrinkage feels it.

        With rho entries to a degree of freedom the curvature on Omega varies over directions, and
        the mean of its inverse is 1 / (1 - 1 / rho) times that on average data.
        """
        problem, rank = self._target, self._rank
        dof = rank * (problem.n_rows + problem.shape[1] - rank)
        return rank / (1.0 - min(dof / problem.total_weight, 0.5))

    def _signal_and_noise(self, singular_values, residual):
        """Effective rank and noise variance, both corrected for the shrinkage."""
        problem = self.problem
        s = singular_values.astype(np.float64)
        if problem.alpha == 0:
            return float(s.size), problem.noise_variance(residual.loss, s.size)
        explained = problem.at_zero.entries - residual.entries
        on_omega = problem.observed.dot(problem.observed.weighted(explained), explained)
        if on_omega <= 0:
            return 0.0, problem.noise_variance(residual.loss)
        fraction = on_omega / float(s @ s)
        # What a component was before shrinkage, against the edge of the noise; one that is
        # shrunk to nothing is none.
        alive = (fraction * s / problem.alpha) ** 2
        height = (fraction * s + problem.alpha) / (SIGNAL_HEIGHT * self._edge)
        rank = float(np.sum(alive / (0.1 + alive) / (1.0 + height**-8.0)))
        # Undoing the shrinkage of the signal takes alpha^2 / fraction per component off; a little
        # more in truth, but taking off too much would lower the penalty without end.
        gain = 0.5 * problem.alpha**2 * rank / fraction
        loss = max(residual.loss - gain, 0.1 * residual.loss)
        return rank, problem.noise_variance(loss, rank)

    def _noise_units(self, residual):
        """Noise level of each column relative to the common one."""
        problem = self.problem
        weighted = problem.observed.weighted(residual.entries)
        squares = problem.observed.column_dots(weighted, residual.entries)
        counts = problem.offsets.column_weight.astype(np.float64)
        common = squares.sum() / counts.sum()
        if residual.loss <= float(np.finfo(problem.dtype).eps) ** 1.2 * problem.at_zero.loss:
            # An exact fit leaves rounding, which says nothing about noise.
            return np.ones_like(squares)
        ratio = (squares / common + UNITS_PRIOR) / (counts + UNITS_PRIOR)
        return np.clip(np.sqrt(ratio), 1.0 / UNITS_RANGE, UNITS_RANGE)


class _NoiseLaw:
    """Singular values of unit noise on Omega: Marchenko-Pastur at the mean degrees."""

    def __init__(self, problem):
        smaller, larger = sorted(problem.mean_degrees)
        low, high = np.sqrt(larger) - np.sqrt(smaller), np.sqrt(larger) + np.sqrt(smaller)
        self.total = problem.total_weight
        self.count = self.total / larger
        # Chebyshev nodes resolve the square-root edges of the density; largest value first.
        angle = (np.arange(400) + 0.5) * np.pi / 400
        self.sigma = 0.5 * (high + low) + 0.5 * (high - low) * np.cos(angle)
        squared = (high**2 - self.sigma**2) * (self.sigma**2 - low**2)
        mass = np.sqrt(np.maximum(squared, 0.0)) * np.sin(angle) / np.maximum(self.sigma, 1e-12)
        self.mass = mass * (self.count / mass.sum())
        # With few entries in a row the largest of all entries sticks out of the law.
        self.edge = max(high, np.sqrt(2.0 * np.log(max(self.total, 1.0))))
        self.sigma *= self.edge / high

    def minimax_threshold(self, rank, largest_rank):
        """Root t of rank t = sum_i (sigma_i - t)_+ over the components that are not signal."""
        if rank <= 0:
            return float(self.edge)
        spare = self._leading(max(largest_rank - rank, 1.0))
        balance = np.cumsum(spare * self.sigma) - self.sigma * (np.cumsum(spare) + rank)
        if balance[-1] <= 0:
            return float(spare @ self.sigma / (rank + spare.sum()))
        return float(np.interp(0.0, balance, self.sigma))

    def _leading(self, count):
        """Mass of the `count` largest singular values at the nodes."""
        return np.diff(np.minimum(np.cumsum(self.mass), count), prepend=0.0)
