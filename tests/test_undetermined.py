"""Fits warn of entries that they fill and cannot know, once, and of no others."""

import tracemalloc
import warnings

import numpy as np
import pytest
from completable import brute_force
from problems import low_rank_table
from registry import EVERY, make, supports
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_score
from suited import small, table_for

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    ConformalCompleter,
    EntryRegressor,
    GaussNewtonCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    multiple_impute,
)
from skmc._diagnosis._enough import Part
from skmc._diagnosis._pattern import Pattern
from skmc._undetermined import _by_blocks, _by_counts, _by_rank, effective_rank
from skmc.completers import COMPLETERS
from skmc.datasets import make_low_rank, make_ratings
from skmc.exceptions import UndeterminedWarning

# Those that fit without a penalty, at a rank that they are told.
UNPENALISED = [
    E for E in COMPLETERS if "rank" in E().get_params() and "interpolates" not in supports(E)
]


def has_penalty(E):
    return "alpha" in E().get_params()


def unpenalised(E, rank=2, **params):
    """The completer at a rank without a penalty."""
    if has_penalty(E):
        params["alpha"] = 0.0
    return small(E, rank=rank, **params)


def noted(call):
    """Messages of what a call warns of, that of entries that are not determined."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in record if w.category is UndeterminedWarning]


def with_a_poor_row(X, row=7):
    """The table with all but one entry of a row taken out, and the mirror images if need be."""
    X = X.copy()
    kept = np.flatnonzero(~np.isnan(X[row]))[0]
    value = X[row, kept]
    X[row] = np.nan
    if X.shape[0] == X.shape[1]:
        X[:, row] = np.nan
        X[kept, row] = value
    X[row, kept] = value
    return X


def two_blocks(n=60, m=30, **options):
    X = low_rank_table(n, m, rank=2, **options)[0]
    X = np.where(np.random.default_rng(0).random((n, m)) < 0.6, X, np.nan)
    X[: n // 2, m // 2 :] = X[n // 2 :, : m // 2] = np.nan
    return X


@pytest.mark.parametrize("center", [False, True])
def test_no_warning_is_false_and_the_exact_one_is_complete(center):
    kinds = set()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        n, m, rank = *rng.integers(5, 12, 2), int(rng.integers(1, 4))
        mask = rng.random((n, m)) < rng.uniform(0.2, 0.9)
        if seed % 5 == 0:
            mask[: n // 2, m // 2 :] = mask[n // 2 :, : m // 2] = False
        mask = mask[mask.any(axis=1)][:, mask.any(axis=0)]
        if min(mask.shape) <= rank:
            continue
        pattern = Pattern(*np.nonzero(mask), mask.shape)
        free = ~(brute_force(mask, rank, center)[1] | mask)
        table = Part.of(pattern.observed())
        fast = _by_counts(table, rank, rank + center, symmetric=False)
        if fast is not None:
            assert fast.number <= free.sum()
            for what, rows, columns in fast.reasons:
                # A part of the table may determine itself, and nothing across.
                apart = "parts" in what
                judge, found = (np.any, free) if apart else (np.all, free | mask)
                assert judge(found[rows], axis=1).all()
                assert judge(found[:, columns], axis=0).all()
                assert not mask[rows].all(axis=1).any()
        found = _by_rank(table, rank, rank + center)
        assert (found is None) == (not free.any())
        if found is not None:
            assert found.number == free.sum()
            named = [np.concatenate(x) for x in zip(*(r[1:] for r in found.reasons), strict=True)]
            inside = np.zeros_like(free)
            inside[named[0]] = True
            inside[:, named[1]] = True
            assert not free[~inside].any()
        kinds.add((fast is None, found is None))
    assert kinds == {(True, True), (True, False), (False, False)}


@pytest.mark.parametrize("E", UNPENALISED)
def test_a_row_with_too_few_entries_is_named(E):
    X = table_for(E)
    assert noted(lambda: unpenalised(E).fit(X)) == []
    poor = with_a_poor_row(X)
    (message,) = noted(lambda: unpenalised(E).fit(poor))
    assert message.startswith(f"{E.__name__} fills at least ")
    assert "1 row(s): 7" in message
    assert "lower the rank" in message
    assert noted(lambda: unpenalised(E, check="off").fit(poor)) == []


@pytest.mark.parametrize("E", [E for E in EVERY if E not in UNPENALISED or has_penalty(E)])
def test_a_penalty_or_a_posterior_is_quiet_about_rows_with_few_entries(E):
    params = {"alpha": 1.0} if has_penalty(E) else {}
    assert noted(lambda: small(E, **params).fit(with_a_poor_row(table_for(E)))) == []


def test_sparse_ratings_are_fitted_without_a_word():
    ratings = make_ratings(600, 300, 3000, random_state=0).X
    assert np.bincount(ratings.tocoo().row, minlength=600).min() < 5
    assert noted(lambda: ALSCompleter(rank=5, alpha=3.0, center="both").fit(ratings)) == []
    # Someone who has rated nothing but what nobody else has.
    lone = sparse.block_diag([ratings, sparse.coo_array([[3.0, 4.0]])]).tocsr()
    assert noted(lambda: ALSCompleter(rank=5, alpha=3.0, center="both").fit(lone)) == []


@pytest.mark.parametrize(
    "completer",
    [
        SoftImputeCompleter(),
        ALSCompleter(),
        ALSCompleter(2, alpha=1.0),
        ALSCompleter(2, alpha=0),
        small(BayesianCompleter, random_state=0),
    ],
)
def test_blocks_are_told_of_whatever_the_penalty(completer):
    X = two_blocks()
    (message,) = noted(lambda: completer.fit(X))
    assert "2 parts that share no row and no column" in message
    between = 2 * 30 * 15
    assert f"{between} of {np.isnan(X).sum()} missing entries" in message
    assert ("at least" in message) == (getattr(completer, "alpha", 1.0) == 0)


def test_an_entry_that_joins_blocks_ends_the_warning():
    X = two_blocks()
    X[0, -1] = 0.0
    assert noted(lambda: SoftImputeCompleter().fit(X)) == []


def test_what_counting_cannot_see_the_exact_test_does():
    # Each line has enough entries, and the whole has; but a corner has too few.
    mask = np.random.default_rng(0).random((40, 30)) < 0.6
    mask[:4, :4], mask[:4, 4:], mask[4:, :4] = True, False, False
    mask[:4, 4], mask[4, :4] = True, True
    X = np.where(mask, low_rank_table(40, 30, rank=2)[0], np.nan)
    free = ~(brute_force(mask, 2, True)[1] | mask)
    assert free.any()
    fits = {c: ALSCompleter(2, alpha=0, max_iter=50, check=c) for c in ("fast", "exact")}
    found = {c: noted(lambda fit=fit: fit.fit(X)) for c, fit in fits.items()}
    assert found["fast"] == []
    (message,) = found["exact"]
    assert f"fills {free.sum()} of {(~mask).sum()} missing entries" in message
    assert "rank 2 with column offsets" in message
    (message,) = noted(lambda: ALSCompleter(2, alpha=1.0, check="exact").fit(X))
    assert "the penalty and the offsets decide" in message


def test_fewer_entries_than_degrees_of_freedom():
    mask = np.zeros((12, 12), bool)
    for shift in range(5):
        mask[np.arange(12), (np.arange(12) + shift) % 12] = True
    table = Part.of(Pattern(*np.nonzero(mask), mask.shape))
    finding = _by_counts(table, 4, 5, symmetric=False)
    assert "60 observed entries for 88 degrees of freedom" in finding.reasons[0][0]
    # Of a symmetric table half of the degrees of freedom are left.
    assert _by_counts(table, 4, 5, symmetric=True) is None


def test_names_are_those_of_the_features():
    pd = pytest.importorskip("pandas")
    X = table_for(ALSCompleter, rank=2)
    X[1:, 3] = np.nan
    X[0, 3] = 1.0
    frame = pd.DataFrame(X, columns=[f"item {j}" for j in range(X.shape[1])])
    (message,) = noted(lambda: ProjectedGDCompleter(rank=2).fit(frame))
    assert "1 column(s): item 3" in message


def test_names_are_the_labels_of_entries():
    X = with_a_poor_row(table_for(ALSCompleter, rank=2))
    i, j = np.nonzero(~np.isnan(X))
    labels = np.stack([[f"Ann {k}" for k in i], [f"item {k}" for k in j]], axis=1)
    (message,) = noted(lambda: EntryRegressor(ProjectedGDCompleter(rank=2)).fit(labels, X[i, j]))
    assert "1 row(s): Ann 7" in message


def test_a_bound_on_the_rank_above_that_of_the_solution_does_not_count():
    X, mask = low_rank_table(60, 40, rank=2, noise=0.0, fraction=0.4)
    assert mask.sum(axis=1).min() < 20
    fit = GaussNewtonCompleter(rank=20)
    assert noted(lambda: fit.fit(np.where(mask, X, np.nan))) == []
    assert effective_rank(fit) == 2
    # Projected gradients match the entries by a matrix of rank 20, and others would too.
    other = ProjectedGDCompleter(rank=20)
    assert len(noted(lambda: other.fit(np.where(mask, X, np.nan)))) == 1
    assert noted(lambda: fit.fit(np.where(mask, 3.0, np.nan))) == []


def test_at_most_ten_lines_are_named():
    X = table_for(ALSCompleter, rank=2)
    for row in range(12):
        X = with_a_poor_row(X, row)
    (message,) = noted(lambda: ProjectedGDCompleter(rank=2).fit(X))
    assert "12 row(s): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..." in message


def test_empty_lines_have_messages_of_their_own():
    X = table_for(ALSCompleter, rank=2)
    X[4], X[:, 2] = np.nan, np.nan
    with pytest.warns(UserWarning, match="no observed entry: 2") as record:
        ProjectedGDCompleter(rank=2).fit(X)
    assert len(record) == 1
    # Nor do rows of weight zero count, whatever is in them.
    X = with_a_poor_row(table_for(ALSCompleter, rank=2))
    weights = np.ones(X.shape[0])
    weights[7] = 0
    fit = ProjectedGDCompleter(rank=2)
    assert noted(lambda: fit.fit(X, sample_weight=weights)) == []
    assert noted(lambda: fit.fit(X, sample_weight=weights + 1)) != []


def test_complete_tables_have_nothing_to_fill():
    X = low_rank_table(8, 5, rank=2)[0]
    assert noted(lambda: make(NMFCompleter, rank=5).fit(np.abs(X))) == []


def test_folds_are_quiet_and_the_refit_is_not():
    X = with_a_poor_row(table_for(ALSCompleter, rank=2))
    completer = ProjectedGDCompleter(rank=2)
    assert noted(lambda: cross_val_score(completer, X, cv=3)) == []
    search = GridSearchCV(completer, {"rank": [2]}, cv=3)
    assert len(noted(lambda: search.fit(X))) == 1
    assert len(noted(lambda: ProjectedGDCompleter(check="fast").fit(two_blocks()))) == 1


def test_calibration_and_imputation_warn_once():
    X = with_a_poor_row(table_for(ALSCompleter, rank=2))
    X[:, 0] = 1.0
    conformal = ConformalCompleter(ProjectedGDCompleter(rank=3), random_state=0)
    assert len(noted(lambda: conformal.fit(X))) == 1
    # A seed by which the row is part of the first resample, that which is looked at.
    options = {"m": 4, "bootstrap": True, "random_state": 2}
    draws = noted(lambda: multiple_impute(ALSCompleter(2, alpha=0), X, **options))
    assert len(draws) == 1


def test_exact_is_refused_for_pairs():
    from skmc import SymmetricGDCompleter

    with pytest.raises(ValueError, match="'check' parameter"):
        SymmetricGDCompleter(check="exact").fit(np.eye(3))
    with pytest.raises(ValueError, match="'check' parameter"):
        ALSCompleter(check="never").fit(np.eye(3))


def test_blocks_are_more_than_a_few_entries():
    X = make_low_rank(30, 20, 2, observed=0.7, random_state=0).X
    wide = np.full((32, 22), np.nan)
    wide[:30, :20] = X
    wide[30, 20], wide[31, [20, 21]] = 1.0, 2.0
    found = [
        noted(lambda t=t: ALSCompleter(2, alpha=1.0).fit(t)) for t in (wide, np.nan_to_num(wide))
    ]
    assert found == [[], []]
    wide[30, 21] = 1.0
    table = Part.of(Pattern(*np.nonzero(~np.isnan(wide)), wide.shape))
    assert _by_blocks(table, int(np.isnan(wide).sum())).number == 30 * 2 + 20 * 2
    assert _by_blocks(table, 100_000) is None


def test_a_lone_entry_costs_no_copy_of_the_others():
    table = make_ratings(3000, 2000, 300_000, random_state=0).X.tocsr()
    lone = sparse.block_diag([table, sparse.coo_array([[3.0]])]).tocsr()
    observed = Pattern(*lone.nonzero(), lone.shape).observed()
    part = Part.of(observed)
    tracemalloc.start()
    found = _by_blocks(part, lone.shape[0] * lone.shape[1] - lone.nnz)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is None
    # A number of eight bytes for each entry would be as much.
    assert peak < 8 * 65536 * 8 < 8 * 2 * lone.nnz


def path(n):
    """Entries along a path through all rows and columns."""
    i = np.arange(n)
    return Pattern(np.repeat(i, 2), np.stack([i, i + 1], axis=1).ravel(), (n, n + 1))


def test_the_fast_check_of_a_path_is_linear():
    observed = path(5_000).observed()
    part = Part.of(observed)
    tracemalloc.start()
    found = _by_counts(part, 2, 2, symmetric=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.number == 5_000 * 5_001 - 10_000
    # Two masks of all lines for each of 5000 rounds would be 50 MB.
    assert peak < 5e6


def test_what_does_not_fit_in_memory_is_said(monkeypatch):
    def refuse(*_):
        raise MemoryError("Some matrices take 9 GB.")

    X = table_for(ALSCompleter, rank=2)
    monkeypatch.setattr("skmc._diagnosis._motions.DENSE_UNKNOWNS", 0)
    monkeypatch.setattr("skmc._diagnosis._motions.check_fits", refuse)
    completer = ALSCompleter(2, alpha=0, check="exact")
    (message,) = noted(lambda: completer.fit(X))
    assert "could not check" in message
    assert message.endswith("Some matrices take 9 GB.")
    report = completer.report(X)
    assert report.completability == "Some matrices take 9 GB."
    assert not isinstance(report.certificate, str)


@pytest.mark.parametrize("check", ["fast", "exact"])
def test_signs_decide_of_lines_with_zeros_alone(check):
    X = np.abs(table_for(NMFCompleter, rank=2))
    poor = with_a_poor_row(X)
    for value, number in ((0.0, 0), (1.0, 1)):
        poor[7, np.flatnonzero(~np.isnan(poor[7]))] = value
        fit = NMFCompleter(2, alpha=0, check=check)
        messages = noted(lambda fit=fit: fit.fit(poor))
        assert len(messages) == number
        filled = fit.transform(poor)[7]
        assert value or not filled.any()
    assert (
        "without the signs; other values would fit as well, where signs leave room" in messages[0]
    )
    assert "1 row(s): 7" in messages[0]


def test_in_folds_what_users_ask_for_is_said():
    X = with_a_poor_row(table_for(ALSCompleter, rank=2))

    def scorer(estimator, X, y=None):
        estimator.__class__(rank=2).fit(X)
        return 0.0

    folds = [(np.arange(len(X)), np.arange(len(X)))] * 2
    quiet, loud = ProjectedGDCompleter(rank=2), ProjectedGDCompleter(rank=2, check="exact")
    assert noted(lambda: cross_val_score(quiet, X, cv=folds)) == []
    assert len(noted(lambda: cross_val_score(quiet, X, cv=folds, scoring=scorer))) == 2
    assert len(noted(lambda: cross_val_score(loud, X, cv=folds))) == 2
