"""Warm-started paths over penalties, scored on held-out entries."""

from dataclasses import dataclass, replace

import numpy as np

from skmc.solvers import AlternatingLeastSquares, SoftImpute, joined, resized

# Steps in a row without a gain after which a path ends. Along penalties they have the usual length,
# so that a finer grid is followed as far.
PATIENCE = 3
USUAL_STEP = np.log(1e3) / 19
# A gain counts if it is this part of what is left unexplained, 0.1 % in root mean square, and more
# than rounding.
LEAST_GAIN, ROUNDING = 2e-3, 1e-9


@dataclass(frozen=True, eq=False)
class Path:
    """Held-out scores of what was tried.

    Parameters
    ----------
    scores : ndarray of shape (n_outer, n_inner, n_folds)
        Scores, NaN where nothing was tried; simpler models come first along both axes.
    n_iter : int
        Iterations of the solver, all folds together.
    """

    scores: np.ndarray
    n_iter: int

    def best(self, *, one_standard_error=False):
        """Position on the first two axes of the simplest model that is as good as the best."""
        if not self.scores.shape[2]:
            return 0, 0
        mean = self.scores.mean(axis=2)
        good = mean >= self.good_enough(one_standard_error=one_standard_error)
        outer = int(np.flatnonzero(good.any(axis=1))[0])
        return outer, int(np.nanargmax(mean[outer]))

    def good_enough(self, *, one_standard_error=False):
        """Mean score that is as good as the best.

        That is within 0.1 % of its error or, with `one_standard_error`, within one standard error
        of its mean score.
        """
        mean = self.scores.mean(axis=2)
        best = np.nanmax(mean)
        bound = best - least_gain(best)
        if one_standard_error and self.scores.shape[2] > 1:
            at = self.scores[np.unravel_index(np.nanargmax(mean), mean.shape)]
            bound = min(bound, best - at.std(ddof=1) / np.sqrt(at.size))
        return bound


def least_gain(score):
    """How much better than this a score has to be to count as better."""
    return LEAST_GAIN * (1.0 - min(score, 1.0)) + ROUNDING


def growing_ranks(largest):
    """1, 2, 3, ... and from 8 on growing by a quarter, up to the largest."""
    ranks = [1]
    while ranks[-1] < largest:
        ranks.append(min(max(ranks[-1] + 1, ranks[-1] + ranks[-1] // 4), largest))
    return ranks


class Patience:
    """Tells when a sequence of scores has brought nothing for long enough.

    Parameters
    ----------
    places : ndarray or None
        Place of each position, in usual steps; None: each position is one step.
    """

    def __init__(self, places=None):
        self.places = places
        self.best, self.at = -np.inf, -1
        self._reached, self._gained, self._misses = -np.inf, -1, 0

    def see(self, score, at):
        """Take a score into account and return whether to go on."""
        self._misses += 1
        # Small gains count as soon as they add up to one that does.
        if self.at < 0 or score > self._reached + least_gain(self._reached):
            self._reached, self._gained, self._misses = score, at, 0
        if score > self.best or self.at < 0:
            self.best, self.at = score, at
        if self.places is None:
            return self._misses < PATIENCE
        walked = abs(self.places[at] - self.places[self._gained])
        return self._misses < 2 or walked < PATIENCE - 0.5


def places_of(alphas):
    """Where decreasing penalties are, in usual steps."""
    return -np.log(alphas) / USUAL_STEP


def relaxed(result, relaxation, **options):
    """Refit with the rank found and a fraction of the penalty, from the solution found.

    The components that a penalty has selected are shrunk by it; with little of it, and no room for
    others, they are not (the relaxed lasso, for singular values).

    Parameters
    ----------
    result : SolverResult
        A solution, of positive penalty.
    relaxation : float
        Factor on the penalty; 1 gives the solution itself.
    **options : dict
        `max_iter` and `tol` of the solver.

    Returns
    -------
    result : SolverResult
        The refit, whose trace and iterations include those of the solution.
    """
    rank = result.factors.rank
    if relaxation == 1.0 or rank == 0:
        return result
    problem = result.problem.with_alpha(relaxation * result.problem.alpha, rank=rank)
    refit = AlternatingLeastSquares().solve(problem, result.factors, **options)
    both = joined(result, refit)
    if result.converged:
        return both
    return replace(both, converged=False, stop_reason=result.stop_reason)


def nuclear_path(folds, alphas, max_rank, relaxations, solver=None, **options):
    """Path of the nuclear-norm problem, with relaxed refits, over all folds at once.

    It ends when neither the solutions nor any of their refits have gained for a while.

    Parameters
    ----------
    folds : list of Fold
        Splits of the data.
    alphas : ndarray of shape (n_alphas,)
        Penalties in the user's units, decreasing.
    max_rank : float
        Bound on the rank.
    relaxations : sequence of float
        Factors on the penalty for the refits.
    solver : SoftImpute or None
        What finds the solutions; None takes the defaults.
    **options : dict
        `max_iter` and `tol` of the solvers.

    Returns
    -------
    path : Path
        Scores of shape (n_alphas, n_relaxations, n_folds).
    """
    scores = np.full((len(alphas), len(relaxations), len(folds)), np.nan)
    if not folds:
        return Path(scores, 0)
    solver, starts = solver or SoftImpute(), [None] * len(folds)
    n_iter = sum(fold.n_iter for fold in folds)
    patience = [Patience(places_of(alphas)) for _ in relaxations]
    alive = [True] * len(relaxations)
    for a, alpha in enumerate(alphas):
        results = []
        for fold, start in zip(folds, starts, strict=True):
            problem = fold.problem.with_alpha(
                alpha / fold.training.units.common, rank=min(max_rank, fold.problem.rank)
            )
            start = solver.start(problem, "svd") if start is None else start
            results.append(solver.solve(problem, start, **options))
        n_iter += sum(result.n_iter for result in results)
        starts = [result.factors for result in results]
        for k in np.flatnonzero(alive):
            for f, (fold, result) in enumerate(zip(folds, results, strict=True)):
                refit = relaxed(result, relaxations[k], **options)
                n_iter += refit.n_iter - result.n_iter
                scores[a, k, f] = fold.score(refit)
            alive[k] = patience[k].see(scores[a, k].mean(), a)
        if not any(alive):
            break
    return Path(scores, n_iter)


class RankAlphaPath:
    """Ranks by penalties, each row of the grid started from the one before.

    At each rank the penalty decreases from somewhat above the best one of the previous rank until
    it brings nothing for a while; should the best be the first, it increases from there. Ranks end
    in the same way.

    Parameters
    ----------
    folds : list of Fold
        Splits of the data.
    ranks : sequence of int
        Bounds on the rank, increasing.
    alphas : ndarray of shape (n_alphas,)
        Penalties in the user's units, decreasing.
    solver : AlternatingLeastSquares or None
        The solver; None takes the defaults.
    **options : dict
        `max_iter` and `tol` of the solver.
    """

    def __init__(self, folds, ranks, alphas, solver=None, **options):
        self.folds = folds
        self.ranks = ranks
        self.alphas = alphas
        self.places = places_of(alphas)
        self.options = options
        self.solver = solver or AlternatingLeastSquares()
        self.scores = np.full((len(ranks), len(alphas), len(folds)), np.nan)
        self.n_iter = sum(fold.n_iter for fold in folds)

    def run(self):
        """Follow the path, and return it."""
        if not self.folds:
            return Path(self.scores, 0)
        start, first = None, 0
        patience = Patience()
        for r in range(len(self.ranks)):
            start, best = self._follow(r, start, first)
            above = np.searchsorted(self.places, self.places[best.at] - 2.5)
            first = max(min(above, best.at - 1), 0)
            if not patience.see(best.best, r):
                break
        return Path(self.scores, self.n_iter)

    def _follow(self, r, previous, first):
        """Solution at the best penalty of one rank, and where that is."""
        row, patience = {}, Patience(self.places)
        for a in range(first, len(self.alphas)):
            starts = row.get(a - 1, previous)
            go_on = patience.see(self._solve(r, a, starts, row), a)
            # Factors of all folds take memory: only those that something can start from are kept.
            row = {b: row[b] for b in {first, patience.at, a}}
            if not go_on:
                break
        lowest = first
        while patience.at == lowest > 0:
            lowest -= 1
            patience.see(self._solve(r, lowest, row[lowest + 1], row), lowest)
        return row[patience.at], patience

    def _solve(self, r, a, starts, row):
        """Solve all folds, note their scores and factors, and return the mean score."""
        rank, row[a] = self.ranks[r], []
        for f, fold in enumerate(self.folds):
            alpha = self.alphas[a] / fold.training.units.common
            problem = fold.problem.with_alpha(alpha, rank=min(rank, fold.problem.rank))
            start = resized(problem, starts[f] if starts else None, problem.rank)
            result = self.solver.solve(problem, start, **self.options)
            self.n_iter += result.n_iter
            self.scores[r, a, f] = fold.score(result)
            row[a].append(result.factors)
        return self.scores[r, a].mean()
