"""The penalty that the noise in the data asks for, found while solving."""

from dataclasses import replace

import numpy as np

from skmc.solvers._base import CALLBACK_STOP

# Iterations between two updates of the noise level.
STAGE = 5
# A component counts as signal from this multiple of the edge of the noise.
SIGNAL_HEIGHT = 1.5


class PivotalPenalty:
    """Penalty that suits the noise level and rank which a fit shows.

    The singular values of noise of variance s^2 on Omega follow the Marchenko-Pastur law scaled
    to mean degrees d_row and d_column. Of all soft thresholds t the one with the least worst-case
    error at rank r balances the shrinkage of the signal against the noise let through,
    r t = sum_i (sigma_i - t)_+ over the components that are not signal (Donoho and Gavish 2014,
    doi:10.1214/14-AOS1257). At r = 0 it is the edge of the noise,
    s (sqrt(d_row) + sqrt(d_column)), so pure noise is fitted by nothing.

    Parameters
    ----------
    problem : CompletionProblem
        The problem; its penalty is not used.

    Attributes
    ----------
    alpha : float
        Current penalty, at first that of a fit by offsets alone.
    noise : float
        Current noise level s.
    """

    def __init__(self, problem):
        self.law = _NoiseLaw(problem)
        self.noise = float(np.sqrt(problem.noise_variance(problem.at_zero.loss)))
        self.alpha = self.law.edge * self.noise

    def update(self, problem, factors):
        """Re-estimate from the solution at `alpha`; return the relative change of `alpha`."""
        residual = problem.residual(factors)
        rank, self.noise = self._signal_and_noise(problem, factors, residual)
        old = self.alpha
        self.alpha = self.law.minimax_threshold(rank, problem.rank) * self.noise
        return abs(self.alpha - old) / old if old > 0 else 0.0

    def _signal_and_noise(self, problem, factors, residual):
        """Effective rank and standard deviation of the noise, corrected for what the fit took."""
        n, m = problem.shape
        s = factors.singular_values().astype(np.float64)
        explained = problem.at_zero.entries - residual.entries
        on_omega = problem.observed.dot(problem.observed.weighted(explained), explained)
        if on_omega <= 0 or problem.alpha == 0:
            return 0.0, float(np.sqrt(problem.noise_variance(residual.loss)))
        fraction = on_omega / float(s @ s)
        # What a component was before shrinkage, against the edge of the noise.
        height = (fraction * s + problem.alpha) / (SIGNAL_HEIGHT * self.law.edge * self.noise)
        rank = float(np.sum(1.0 / (1.0 + height**-8.0)))
        # Undoing the shrinkage of the signal takes alpha^2 / fraction per component off.
        square = 2.0 * residual.loss
        square = max(square - problem.alpha**2 * rank / fraction, 0.1 * square)
        rows = float(problem.offsets.design.astype(np.float64) @ problem.offsets.design)
        dof = min(rank * (rows + m - rank), 0.9 * problem.total_weight)
        return rank, self.law.noise(square, problem.alpha, s.size - rank, dof)


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
        self.edge = high

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

    def noise(self, square, alpha, n_taken, dof):
        """Noise level s at which a fit at alpha leaves this squared residual.

        A fit caps the singular values of the noise at alpha, those of its `n_taken` components
        that are not signal: square = s^2 (1 - dof / nnz) (nnz - sum_taken (sigma^2 - (alpha/s)^2)_+).
        """
        taken = self._leading(n_taken)
        share = 1.0 - dof / self.total
        s = np.sqrt(square / (share * self.total))
        for _ in range(50):
            cut = taken @ np.maximum(self.sigma**2 - (alpha / s) ** 2, 0.0) if s > 0 else 0.0
            update = np.sqrt(square / (share * max(self.total - cut, 0.05 * self.total)))
            if abs(update - s) <= 1e-6 * s:
                break
            s = update
        return float(update)


def solve_pivotal(solver, problem, factors, *, max_iter, tol, callback=None, verbose=0):
    """Solve at the penalty that equals the pivotal penalty of its own solution.

    The search comes from the penalty of a fit by offsets alone, all of whose residual counts as
    noise, so it ends there on pure noise. The penalty is updated between short stages until it
    settles within 1 %, then held for the rest of the iterations.

    Parameters
    ----------
    solver, problem, factors, max_iter, tol, callback, verbose
        As in `Solver.solve`; the penalty of the problem is not used.

    Returns
    -------
    SolverResult
        With the penalty that was found.
    """
    penalty = PivotalPenalty(problem)
    parts, done = [], 0
    while done < max_iter:
        settled = False
        stage = problem.with_alpha(penalty.alpha)
        part = solver.solve(
            stage, factors, max_iter=min(STAGE, max_iter - done), tol=tol,
            callback=callback, verbose=verbose,
        )  # fmt: skip
        parts.append(part)
        done += part.n_iter
        factors = part.factors
        settled = penalty.update(stage, factors) <= 0.01
        if settled or part.stop_reason == CALLBACK_STOP:
            break
    if settled and not parts[-1].converged and done < max_iter:
        parts.append(
            solver.solve(
                stage, factors, max_iter=max_iter - done, tol=tol,
                callback=callback, verbose=verbose,
            )  # fmt: skip
        )
    return _joined(parts)


def _joined(parts):
    """One result of consecutive stages."""
    trace = {key: [] for key in parts[0].trace}
    elapsed = 0.0
    for part in parts:
        for key, values in part.trace.items():
            trace[key].extend([elapsed + t for t in values] if key == "time" else values)
        elapsed = trace["time"][-1]
    last = parts[-1]
    return replace(last, n_iter=len(trace["time"]), trace=trace)
