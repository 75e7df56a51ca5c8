"""The penalty that the noise in the data asks for, found while solving."""

from dataclasses import replace

import numpy as np

from skmc.solvers._base import CALLBACK_STOP

# Iterations between two updates of the noise level.
STAGE = 3
# A component counts as signal from this multiple of the edge of the noise.
SIGNAL_HEIGHT = 1.5
# Noise below this fraction of the data counts as this fraction.
LEAST_NOISE = 1e-3


class PivotalPenalty:
    """Penalty that suits the noise level and rank which a fit shows.

    The singular values of noise of variance s^2 on Omega follow the Marchenko-Pastur law scaled
    to mean degrees d_row and d_column; their edge is s (sqrt(d_row) + sqrt(d_column)). A fit at
    the edge lets no noise through, so it shows s and the rank r of the signal. Of all soft
    thresholds t the one with the least worst-case error at rank r then balances the shrinkage of
    the signal against the noise let through, r t = sum_i (sigma_i - t)_+ over the components that
    are not signal (Donoho and Gavish 2014, doi:10.1214/14-AOS1257). At r = 0 it is the edge, so
    pure noise is fitted by nothing.

    Parameters
    ----------
    problem : CompletionProblem
        The problem; its penalty is not used.
    """

    def __init__(self, problem):
        self._law = _NoiseLaw(problem)
        self._largest_rank = problem.rank
        self._rank = 0.0
        self._noise = float(np.sqrt(problem.noise_variance(problem.at_zero.loss)))
        # Without a bound on the rank a penalty near zero only interpolates, very slowly.
        unbounded = problem.rank >= min(problem.shape)
        least = LEAST_NOISE if unbounded else np.finfo(problem.dtype).eps
        self._least_noise = max(least * self._noise, np.finfo(problem.dtype).tiny)
        self._noise = max(self._noise, self._least_noise)

    @property
    def edge(self):
        """Penalty at the edge of the noise."""
        return self._law.edge * self._noise

    def stage(self, problem):
        """Return the problem at the edge of the noise, with room for twice the signal found.

        Noise does not pass the edge, so only signal that a lower edge uncovers needs more room,
        and the next stage gives it.
        """
        room = 2 * int(np.ceil(self._rank)) + 10
        return replace(problem.with_alpha(self.edge), rank=min(problem.rank, room))

    @property
    def minimax(self):
        """Penalty for the rank and noise found."""
        return self._law.minimax_threshold(self._rank, self._largest_rank) * self._noise

    def update(self, problem, factors):
        """Learn from a solution at the current edge; return the relative change of the noise."""
        residual = problem.residual(factors)
        old = self._noise
        self._rank, variance = self._signal_and_noise(problem, factors, residual)
        self._noise = max(float(np.sqrt(variance)), self._least_noise)
        return abs(self._noise - old) / old if old > 0 else 0.0

    def _signal_and_noise(self, problem, factors, residual):
        """Effective rank and noise variance, both corrected for the shrinkage."""
        s = factors.singular_values().astype(np.float64)
        explained = problem.at_zero.entries - residual.entries
        on_omega = problem.observed.dot(problem.observed.weighted(explained), explained)
        if on_omega <= 0 or problem.alpha == 0:
            return 0.0, problem.noise_variance(residual.loss)
        fraction = on_omega / float(s @ s)
        # What a component was before shrinkage, against the edge of the noise; one that is
        # shrunk to nothing is none.
        alive = (fraction * s / problem.alpha) ** 2
        height = (fraction * s + problem.alpha) / (SIGNAL_HEIGHT * self.edge)
        rank = float(np.sum(alive / (0.1 + alive) / (1.0 + height**-8.0)))
        # Undoing the shrinkage of the signal takes alpha^2 / fraction per component off.
        loss = max(residual.loss - 0.5 * problem.alpha**2 * rank / fraction, 0.1 * residual.loss)
        return rank, problem.noise_variance(loss, rank)


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
        return np.diff(np.minimum(np.cumsum(self.mass), max(count, 0.0)), prepend=0.0)


def solve_pivotal(solver, problem, factors, *, max_iter, tol, callback=None, verbose=0):
    """Solve at the penalty that suits the noise level and rank of the data, found on the way.

    The search comes from a fit by offsets alone, all of whose residual counts as noise, and
    follows the edge of the noise down in short stages until the noise level settles within twice
    `tol` or half of the iterations are spent; the rest solve at the penalty for that level and
    rank.

    Parameters
    ----------
    solver, problem, factors, max_iter, tol, callback, verbose
        As in `Solver.solve`; the penalty of the problem is not used.

    Returns
    -------
    SolverResult
        With the penalty that was found.
    """
    options = {"tol": tol, "callback": callback, "verbose": verbose}
    penalty = PivotalPenalty(problem)
    traces, left = [], max_iter
    settled = stopped = False
    while 2 * left > max_iter and not (settled or stopped):
        stage = penalty.stage(problem)
        part = solver.solve(stage, factors, max_iter=min(STAGE, left), **options)
        traces.append(part.trace)
        left -= part.n_iter
        factors = part.factors
        stopped = part.stop_reason == CALLBACK_STOP
        settled = penalty.update(stage, factors) <= 2.0 * tol
    converged = False
    if left > 0 and not stopped:
        part = solver.solve(problem.with_alpha(penalty.minimax), factors, max_iter=left, **options)
        traces.append(part.trace)
        converged = part.converged
    trace = _joined(traces)
    reason = part.stop_reason
    if not converged and reason != CALLBACK_STOP:
        reason = f"reached max_iter={max_iter}"
    return replace(
        part, n_iter=len(trace["time"]), trace=trace, converged=converged, stop_reason=reason
    )


def _joined(traces):
    """One trace of consecutive stages, their times added up."""
    joined = {key: [] for key in traces[0]}
    elapsed = 0.0
    for trace in traces:
        for key, values in trace.items():
            joined[key].extend([elapsed + t for t in values] if key == "time" else values)
        elapsed = joined["time"][-1]
    return joined
