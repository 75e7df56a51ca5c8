"""Descriptions and tests of patterns of holes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from skmc.datasets import make_low_rank
from skmc.diagnostics import _little, missingness
from skmc.diagnostics._little import little_test


def correlated(n, m, seed, correlation=0.6):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.normal(size=(n, m))


def completely_at_random(X, fraction, seed):
    return np.where(np.random.default_rng(seed).random(X.shape) < fraction, np.nan, X)


def at_random(X, seed, strength=2.0):
    """Holes in all columns but the first, more where the first is large."""
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(1.0 - strength * X[:, :1]))
    hole = rng.random(X.shape) < np.broadcast_to(p, X.shape)
    hole[:, 0] = False
    return np.where(hole, np.nan, X)


def test_counts():
    X = np.array([[1.0, np.nan, 2.0, np.nan], [np.nan, np.nan, 3.0, np.nan], [4.0, 5.0, 6.0, 7.0]])
    report = missingness(X)
    assert report.fraction == pytest.approx(5 / 12)
    np.testing.assert_allclose(report.missing_in_row, [0.5, 0.75, 0.0])
    np.testing.assert_allclose(report.missing_in_column, [1 / 3, 2 / 3, 0, 2 / 3])
    assert report.n_patterns == 3
    # The columns 2, 0, then 1 and 3: each row observes the first of them.
    assert report.staircase == 1.0
    assert report.n_components == 1


def test_blocks_and_stairs():
    X = np.full((40, 30), np.nan)
    X[:20, :10], X[20:, 10:] = 1.0, 2.0
    blocks = missingness(X)
    assert (blocks.n_components, blocks.n_patterns) == (2, 2)
    assert blocks.staircase < 0.8
    stairs = np.where(np.arange(30) < 30 - np.arange(40)[:, None] % 25, 1.0, np.nan)
    shuffled = stairs[np.random.default_rng(0).permutation(40)][:, ::-1]
    assert missingness(shuffled).staircase == 1.0


def two_blocks():
    X = make_low_rank(100, 20, 2, observed=0.7, noise=0.1, random_state=2).truth.copy()
    X[:50, 10:] = np.nan
    X[50:, :10] = np.nan
    return X, "2 blocks without a common row or column"


def stairs():
    X = np.random.default_rng(1).normal(size=(40, 30))
    return np.where(np.arange(30) < 30 - np.arange(40)[:, None] % 25, X, np.nan), "a staircase"


def two_questionnaires():
    X = np.random.default_rng(2).normal(size=(300, 9))
    X[::2, 3:6], X[1::2, 6:] = np.nan, np.nan
    return X, "2 patterns of rows"


@pytest.mark.parametrize("make", [two_blocks, stairs, two_questionnaires])
def test_holes_that_come_together_are_structure(make):
    X, expected = make()
    order = np.random.default_rng(3).permutation(len(X))
    for table in (X, X[order], X[:, ::-1]):
        report = missingness(table)
        assert report.structure.startswith(expected)
        assert report.verdict.startswith(f"structured: {expected}")
    # The same number of holes in each column, but in rows of its own choice.
    mixed = np.random.default_rng(4).permuted(X, axis=0)
    assert missingness(mixed).structure == ""


@pytest.mark.parametrize(("n", "m"), [(5, 3), (20, 2), (60, 1), (200, 4), (60, 20)])
def test_chance_makes_no_structure(n, m):
    rng = np.random.default_rng(0)
    found = []
    for fraction in np.tile([0.05, 0.3, 0.5, 0.8], 10):
        hole = rng.random((n, m)) < fraction
        hole[0, 0] = False
        found.append(missingness(np.where(hole, np.nan, rng.normal(size=(n, m)))).structure)
    assert sum(map(bool, found)) <= 1


def test_where_no_test_applies_the_verdict_is_open():
    X = np.array([[1.0, np.nan], [2.0, 3.0]])
    report = missingness(X)
    assert (report.little, report.n_pairs) == (None, 0)
    assert report.verdict.startswith("cannot tell")
    uneven = np.where(np.arange(40) < [[40], [3]], 1.0, np.nan)
    assert missingness(uneven).verdict.endswith("cannot tell whether values matter")


def test_what_is_not_compared_has_a_reason():
    X, _ = two_blocks()
    report = missingness(X)
    assert report.row_reason == "not compared: all rows have 10 entries"
    assert "spreads of columns differ more than 3 times" in report.column_reason
    assert "nan" not in repr(report)
    assert "fewer than three rows have entries" in repr(missingness(X[:2, :10]))
    plain = missingness(completely_at_random(correlated(60, 8, 0), 0.4, 1))
    assert (plain.row_reason, plain.column_reason) == ("", "")


def test_sparse_and_dense_agree():
    X = completely_at_random(correlated(60, 8, 0), 0.4, 1)
    i, j = np.nonzero(~np.isnan(X))
    stored = sparse.csr_array((X[i, j], (i, j)), shape=X.shape)
    assert repr(missingness(X)) == repr(missingness(stored))


def test_complete_data_have_nothing_to_tell():
    report = missingness(correlated(30, 4, 0))
    assert report.verdict == "nothing is missing"
    assert report.little is None
    assert report.uniform_p_value == 1.0


def test_holes_that_depend_on_another_column_are_found():
    X = at_random(correlated(300, 4, 0), 1)
    report = missingness(X)
    assert report.little.p_value < 1e-3
    assert report.verdict.startswith("holes have to do with values")
    first = report.dependences[0]
    assert first.value == 0
    assert first.missing > 0
    assert first.difference > 0.3
    where = np.isnan(X[:, first.missing])
    standard = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    assert first.difference == pytest.approx(standard[where].mean() - standard[~where].mean())


def test_welch_is_that_of_scipy():
    from scipy.stats import ttest_ind

    X = at_random(correlated(200, 3, 3), 4)
    for found in missingness(X).dependences:
        where, value = np.isnan(X[:, found.missing]), X[:, found.value]
        parts = [value[w & ~np.isnan(value)] for w in (where, ~where)]
        # Six pairs, less those without both kinds of rows: the first column has no holes.
        expected = ttest_ind(*parts, equal_var=False).pvalue * 4
        assert found.p_value == pytest.approx(expected, rel=1e-6)


def test_rows_that_are_observed_more_where_values_are_high():
    rng = np.random.default_rng(0)
    level = rng.normal(size=(200, 1))
    X = level + 0.3 * rng.normal(size=(200, 60))
    X[rng.random(X.shape) > 1 / (1 + np.exp(-level))] = np.nan
    report = missingness(X)
    assert report.row_correlation[0] > 0.8
    one = missingness(X[:2])
    assert np.isnan(one.row_correlation[1])
    assert one.verdict
    assert report.verdict.startswith("holes have to do with values")


def test_uneven_rows_alone_are_no_sign_of_values():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((150, 60)) < rng.uniform(0.2, 0.9, (150, 1)), 0.0, np.nan)
    X += rng.normal(size=X.shape)
    report = missingness(X)
    assert report.uniform_p_value < 1e-6
    assert report.verdict.startswith("rows or columns differ")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((30, 8), "fewer than 5 for each"), ((600, 60), "more than the 50")],
)
def test_little_says_why_it_does_not_apply(shape, reason):
    report = missingness(completely_at_random(correlated(*shape, 0), 0.2, 1))
    assert report.little is None
    assert reason in report.little_reason
    assert reason in repr(report)


def test_little_with_one_hole_column_is_hotelling():
    # Two columns, holes in the second alone: the statistic compares two means of the first.
    X = correlated(80, 2, 0)
    X[:30, 1] = np.nan
    test, _ = little_test(X)
    first = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    variance = 80 / 79
    gaps = first[:30].mean() ** 2 * 30 + first[30:].mean() ** 2 * 50
    # On the complete rows the second mean is off by what the first predicts.
    assert test.degrees_of_freedom == 1
    assert test.statistic == pytest.approx(gaps / variance, rel=1e-4)


def normal_by_rows(X, mean, covariance):
    """A step of EM by the textbook, row by row."""
    n, m = X.shape
    filled, rest = X.copy(), np.zeros((m, m))
    for row in filled:
        o, h = ~np.isnan(row), np.isnan(row)
        weights = np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, h)]).T
        row[h] = mean[h] + weights @ (row[o] - mean[o])
        rest[np.ix_(h, h)] += covariance[np.ix_(h, h)] - weights @ covariance[np.ix_(o, h)]
    gaps = filled - filled.mean(axis=0)
    return filled.mean(axis=0), (gaps.T @ gaps + rest) / n


@pytest.mark.parametrize("fraction", [0.1, 0.4, 0.75])
@pytest.mark.parametrize("block", [40, 1 << 21])
def test_the_normal_fit_stands_still_under_em(fraction, block, monkeypatch):
    monkeypatch.setattr(_little, "BLOCK", block)
    X = completely_at_random(correlated(120, 5, 0), fraction, 1)
    X = X[~np.isnan(X).all(axis=1)]
    mask = ~np.isnan(X)
    patterns, group = np.unique(mask, axis=0, return_inverse=True)
    data = _little._Grouped(np.where(mask, X, 0.0), patterns, group.ravel())
    mean, covariance = _little._normal_fit(data)
    expected = normal_by_rows(X, mean, covariance)
    np.testing.assert_allclose(mean, expected[0], atol=2 * _little.SETTLED)
    np.testing.assert_allclose(covariance, expected[1], atol=2 * _little.SETTLED)
    start = normal_by_rows(X, np.zeros(5), np.eye(5) + 0.3)
    step = _little._em_step(data, np.vstack([np.zeros(5), np.eye(5) + 0.3]))
    np.testing.assert_allclose(step, np.vstack(start), atol=1e-7)


def test_the_fit_survives_columns_that_follow_from_others():
    X = correlated(200, 4, 0)
    X = np.column_stack([X, X[:, 0], X[:, 1] + X[:, 2]])
    test, _ = little_test(completely_at_random(X, 0.2, 1))
    assert 0.001 < test.p_value <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(150, 4), (300, 6)])
def test_little_keeps_its_level_and_has_power(n, m):
    null = [
        little_test(completely_at_random(correlated(n, m, seed), 0.15, seed + 10**6))[0].p_value
        for seed in range(500)
    ]
    assert 0.03 <= np.mean(np.array(null) < 0.05) <= 0.07
    power = [little_test(at_random(correlated(n, m, s), s + 10**6))[0].p_value for s in range(60)]
    assert np.mean(np.array(power) < 0.05) > 0.95


def test_the_frame_has_a_row_for_every_line():
    pytest.importorskip("pandas")
    X = completely_at_random(correlated(30, 4, 0), 0.3, 1)
    frame = missingness(X).to_frame()
    np.testing.assert_allclose(frame["missing"][:30], np.isnan(X).mean(axis=1))


def test_units_of_columns_are_no_sign_of_anything():
    """Holes by column alone, whatever the columns are measured in."""
    rng = np.random.default_rng(0)
    part = np.linspace(0.1, 0.6, 30)
    X = np.where(rng.random((400, 30)) < part, np.nan, rng.normal(size=(400, 30)) + 1.0)
    unit = np.geomspace(1.0, 1e4, 30)
    report = missingness(X * unit)
    assert np.isnan(report.column_correlation[1])
    assert "values" in report.verdict
    assert report.verdict == missingness(X).verdict
    assert "not missing completely" not in report.verdict


def test_the_verdict_counts_its_tests():
    """Four tests of one question at 1 % each would err in up to 4 % of tables."""
    report = missingness(completely_at_random(correlated(100, 5, 0), 0.3, 1))
    assert report.little is not None
    for p, plain in ((0.004, True), (0.002, False)):
        found = replace(report, row_correlation=(0.3, p))
        assert ("not missing completely at random" not in found.verdict) == plain
    alone = replace(report, row_correlation=(0.3, 0.004), column_correlation=(np.nan, np.nan))
    assert "not missing completely at random" in replace(alone, little=None).verdict


@pytest.mark.slow
def test_the_verdict_keeps_its_level():
    verdicts = [
        missingness(completely_at_random(correlated(150, 6, seed), 0.2, seed + 10**6)).verdict
        for seed in range(1000)
    ]
    assert np.mean([verdict.startswith("holes") for verdict in verdicts]) <= 0.018
