"""Conformal intervals: the quantile by brute force, the pattern, and coverage by theorem."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from problems import observe
from registry import EVERY
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from suited import small, table_for

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    ConformalCompleter,
    NMFCompleter,
    SymmetricGDCompleter,
)
from skmc._conformal import Calibration, count_beyond, fit_pattern, row_effects
from skmc._propensity import fit_propensity
from skmc.completers._set_aside import choose_entries


def table(seed, *, uneven=False, n=120, m=100, rank=3):
    """A noisy matrix of low rank, and where it has holes.

    If they are uneven, the noise is larger where entries are rarely observed.
    """
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, m)) / np.sqrt(rank)
    p, noise = np.full((n, m), 0.5), 0.3
    if uneven:
        p = expit(-0.3 + rng.normal(size=(n, 1)) + rng.normal(size=m))
        noise = 1.2 * (1 - p)
    return Z + noise * rng.normal(size=Z.shape), rng.random(Z.shape) > p


def coverage(completer, seeds, *, uneven=False, **options):
    """Part of the missing entries within their intervals, for each seed."""
    found = []
    for seed in seeds:
        Y, holes = table(seed, uneven=uneven)
        conformal = ConformalCompleter(completer, random_state=seed, **options)
        lower, upper = conformal.fit(np.where(holes, np.nan, Y)).predict_entries_interval(
            *np.nonzero(holes)
        )
        found.append(np.mean((lower <= Y[holes]) & (Y[holes] <= upper)))
    return np.array(found)


# The quantile


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_are_those_of_the_weighted_distribution(seed):
    """By exact fractions, from the definition, with ties and odds that differ."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(0, 12))
    scores, odds = rng.integers(0, 6, k) / 4, rng.integers(1, 9, k) / 8
    alpha = Fraction(int(rng.integers(1, 10)), 10)
    calibration = Calibration.of(scores, odds, float(alpha))
    wanted = rng.integers(0, 40, 30) / 8
    found = calibration.quantile(wanted)
    for h, q in zip(wanted, found, strict=True):
        total = sum(map(Fraction, odds), Fraction(h))
        enough = [
            s for s in scores
            if sum(Fraction(x) for x, t in zip(odds, scores, strict=True) if t <= s)
            >= (1 - alpha) * total
        ]  # fmt: skip
        assert q == min(enough, default=np.inf)
        if abs(h - calibration.largest_odds) > 1e-9:
            assert np.isinf(q) == (h > calibration.largest_odds)


@pytest.mark.parametrize(("n", "rank"), [(8, None), (9, 9), (18, 18), (19, 18), (20, 19)])
def test_with_equal_odds_it_is_the_order_statistic(n, rank):
    """The ceil((1 - alpha)(n + 1))-th smallest of n, or none."""
    scores = np.random.default_rng(0).permutation(n) + 1.0
    found = Calibration.of(scores, np.ones(n), 0.1).quantile(np.array(1.0))
    assert found == (np.inf if rank is None else rank)


# The pattern


def test_odds_are_those_of_the_known_chances():
    rng = np.random.default_rng(0)
    p = expit(0.3 + rng.normal(size=(800, 1)) + rng.normal(size=600))
    observed = rng.random(p.shape) < p
    model = fit_propensity(observed.sum(axis=1), observed.sum(axis=0), 0.1)
    i, j = np.indices(p.shape)
    ratio = np.log(model.odds(i, j)) - np.log((1 - p) / p)
    assert np.abs(ratio).mean() < 0.12
    assert abs(ratio.mean()) < 0.02


def test_rows_that_were_not_in_the_fit_have_the_effects_of_rows_like_them():
    _, holes = table(0, uneven=True)
    counts = (~holes).sum(axis=1)
    model = fit_propensity(counts, (~holes).sum(axis=0), 0.1)
    np.testing.assert_allclose(row_effects("row_column", model, counts), model.rows, atol=1e-7)
    empty, full = row_effects("row_column", model, np.array([0, holes.shape[1]]))
    assert empty < model.rows.min()
    assert np.isfinite(full)
    assert full > model.rows.max()


@pytest.mark.parametrize("limit", [-1.0, 0.0, 0.2, 1.0, 5.0, 1e9])
def test_cells_beyond_a_limit_are_counted(limit):
    _, holes = table(0, uneven=True, n=30, m=20)
    model = fit_propensity((~holes).sum(axis=1), (~holes).sum(axis=0), 0.1)
    odds = model.odds(*np.indices(holes.shape))
    found = count_beyond(model, limit, *np.nonzero(~holes))
    assert found == np.count_nonzero(odds[holes] > limit)


def test_where_all_have_one_chance_all_missing_cells_are_beyond_a_limit_or_none():
    observed = observe(np.ones((3, 4)), np.eye(3, 4, dtype=bool))
    model = fit_pattern("uniform", observed)
    at = observed.rows_and_columns()
    assert count_beyond(model, 0.5, *at) == 9
    assert count_beyond(model, 1.5, *at) == 0
    np.testing.assert_array_equal(row_effects("uniform", model, np.arange(5)), 0)


# Coverage

COMPLETERS = {
    "good": ALSCompleter(rank=3),
    "rank too low": ALSCompleter(rank=1),
    "hardly a penalty": ALSCompleter(rank=10, alpha=0.05),
    "nothing but offsets": ALSCompleter(rank=3, alpha=1e6),
}
by_completer = pytest.mark.parametrize("completer", COMPLETERS.values(), ids=COMPLETERS)


@by_completer
def test_coverage_of_what_is_missing_at_random(completer):
    covered = coverage(completer, range(8), propensity="uniform")
    # Between 1 - alpha and that plus one over the number of scores, on average over all draws.
    assert abs(covered.mean() - 0.9) < 0.02


@by_completer
def test_coverage_of_what_is_rarely_observed(completer):
    covered = coverage(completer, range(8), uneven=True)
    assert abs(covered.mean() - 0.9) < 0.03


def test_without_a_model_of_the_pattern_too_few_are_covered():
    covered = coverage(ALSCompleter(rank=3), range(8), uneven=True, propensity="uniform")
    assert covered.max() < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.3])
@by_completer
def test_coverage_at_other_levels(completer, alpha):
    for uneven in (False, True):
        covered = coverage(completer, range(40), uneven=uneven, alpha=alpha)
        assert abs(covered.mean() - (1 - alpha)) < 0.015


def test_rows_folded_in_and_new_ones():
    """Rows with the entries set aside are predicted better; new ones are close to the level."""
    seen, new = [], []
    for seed in range(8):
        Y, holes = table(seed)
        X = np.where(holes, np.nan, Y)
        conformal = ConformalCompleter(ALSCompleter(rank=3), random_state=seed).fit(X[:80])
        lower, upper = conformal.predict_interval(X)
        inside = (lower <= Y) & (upper >= Y)
        seen.append(inside[:80][holes[:80]].mean())
        new.append(inside[80:][holes[80:]].mean())
    assert 0.89 < np.mean(seen) < 0.93
    assert 0.87 < np.mean(new) < 0.93


def test_intervals_of_a_bayesian_completer_follow_its_standard_deviations():
    Y, holes = table(0, n=60, m=30)
    X = np.where(holes, np.nan, Y)
    completer = BayesianCompleter(rank=4, n_samples=60, burn_in=30, n_draws=15, random_state=0)
    conformal = ConformalCompleter(completer, random_state=0, propensity="uniform").fit(X)
    i, j = np.nonzero(holes)
    lower, upper = conformal.predict_entries_interval(i, j)
    mean, std = conformal.completer_.predict_entries(i, j, return_std=True)
    factor = (upper - lower) / std
    np.testing.assert_allclose(factor, factor[0], rtol=1e-9)
    np.testing.assert_allclose((upper + lower) / 2, mean, atol=1e-9)
    lower, upper = conformal.predict_interval(X)
    std = conformal.completer_.transform(X, return_std=True)[1]
    np.testing.assert_allclose((upper - lower)[holes], factor[0] * std[holes], rtol=1e-9)


# What is fitted, and what comes back


def test_entries_that_calibrate_have_no_part_in_the_fit():
    Y, holes = table(0)
    X = np.where(holes, np.nan, Y)
    conformal = ConformalCompleter(ALSCompleter(rank=3), random_state=0).fit(X)
    observed = conformal.completer_._validate(X)
    held_out, _ = choose_entries(observed, False, 0.2, 0)
    assert held_out.size == conformal.n_calibration_ == int(0.2 * np.count_nonzero(~holes))
    rows, columns = (part[held_out] for part in observed.rows_and_columns())
    spoilt = X.copy()
    spoilt[rows, columns] += 1e6
    again = clone(conformal).fit(spoilt)
    np.testing.assert_array_equal(again.completer_.components_, conformal.completer_.components_)
    rest = X.copy()
    rest[rows, columns] = np.nan
    alone = ALSCompleter(rank=3).fit(rest)
    np.testing.assert_allclose(
        alone.predict_entries(rows, columns), conformal.predict_entries(rows, columns), atol=1e-8
    )


@pytest.mark.parametrize("E", EVERY)
def test_any_completer(E):
    X = table_for(E)
    conformal = ConformalCompleter(small(E, random_state=0), random_state=0, alpha=0.3).fit(X)
    i, j = np.nonzero(np.isnan(X))
    lower, upper = conformal.predict_entries_interval(i, j)
    assert (lower < upper).all()
    assert np.isinf(upper - lower).sum() == conformal.n_unbounded_
    middle = (lower + upper) / 2
    bounded = np.isfinite(middle)
    np.testing.assert_allclose(middle[bounded], conformal.predict_entries(i, j)[bounded], atol=1e-7)
    np.testing.assert_array_equal(conformal.transform(X), conformal.completer_.transform(X))
    lower, upper = conformal.predict_interval(X)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(lower[seen], X[seen])
    np.testing.assert_array_equal(upper[seen], X[seen])
    assert (lower[~seen] < upper[~seen]).all()


def test_pairs_of_a_symmetric_matrix_are_set_aside_together():
    X = table_for(SymmetricGDCompleter)
    conformal = ConformalCompleter(SymmetricGDCompleter(rank=3), random_state=0, alpha=0.3).fit(X)
    observed = conformal.completer_._validate(X, reset=True)
    one, other = choose_entries(observed, True, 0.2, 0)
    rows, columns = observed.rows_and_columns()
    np.testing.assert_array_equal(rows[one], columns[other])
    np.testing.assert_array_equal(columns[one], rows[other])
    i, j = np.nonzero(np.isnan(X))
    for a, b in zip(
        conformal.predict_entries_interval(i, j),
        conformal.predict_entries_interval(j, i),
        strict=True,
    ):
        np.testing.assert_allclose(a, b)


def test_bounds_cut_intervals_off():
    Y, holes = table(0)
    Y = np.clip(Y, -1, 1)
    completer = ALSCompleter(rank=3, min_value=-1, max_value=1)
    conformal = ConformalCompleter(completer, random_state=0).fit(np.where(holes, np.nan, Y))
    i, j = np.nonzero(holes)
    for lower, upper in (
        conformal.predict_entries_interval(i, j),
        (part[i, j] for part in conformal.predict_interval(np.where(holes, np.nan, Y))),
    ):
        assert lower.min() == -1
        assert upper.max() == 1
        assert np.mean((lower <= Y[i, j]) & (Y[i, j] <= upper)) > 0.87


def test_sparse_tables_give_the_intervals_of_dense_ones():
    Y, holes = table(0)
    holes |= np.random.default_rng(1).random(holes.shape) < 0.5
    X = np.where(holes, np.nan, Y)
    i, j = np.nonzero(~holes)
    S = sparse.csr_array((X[i, j], (i, j)), shape=X.shape)
    conformal = ConformalCompleter(ALSCompleter(rank=3, tol=1e-6), random_state=0)
    one, two = clone(conformal).fit(S), clone(conformal).fit(X)
    for a, b in zip(one.predict_interval(S), two.predict_interval(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.transform(S), two.transform(X), atol=1e-6)


def test_what_does_not_fit_is_refused(monkeypatch):
    S = sparse.random_array((2000, 1000), density=0.05, rng=0, format="csr")
    conformal = ConformalCompleter(ALSCompleter(rank=2, alpha=1), random_state=0).fit(S)
    monkeypatch.setattr("skmc._memory.available_bytes", lambda: 10**7)
    with pytest.raises(MemoryError, match=r"intervals of 2000 x 1000 entries .* slices"):
        conformal.predict_interval(S)
    with pytest.raises(MemoryError, match="slices"):
        conformal.transform(S)
    assert conformal.predict_interval(S[:3])[0].shape == (3, 1000)


def test_too_few_to_calibrate_are_reported():
    Y, holes = table(0)
    X = np.where(holes, np.nan, Y)
    conformal = ConformalCompleter(ALSCompleter(rank=3), calibration_size=8, random_state=0)
    with pytest.warns(UserWarning, match=r"missing entries have unbounded .* the 8 entries"):
        conformal.set_params(propensity="uniform").fit(X)
    assert conformal.n_unbounded_ == np.count_nonzero(holes)
    lower, upper = conformal.predict_entries_interval(*np.nonzero(holes))
    assert np.isneginf(lower).all()
    assert np.isposinf(upper).all()
    with pytest.raises(ValueError, match="leaves nothing to fit the completer to"):
        conformal.set_params(calibration_size=10**6).fit(X)


def test_columns_that_lose_their_only_entry():
    """They are predicted by the offsets, without a warning about X, which has that entry."""
    Y, holes = table(0)
    holes[1:, :10] = True
    holes[0, :10] = False
    X = np.where(holes, np.nan, Y)
    conformal = ConformalCompleter(ALSCompleter(rank=2), calibration_size=0.5, random_state=0)
    conformal.fit(X)
    assert (~conformal.completer_._learned).any()
    assert np.isfinite(conformal.transform(X)).all()
    X[0, 0] = np.nan
    with pytest.warns(UserWarning, match=r"1 column\(s\) of X have no observed entry: 0"):
        conformal.fit(X)


def test_negative_values_are_refused_by_a_completer_that_does():
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        ConformalCompleter(NMFCompleter(rank=2)).fit(-np.ones((20, 10)))


# In scikit-learn


def test_data_frames_pipelines_and_searches():
    pandas = pytest.importorskip("pandas")
    Y, holes = table(0, n=60, m=12)
    frame = pandas.DataFrame(np.where(holes, np.nan, Y), columns=[f"c{j}" for j in range(12)])
    conformal = ConformalCompleter(ALSCompleter(rank=2), random_state=0)
    completed = clone(conformal).set_output(transform="pandas").fit_transform(frame)
    assert list(completed.columns) == list(frame.columns)
    assert not completed.isna().any(axis=None)
    pipeline = make_pipeline(StandardScaler(), conformal).fit(frame)
    assert pipeline.transform(frame).shape == frame.shape
    grid = {"completer__rank": [1, 2, 3]}
    search = GridSearchCV(conformal, grid, cv=KFold(3)).fit(frame)
    assert search.best_params_["completer__rank"] in (1, 2, 3)
    assert clone(conformal).fit(frame).score(frame) <= 1
    assert list(conformal.fit(frame.to_numpy()).get_feature_names_out()) == [
        f"x{j}" for j in range(12)
    ]


INSTANCES = [
    ConformalCompleter(),
    ConformalCompleter(ALSCompleter(rank=2, keep_observed=False), conformity_score="absolute"),
    ConformalCompleter(ALSCompleter(rank=2, add_indicator=True), propensity="uniform"),
]
# Run by scikit-learn on its own estimators only. That of the names of data frames is not among
# them: it is the completer that compares them, and warns in its own name.
UNLISTED = [
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_get_feature_names_out_error",
]


# The checks of sparse input have a hundred cells, too few to say how wide an interval must be.
@pytest.mark.filterwarnings("ignore:.*unbounded intervals:UserWarning")
@parametrize_with_checks(INSTANCES)
def test_sklearn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", UNLISTED)
def test_sklearn_unlisted(check):
    with warnings.catch_warnings():
        # Provoked by the checks, which give names to `fit` and none to `transform`.
        warnings.filterwarnings("ignore", message=".*feature names.*", category=UserWarning)
        getattr(estimator_checks, check)("ConformalCompleter", ConformalCompleter(random_state=0))
