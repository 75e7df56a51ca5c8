"""Chains, what is kept of them, and what is watched."""

import time
from dataclasses import dataclass

import numpy as np

from skmc._bayes._gibbs import Gibbs

# Random cells whose course tells whether predictions have converged.
WATCHED = 200


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws kept of some chains, and the course of all their sweeps.

    Parameters
    ----------
    F : ndarray, shape (s, m, q)
        Regressors of the s draws: row i is level + F w_i with w_i standard normal.
    level : ndarray, shape (s, m)
        Mean of each column over the rows.
    precision : ndarray, shape (s, m)
        Precision of the noise of each column.
    typical : ndarray, shape (s, q)
        Regressors of a column that is like all.
    trace : dict of ndarray, each of shape (n_chains, burn_in + n_samples)
        ``time`` in seconds, ``noise``: geometric mean over the columns of the standard deviation of
        the noise, ``signal``: root mean square of u_i . v_j + b_i + c_j over all cells.
    cells : ndarray, shape (n_chains, n_samples, k)
        Course of predictions, noise included, of k random cells after `burn_in`.
    """

    F: np.ndarray
    level: np.ndarray
    precision: np.ndarray
    typical: np.ndarray
    trace: dict
    cells: np.ndarray


def run_chains(model, observed, *, n_chains, burn_in, n_samples, n_draws, seed, after):
    """Run chains from independent starts and keep evenly spaced draws.

    Parameters
    ----------
    model : Model
        What is sampled.
    observed : ObservedMatrix
        The data, in standardised units.
    n_chains, burn_in, n_samples : int
        Number of chains, and of the sweeps of each that are thrown away and that count.
    n_draws : int
        Number of draws kept of all chains, at most n_chains n_samples.
    seed : int
        Seed of all draws.
    after : callable
        Called with the chain, the sweep and the noise after every sweep.
    """
    kept, courses, cells = [], [], []
    watched = _Cells.of_shape(observed.shape)
    total = n_chains * n_samples
    n_draws = min(n_draws, total)
    # The last draw of each of n_draws stretches of about equal length, over all chains in turn.
    wanted = set((np.arange(1, n_draws + 1) * total // n_draws - 1).tolist())
    start = time.perf_counter()
    for chain, child in enumerate(np.random.SeedSequence(seed).spawn(n_chains)):
        gibbs = Gibbs(model, observed, np.random.default_rng(child))
        sample, course, values = gibbs.start(), [], []
        for sweep in range(burn_in + n_samples):
            sample = gibbs.sweep(sample)
            noise = float(np.exp(-0.5 * np.log(sample.precision).mean()))
            course.append((time.perf_counter() - start, noise, _signal(model, sample)))
            values.append(watched.values(model, sample))
            after(chain, sweep, noise)
            if sweep >= burn_in and chain * n_samples + sweep - burn_in in wanted:
                typical = sample.typical_column(model)
                kept.append((*sample.of_rows(model), sample.precision, typical))
        courses.append(course)
        cells.append(values[burn_in:])
    F, level, precision, typical = (np.asarray(x, observed.dtype) for x in zip(*kept, strict=True))
    courses = np.array(courses)
    names = ("time", "noise", "signal")
    trace = {name: courses[:, :, k] for k, name in enumerate(names)}
    return Chains(F, level, precision, typical, trace, np.array(cells))


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells whose values are watched: numbers that do not depend on how factors are turned."""

    rows: np.ndarray
    columns: np.ndarray
    rng: np.random.Generator

    @classmethod
    def of_shape(cls, shape):
        # A stream of its own: to watch a chain does not change it.
        rng = np.random.default_rng(0)
        return cls(*(rng.integers(k, size=WATCHED) for k in shape), rng)

    def values(self, model, sample):
        left, right = model.pair(sample.U[self.rows], sample.V[self.columns])
        noise = self.rng.standard_normal(WATCHED) / np.sqrt(sample.precision[self.columns])
        return np.einsum("ik,ik->i", left, right) + noise


def _signal(model, sample):
    """Root mean square of the model over all cells, from Gram matrices."""
    left, right = (F.astype(np.float64) for F in model.pair(sample.U, sample.V))
    square = np.einsum("kl,kl->", left.T @ left, right.T @ right)
    return float(np.sqrt(max(square, 0.0) / (left.shape[0] * right.shape[0])))
