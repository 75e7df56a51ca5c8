"""The search for a rank: what it finds, what it tries, what it notes."""

import numpy as np
import pytest
from problems import FORMS, low_rank_table, observe

from skmc._search import RankSearch, entry_folds, growing_ranks, make_folds
from skmc._search._rank import RELAXATIONS
from skmc.solvers import SOLVERS

USUAL = {"max_iter": 200, "tol": 1e-2}
PRECISE = {"max_iter": 5000, "tol": 1e-8}


def folds_of(n_folds=2, form="dense", **table):
    X, mask = low_rank_table(**table)
    observed = observe(X, mask, form=form)
    splits = entry_folds(observed, n_folds, 0)
    folds = make_folds(observed, None, splits, center=True, scale=True)
    return [fold.knowing_noise(200, 1e-2, units=True) for fold in folds]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "alpha"), [("als", "auto"), ("als", 1.0), ("projected_gd", 0.0)])
def test_finds_the_rank(form, name, alpha):
    folds = folds_of(form=form, n=120, m=50, rank=4, noise=0.2)
    choice = RankSearch(folds, SOLVERS[name](), alpha, **USUAL).run()
    assert choice.rank == 4
    table = choice.table
    assert set(table) == {"rank", "relaxation", "score", "n_iter"}
    assert len({values.shape for values in table.values()}) == 1
    assert np.isfinite(table["score"]).all()
    if alpha != "auto":
        assert choice.relaxation == 1.0
        assert (table["relaxation"] == 1.0).all()
    # Rank 0 is the first and costs nothing; nothing is tried twice.
    assert (table["rank"][0], table["n_iter"][0]) == (0, 0)
    assert table["score"][0] == pytest.approx(0.0, abs=1e-12)
    assert (table["n_iter"][1:] > 0).all()
    tried = list(zip(table["rank"], table["relaxation"], strict=True))
    assert len(set(tried)) == len(tried)


@pytest.mark.parametrize("rank", [9, 13])
def test_finds_ranks_between_those_that_it_tries_first(rank):
    assert rank not in growing_ranks(40)
    folds = folds_of(n_folds=2, n=200, m=80, rank=rank, noise=0.1, fraction=0.9)
    choice = RankSearch(folds, SOLVERS["projected_gd"](), 0.0, **USUAL).run()
    assert choice.rank == rank


def test_noise_has_rank_zero():
    rng = np.random.default_rng(0)
    X, mask = rng.normal(size=(100, 40)), rng.random((100, 40)) < 0.6
    observed = observe(X, mask)
    folds = make_folds(observed, None, entry_folds(observed, 2, 0), center=True, scale=True)
    folds = [fold.knowing_noise(200, 1e-2, units=False) for fold in folds]
    for name, alpha in (("als", "auto"), ("projected_gd", 0.0)):
        choice = RankSearch(folds, SOLVERS[name](), alpha, **USUAL).run()
        assert choice.rank == 0


def test_scores_are_those_of_cold_fits():
    folds = folds_of(n=80, m=40, noise=0.3)
    solver = SOLVERS["als"]()
    table = RankSearch(folds, solver, 2.0, **PRECISE).run().table
    # Further ranks fit noise, and may end in different places.
    for rank in (1, 2, 3):
        expected = []
        for fold in folds:
            problem = fold.problem.with_alpha(2.0, rank=rank)
            result = solver.solve(problem, solver.start(problem, "svd"), **PRECISE)
            expected.append(fold.score(result))
        score = table["score"][table["rank"] == rank]
        assert score == pytest.approx([np.mean(expected)], abs=1e-4)


def test_relaxes_as_long_as_less_is_better():
    table = RankSearch(folds_of(n=80, m=40), SOLVERS["als"](), "auto", **USUAL).run().table
    assert table["relaxation"].min() == RELAXATIONS[-1]
    for rank in set(table["rank"][1:]):
        at = np.flatnonzero(table["rank"] == rank)
        np.testing.assert_array_equal(table["relaxation"][at], RELAXATIONS[: at.size])
        better = np.diff(table["score"][at]) > 0
        assert better[:-1].all()
        assert at.size == len(RELAXATIONS) or not better[-1]


class Scripted(RankSearch):
    """A search in which the score at each rank is given."""

    def __init__(self, folds, score_of):
        super().__init__(folds, SOLVERS["als"](), 1.0)
        self.score_of = score_of

    def _try(self, rank):
        self._note(rank, 1.0, float(self.score_of(rank)), 1)
        return self.table["score"][-1]


@pytest.fixture(scope="module")
def forty():
    return folds_of(n=60, m=40)


@pytest.mark.parametrize("peak", [0, 1, 5, 7, 8, 9, 11, 14, 17, 20, 26, 30, 33, 37, 40])
def test_finds_the_top_of_a_hill(forty, peak):
    # Less and less is left unexplained up to the peak; at rank 0 all of it.
    search = Scripted(forty, lambda rank: -0.02 * np.abs(rank - peak) + 0.02 * peak)
    choice = search.run()
    assert choice.rank == peak
    # At most as many steps as halving the gaps takes.
    assert len(choice.table["rank"]) <= len(growing_ranks(40)) + 1 + 6


def test_prefers_the_smallest_rank_that_is_as_good(forty):
    gain = 1e-3 * 0.5
    search = Scripted(forty, lambda rank: 0.5 + (gain * 0.1 * rank if rank < 8 else -0.1))
    # Each step is less than what counts, and all of them together too.
    assert search.run().rank == 1
    search = Scripted(forty, lambda rank: 0.5 if rank >= 3 else 0.0)
    assert search.run().rank == 3


def test_ends_after_three_ranks_that_bring_nothing(forty):
    tried = Scripted(forty, lambda rank: float(rank >= 2)).run().table["rank"]
    np.testing.assert_array_equal(tried, [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize("noise", [1e-15, 1e-13])
def test_rounding_is_no_gain(forty, noise):
    # From rank 3 on the fit is exact, and what is left is rounding, a little less at each rank.
    def score(rank):
        return 1.0 - (noise / (1 + rank) ** 2 if rank >= 3 else 0.5 / (1 + rank))

    assert Scripted(forty, score).run().rank == 3
