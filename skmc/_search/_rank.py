"""The rank that predicts held-out entries best."""

from dataclasses import dataclass

import numpy as np

from skmc._search._path import PATIENCE, Patience, growing_ranks, least_gain
from skmc.solvers import RELAXATION, offsets_only, relaxed_alpha, resized

# Fractions of the edge of the noise that are tried as the penalty at each rank.
RELAXATIONS = (RELAXATION, 0.4 * RELAXATION, 0.16 * RELAXATION)


@dataclass(frozen=True, eq=False)
class RankChoice:
    """What a search for the rank has found.

    Parameters
    ----------
    rank : int
        The rank; 0 if no component predicts better than the offsets.
    relaxation : float
        Fraction of the edge of the noise that is the penalty, if that is automatic.
    table : dict of ndarray
        All that was tried, in order: ``rank``, ``relaxation``, mean held-out ``score`` and
        ``n_iter``, iterations of the solver.
    """

    rank: int
    relaxation: float
    table: dict


class RankSearch:
    """Search from rank 0 upwards, each rank started from the solution of the one before.

    Ranks grow as `growing_ranks` says. Once three in a row have brought nothing, the ranks
    between the best and its neighbours are tried by bisection. With an automatic penalty, each
    rank is also tried with fractions of it, as long as less is better.

    Parameters
    ----------
    folds : list of Fold
        Splits of the data; they must know their noise if `alpha` is "auto".
    solver : Solver
        What solves the problems.
    alpha : "auto" or float
        Penalty in the user's units.
    **options : dict
        `max_iter` and `tol` of the solver.
    """

    def __init__(self, folds, solver, alpha, **options):
        self.folds = folds
        self.solver = solver
        self.alpha = alpha
        self.options = options
        self.largest = min(fold.problem.rank for fold in folds)
        self.table = {"rank": [], "relaxation": [], "score": [], "n_iter": []}
        self.starts = {}

    def run(self):
        """Search, and return a RankChoice."""
        scores = [fold.score(offsets_only(fold.problem)) for fold in self.folds]
        self._note(0, 1.0, float(np.mean(scores)), 0)
        tried, patience = [0], Patience()
        patience.see(self.table["score"][0], 0)
        for rank in growing_ranks(self.largest):
            tried.append(rank)
            if not patience.see(self._try(rank), rank):
                break
        self._bisect(patience.at, tried)
        at = self._best()
        return RankChoice(
            rank=int(self.table["rank"][at]),
            relaxation=float(self.table["relaxation"][at]),
            table={key: np.asarray(values) for key, values in self.table.items()},
        )

    def _best(self):
        """Position of the smallest rank within the least gain of the best score."""
        rank, score = (np.asarray(self.table[key]) for key in ("rank", "score"))
        good = np.flatnonzero(score >= score.max() - least_gain(score.max()))
        smallest = good[rank[good] == rank[good].min()]
        return smallest[np.argmax(score[smallest])]

    def _bisect(self, best, tried):
        """Try ranks between the best one and the neighbours that were tried."""
        at = tried.index(best)
        below = tried[at - 1] if at else best
        above = tried[at + 1] if at + 1 < len(tried) else best
        scores = {best: self._score_of(best)}
        while above - best > 1 or best - below > 1:
            up = above - best >= best - below
            middle = (best + above) // 2 if up else (below + best + 1) // 2
            scores[middle] = self._try(middle)
            if scores[middle] > scores[best]:
                below, best, above = (best, middle, above) if up else (below, middle, best)
            elif up:
                above = middle
            else:
                below = middle

    def _score_of(self, rank):
        at = np.flatnonzero(np.asarray(self.table["rank"]) == rank)
        return max(self.table["score"][i] for i in at)

    def _try(self, rank):
        """Mean score at a rank, the best over the penalties."""
        near = max((r for r in self.starts if r <= rank), default=None)
        starts = [None] * len(self.folds) if near is None else self.starts[near]
        best = -np.inf
        relaxations = RELAXATIONS if self.alpha == "auto" else (1.0,)
        for relaxation in relaxations:
            results = [
                self._solve(fold, rank, relaxation, start)
                for fold, start in zip(self.folds, starts, strict=True)
            ]
            score = self._score(rank, relaxation, results)
            starts = [result.factors for result in results]
            if relaxation == relaxations[0]:
                self._keep(rank, starts)
            if score <= best:
                break
            best = score
        return best

    def _solve(self, fold, rank, relaxation, start):
        if self.alpha == "auto":
            alpha = relaxed_alpha(fold.noise, relaxation, bounded=True)
        else:
            alpha = self.alpha / fold.training.units.common
        problem = fold.problem.with_alpha(alpha, rank=rank)
        start = resized(problem, start, rank)
        return self.solver.solve(problem, start, **self.options)

    def _score(self, rank, relaxation, results):
        scores = [fold.score(result) for fold, result in zip(self.folds, results, strict=True)]
        self._note(rank, relaxation, float(np.mean(scores)), sum(r.n_iter for r in results))
        return self.table["score"][-1]

    def _note(self, *values):
        for key, value in zip(self.table, values, strict=True):
            self.table[key].append(value)

    def _keep(self, rank, starts):
        """Starts for larger ranks; the best one is never more than a few back."""
        self.starts[rank] = starts
        if len(self.starts) > PATIENCE + 2:
            del self.starts[min(self.starts)]
