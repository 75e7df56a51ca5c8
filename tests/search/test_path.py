"""Paths: what they score is what cold fits score; where they end; what is chosen."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe

from skmc._search import (
    Path,
    RankAlphaPath,
    entry_folds,
    growing_ranks,
    make_folds,
    nuclear_path,
    relaxed,
)
from skmc._search._path import LEAST_GAIN, PATIENCE, USUAL_STEP, Patience
from skmc.solvers import AlternatingLeastSquares, SoftImpute, resized

PRECISE = {"max_iter": 5000, "tol": 1e-8}


def folds_of(n_folds=2, form="dense", scale=True, **table):
    X, mask = low_rank_table(**table)
    observed = observe(X, mask, form=form)
    splits = entry_folds(observed, n_folds, 0)
    return make_folds(observed, None, splits, center=True, scale=scale)


def cold(solver, fold, alpha, rank, **options):
    problem = fold.problem.with_alpha(alpha / fold.training.units.common, rank=rank)
    start = solver.start(problem, "svd")
    return solver.solve(problem, start, **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [True, False])
def test_nuclear_path_scores_what_cold_fits_score(form, scale):
    folds = folds_of(form=form, scale=scale)
    alphas = np.array([8.0, 4.0, 2.0, 1.0])  # too few for the path to end early
    path = nuclear_path(folds, alphas, np.inf, [1.0], **PRECISE)
    fits = [[cold(SoftImpute(), f, a, f.problem.rank, **PRECISE) for f in folds] for a in alphas]
    expected = [[f.score(fit) for f, fit in zip(folds, row, strict=True)] for row in fits]
    assert path.scores.shape == (4, 1, 2)
    np.testing.assert_allclose(path.scores[:, 0], expected, atol=1e-6)


def test_refits_along_the_path_are_those_of_its_solutions():
    folds = folds_of()
    alphas, relaxations = np.array([6.0, 3.0, 1.5]), [1.0, 0.5, 0.1]
    path = nuclear_path(folds, alphas, 4, relaxations, **PRECISE)
    for a, alpha in enumerate(alphas):
        for f, fold in enumerate(folds):
            result = cold(SoftImpute(), fold, alpha, 4, **PRECISE)
            expected = [fold.score(relaxed(result, k, **PRECISE)) for k in relaxations]
            np.testing.assert_allclose(path.scores[a, :, f], expected, atol=1e-6)


def test_nuclear_path_ends_when_nothing_is_gained():
    folds = folds_of(n=60, m=40, noise=0.3)
    alphas = 10.0 * np.geomspace(1.0, 1e-3, 20)
    mean = nuclear_path(folds, alphas, np.inf, [1.0], max_iter=200, tol=1e-2).scores.mean(axis=2)
    tried = np.flatnonzero(~np.isnan(mean[:, 0]))
    assert 3 < tried.size < 20
    np.testing.assert_array_equal(tried, np.arange(tried.size))
    # It went on for a few steps, and what it left out was not better.
    assert np.nanargmax(mean) == tried.size - 1 - PATIENCE
    left_out = [
        fold.score(cold(SoftImpute(), fold, alphas[tried.size + 1], 40, max_iter=500, tol=1e-2))
        for fold in folds
    ]
    assert np.mean(left_out) < np.nanmax(mean)


def test_refits_end_one_by_one_and_the_path_with_the_last():
    folds = folds_of(n=60, m=40, noise=0.3)
    alphas = 10.0 * np.geomspace(1.0, 1e-3, 20)
    scores = nuclear_path(folds, alphas, np.inf, [1.0, 0.1], max_iter=200, tol=1e-2).scores
    tried = ~np.isnan(scores)
    np.testing.assert_array_equal(tried.all(axis=2), tried.any(axis=2))
    ends = tried.any(axis=2).sum(axis=0)
    assert ends[0] != ends[1]
    # Once ended, a refit is not taken up again.
    for k in range(2):
        assert tried[: ends[k], k].all()
        assert not tried[ends[k] :, k].any()


def test_nuclear_path_bounds_the_rank():
    folds = folds_of(noise=0.0, fraction=0.9)
    one, three = (
        nuclear_path(folds, np.array([1.0, 0.1]), r, [1.0], **PRECISE).scores for r in (1, 3)
    )
    assert (one < 0.9).all()
    assert (three[1] > 0.95).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [True, False])
def test_rank_alpha_path_scores_what_cold_fits_score(form, scale):
    # With room for all of its components the problem is convex, so the start does not matter.
    folds = folds_of(form=form, scale=scale)
    alphas = np.array([9.0, 6.0, 4.0])
    path = RankAlphaPath(folds, [12, 25], alphas, **PRECISE).run()
    assert path.scores.shape == (2, 3, 2)
    tried = ~np.isnan(path.scores)
    np.testing.assert_array_equal(tried.all(axis=2), tried.any(axis=2))
    assert tried[0].all()
    for r, a in np.argwhere(tried.all(axis=2)):
        for f, fold in enumerate(folds):
            fit = cold(AlternatingLeastSquares(), fold, alphas[a], (12, 25)[r], **PRECISE)
            assert path.scores[r, a, f] == pytest.approx(fold.score(fit), abs=1e-6)


def test_warm_starts_save_iterations():
    folds = folds_of(n=80, m=40)
    alphas = 10.0 * np.geomspace(1.0, 1e-2, 10)
    usual = {"max_iter": 500, "tol": 1e-2}
    path = nuclear_path(folds, alphas, np.inf, [1.0], **usual)
    n_iter = sum(
        cold(SoftImpute(), fold, alphas[a], 40, **usual).n_iter
        for a in np.flatnonzero(~np.isnan(path.scores[:, 0, 0]))
        for fold in folds
    )
    assert path.n_iter < 0.5 * n_iter
    path = RankAlphaPath(folds, [1, 2, 3, 4, 5], alphas, **usual).run()
    n_iter = sum(
        cold(AlternatingLeastSquares(), fold, alphas[a], r + 1, **usual).n_iter
        for r, a in np.argwhere(~np.isnan(path.scores[:, :, 0]))
        for fold in folds
    )
    assert path.n_iter < 0.8 * n_iter
    assert path.best()[0] == 2


class Scripted(RankAlphaPath):
    """A path whose scores are given, and that keeps the order in which it asks for them."""

    def __init__(self, table):
        alphas = np.exp(-USUAL_STEP * np.arange(table.shape[1]))
        super().__init__([SimpleNamespace(n_iter=0)], range(len(table)), alphas)
        self.table, self.asked = table, []

    def _solve(self, r, a, starts, row):
        row[a] = [f"{r}, {a}"]
        self.asked.append((r, a, starts))
        self.scores[r, a] = self.table[r, a]
        return self.table[r, a]


@pytest.mark.parametrize("seed", range(5))
def test_rank_alpha_path_finds_the_top_of_a_hill(seed):
    # At each rank another penalty is best, near that of the rank before or far from it.
    rng = np.random.default_rng(seed)
    best_alpha = rng.integers(0, 12, 9)
    peak = rng.integers(0, 9)
    rank_loss = 0.1 * np.abs(np.arange(9) - peak)
    unexplained = 0.1 + rank_loss[:, None] + 0.05 * np.abs(np.arange(12) - best_alpha[:, None])
    path = Scripted(1.0 - unexplained)
    found = path.run()
    assert found.best() == (peak, best_alpha[peak])
    assert path.asked[0] == (0, 0, None)
    tried = [(r, a) for r, a, _ in path.asked]
    assert len(set(tried)) == len(tried)
    np.testing.assert_array_equal(np.argwhere(~np.isnan(found.scores[:, :, 0])), sorted(tried))
    # Nothing but the first starts from nothing.
    for r, a, starts in path.asked[1:]:
        near = {(i, j) for i in (r - 1, r) for j in range(a - 2, a + 3)}
        assert starts, (r, a)
        assert starts[0] in {f"{i}, {j}" for i, j in near}


def test_rank_alpha_path_ends_when_ranks_bring_nothing():
    path = Scripted(np.full((9, 8), 0.5))
    found = path.run()
    assert found.best() == (0, 0)
    tried = ~np.isnan(found.scores[:, :, 0])
    assert tried[: PATIENCE + 1, : PATIENCE + 1].all()
    assert tried.sum() == (PATIENCE + 1) ** 2


def path_of(mean, deviation=0.0):
    """A path with these mean scores over four folds, which differ by the deviation."""
    mean = np.asarray(mean, dtype=float)
    return Path(mean[..., None] + deviation * np.array([-1.0, 1.0, -1.0, 1.0]), 0)


def test_best_prefers_the_simplest_of_equals():
    assert path_of([[0.5, 0.5], [0.5, 0.5]]).best() == (0, 0)
    assert path_of([[0.1, 0.5], [0.5, 0.1]]).best() == (0, 1)
    assert path_of([[-3.0, -1.0], [-1.0, -3.0]]).best() == (0, 1)
    assert path_of([[1.0], [1.0]]).best() == (0, 0)


def test_best_asks_for_a_gain_that_matters():
    gain = LEAST_GAIN * 0.5
    assert path_of([[0.5 - 0.9 * gain], [0.5]]).best() == (0, 0)
    assert path_of([[0.5 - 1.1 * gain], [0.5]]).best() == (1, 0)
    # Within the row that is good enough, what is best in it.
    assert path_of([[0.5 - 0.9 * gain, 0.5 - 0.8 * gain], [0.5, 0.5]]).best() == (0, 1)


def test_best_overlooks_what_was_not_tried():
    nan = np.nan
    assert path_of([[nan, 0.2], [nan, 0.7], [0.6, nan], [nan, nan]]).best() == (1, 1)
    assert path_of([[nan, nan], [0.2, nan]]).best(one_standard_error=True) == (1, 0)


def test_best_within_one_standard_error():
    mean = [[0.1, 0.3], [0.62, 0.61], [0.7, 0.6]]
    # The standard error of the mean of four scores, of standard deviation 2 d / sqrt(3).
    d = 0.15
    assert d / np.sqrt(3) == pytest.approx(0.0866, abs=1e-4)
    path = path_of(mean, d)
    assert path.best() == (2, 0)
    assert path.best(one_standard_error=True) == (1, 0)
    assert path_of(mean, 0.13).best(one_standard_error=True) == (2, 0)
    # One fold has no standard error.
    alone = Path(path.scores[:, :, :1], 0)
    assert alone.best(one_standard_error=True) == alone.best() == (2, 0)


def test_growing_ranks():
    assert growing_ranks(1) == [1]
    assert growing_ranks(11) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]
    for largest in range(1, 200):
        ranks = growing_ranks(largest)
        steps = np.diff(ranks)
        assert (ranks[0], ranks[-1]) == (1, largest)
        assert (steps >= 1).all()
        assert (steps <= np.maximum(1, np.array(ranks[:-1]) // 4)).all()


def test_patience():
    patience = Patience()
    assert patience.see(0.0, 10)
    assert patience.see(0.5, 20)
    # Better, but not by what counts: the best all the same.
    for k in range(1, PATIENCE + 1):
        assert patience.see(0.5 + 1e-5 * k, k) == (k < PATIENCE)
    assert (patience.best, patience.at) == (0.5 + 1e-5 * PATIENCE, PATIENCE)
    assert patience.see(0.6, 30)
    assert patience.at == 30


def test_first_score_is_the_best_so_far_however_bad():
    patience = Patience()
    assert patience.see(-1e9, 10)
    assert patience.at == 10
    for k in range(1, PATIENCE + 1):
        assert patience.see(-2e9, k) == (k < PATIENCE)
    assert patience.at == 10


@pytest.fixture(params=FORMS)
def solution(request):
    problem = make_problem(alpha=4.0, form=request.param)
    solver = SoftImpute()
    return solver.solve(problem, solver.start(problem, "svd"), **PRECISE)


def test_relaxed_keeps_the_rank_and_multiplies_the_penalty(solution):
    rank = solution.factors.rank
    assert 0 < rank < 25
    refit = relaxed(solution, 0.25, **PRECISE)
    assert refit.factors.rank == refit.problem.rank == rank
    assert refit.problem.alpha == 0.25 * solution.problem.alpha
    assert refit.converged
    # It is a solution at the new penalty, and no worse there than what it started from.
    assert refit.problem.objective(refit.factors) < refit.problem.objective(solution.factors)
    stationary = max(np.abs(g).max() for g in refit.problem.gradient(refit.factors))
    assert stationary < 1e-4 * refit.problem.alpha
    assert np.linalg.norm(refit.factors.singular_values()) > np.linalg.norm(
        solution.factors.singular_values()
    )


def test_relaxed_by_one_or_at_rank_zero_is_the_solution_itself(solution):
    assert relaxed(solution, 1.0, **PRECISE) is solution
    problem = solution.problem.with_alpha(1e6)
    nothing = SoftImpute().solve(problem, SoftImpute().start(problem, "svd"), **PRECISE)
    assert nothing.factors.rank == 0
    assert relaxed(nothing, 0.25, **PRECISE) is nothing


def test_relaxed_continues_the_trace(solution):
    refit = relaxed(solution, 0.25, **PRECISE)
    more = refit.n_iter - solution.n_iter
    assert more > 0
    assert set(refit.trace) == set(solution.trace)
    for key, values in refit.trace.items():
        assert len(values) == refit.n_iter
        assert values[: solution.n_iter] == solution.trace[key]
    assert refit.trace["stage"][-more:] == [solution.trace["stage"][-1] + 1] * more
    assert refit.trace["alpha"][-more:] == [refit.problem.alpha] * more
    assert (np.diff(refit.trace["time"]) >= 0).all()


def test_relaxed_has_converged_if_both_have(solution):
    refit = relaxed(solution, 0.25, max_iter=1, tol=1e-12)
    assert not refit.converged
    assert refit.stop_reason == "reached max_iter=1"
    short = replace(solution, converged=False, stop_reason="reached max_iter=3")
    refit = relaxed(short, 0.25, **PRECISE)
    assert not refit.converged
    assert "max_iter=3" in refit.stop_reason


def test_resized_start_is_what_makes_a_path_warm():
    # A rank more costs less from the solution below it than from the beginning.
    fold = folds_of(n=80, m=40)[0]
    solver = AlternatingLeastSquares()
    three, four = (fold.problem.with_alpha(2.0, rank=r) for r in (3, 4))
    below = solver.solve(three, resized(three, None, 3), **PRECISE).factors
    start = resized(four, below, 4)
    assert start.rank == 4
    assert four.objective(start) <= four.objective(resized(four, None, 4))
