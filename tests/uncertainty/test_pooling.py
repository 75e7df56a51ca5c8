"""Rubin's rules against figures by hand, and regressions against their textbook formulas."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge

from skmc import pool, pool_regression


def test_by_hand():
    """W = 1, B = 1, T = 1 + 4/3, lambda = 4/7; df_old = 2 (7/4)^2 = 49/8."""
    pooled = pool([1.0, 2.0, 3.0], [0.5, 1.0, 1.5])
    assert (pooled.estimate, pooled.within, pooled.between, pooled.n_tables) == (2, 1, 1, 3)
    assert pooled.variance == pytest.approx(7 / 3)
    assert pooled.df == pytest.approx(49 / 8)
    # (r + 2 / (df + 3)) / (1 + r) with r = 4/3.
    assert pooled.missing_information == pytest.approx((4 / 3 + 16 / 73) / (7 / 3))
    lower, upper = pooled.confidence_interval()
    assert upper - 2 == pytest.approx(2 - lower)
    assert upper - 2 == pytest.approx(stats.t(49 / 8).ppf(0.975) * np.sqrt(7 / 3))
    assert pooled.p_value == pytest.approx(2 * stats.t(49 / 8).sf(2 / np.sqrt(7 / 3)))


def test_degrees_of_freedom_of_a_small_sample():
    """With 10 of complete data: 11/13 x 10 x 3/7 of the observed, and 1/df = 8/49 + 91/330."""
    pooled = pool([1.0, 2.0, 3.0], [0.5, 1.0, 1.5], df=10)
    assert pooled.df == pytest.approx(1 / (8 / 49 + 91 / 330))
    assert pooled.df < 49 / 8


def test_without_anything_missing_it_is_the_estimate_of_one_table():
    pooled = pool([[1.0, 5.0]] * 4, [[0.25, 4.0]] * 4, df=20, names=["a", "b"])
    np.testing.assert_array_equal(pooled.estimate, [1, 5])
    np.testing.assert_array_equal(pooled.variance, [0.25, 4])
    np.testing.assert_array_equal(pooled.missing_information, 0)
    # Barnard and Rubin's df of complete data: 21 / 23 of them.
    np.testing.assert_allclose(pooled.df, 20 * 21 / 23)
    without = pool([1.0, 1.0], [0.25, 0.25])
    assert np.isinf(without.df)
    assert without.confidence_interval(0.9)[1] == pytest.approx(1 + 0.5 * 1.6448536)


def test_frames():
    pytest.importorskip("pandas")
    frame = pool([[1.0, 5.0], [2.0, 4.0]], [[1.0, 2.0]] * 2, names=["a", "b"]).to_frame(0.8)
    assert list(frame.index) == ["a", "b"]
    assert list(frame.columns) == [
        "estimate", "std_error", "lower", "upper", "p_value", "df", "missing_information",
    ]  # fmt: skip
    assert (frame["lower"] < frame["estimate"]).all()
    assert len(pool([1.0, 2.0], [1.0, 1.0]).to_frame()) == 1


def test_names_that_are_no_text_are_printed():
    pooled = pool([[1.0, 5.0], [2.0, 4.0]], [[1.0, 2.0]] * 2, names=[1, (2, 3)])
    assert [line.split(" 1.5 ")[0].strip()[:6] for line in repr(pooled).splitlines()[2:]] == [
        "1", "(2, 3)",
    ]  # fmt: skip


def test_they_are_printed_as_a_table():
    pooled = pool([[1.0, 5.0], [2.0, 4.0]], [[1.0, 2.0]] * 2, df=20, names=["a", "long name"])
    title, header, *rows = repr(pooled).splitlines()
    assert title == "Rubin's rules, 2 tables, 95 % intervals"
    lower, upper = pooled.confidence_interval()
    for k, row in enumerate(rows):
        assert row.startswith(pooled.names[k])
        numbers = dict(zip(header.split(), row[len("long name") :].split(), strict=True))
        for name, values in (
            ("estimate", pooled.estimate), ("std_error", pooled.std_error), ("lower", lower),
            ("upper", upper), ("p_value", pooled.p_value), ("df", pooled.df),
            ("missing_information", pooled.missing_information),
        ):  # fmt: skip
            assert float(numbers[name]) == pytest.approx(values[k], rel=1e-3)
    # Columns are aligned, and numbered without names.
    assert len({len(line) for line in (header, *rows)}) == 1
    assert repr(pool([1.0, 2.0], [1.0, 1.0])).splitlines()[2].split()[:2] == ["0", "1.5"]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (([1.0], [1.0]), {}, "at least two tables; there are estimates from 1"),
        (([1.0, 2.0], [1.0]), {}, r"\(2,\) and \(1,\)"),
        (([1.0, np.nan], [1.0, 1.0]), {}, "estimates must be finite; 1 are not, .* table 1"),
        (([1.0, 2.0], [1.0, -1.0]), {}, "not negative; 1 are not, the first from table 1"),
        (([1.0, 2.0], [1.0, 1.0]), {"df": 0}, "df must be positive"),
        (([1.0, 2.0], [1.0, 1.0]), {"names": ["a", "b"]}, "2 names"),
    ],
)
def test_what_cannot_be_pooled(given, options, message):
    with pytest.raises(ValueError, match=message):
        pool(*given, **options)


def test_levels_are_between_zero_and_one():
    with pytest.raises(ValueError, match="between 0 and 1"):
        pool([1.0, 2.0], [1.0, 1.0]).confidence_interval(95)


def fit_by_formula(X, y):
    """Least squares with an intercept, as a fit of statsmodels has it."""
    A = np.column_stack([np.ones(len(X)), X])
    inverse = np.linalg.inv(A.T @ A)
    params = inverse @ A.T @ y
    df = A.shape[0] - A.shape[1]
    variance = np.sum((y - A @ params) ** 2) / df
    return SimpleNamespace(params=params, bse=np.sqrt(variance * np.diag(inverse)), df_resid=df)


def tables(k=3):
    data = load_diabetes().data[:, :5] * 20
    rng = np.random.default_rng(0)
    return [data + 0.1 * rng.standard_normal(data.shape) for _ in range(k)]


def test_least_squares_and_functions_agree():
    one = pool_regression(LinearRegression(), tables(), target=2)
    two = pool_regression(fit_by_formula, tables(), target=2)
    assert one.names == ("intercept", "x0", "x1", "x3", "x4")
    for name in ("estimate", "variance", "between", "df"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name))


def test_standard_errors_of_one_column_are_those_of_scipy():
    x, y = tables(1)[0][:, :2].T
    table = np.column_stack([x, y])
    pooled = pool_regression(LinearRegression(), [table, table], target=1)
    known = stats.linregress(x, y)
    np.testing.assert_allclose(pooled.estimate, [known.intercept, known.slope])
    np.testing.assert_allclose(pooled.std_error, [known.intercept_stderr, known.stderr])


def test_a_target_that_is_no_column_and_no_intercept():
    y = load_diabetes().target
    pooled = pool_regression(LinearRegression(fit_intercept=False), tables(), target=y)
    assert pooled.names == ("x0", "x1", "x2", "x3", "x4")
    expected = np.mean([np.linalg.lstsq(A, y)[0] for A in tables()], axis=0)
    np.testing.assert_allclose(pooled.estimate, expected)


def test_frames_have_names():
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame(table, columns=list("abcde")) for table in tables()]
    pooled = pool_regression(LinearRegression(), frames, target="b")
    assert pooled.names == ("intercept", "a", "c", "d", "e")
    by_number = pool_regression(LinearRegression(), tables(), target=1)
    np.testing.assert_allclose(pooled.estimate, by_number.estimate)
    with pytest.raises(ValueError, match="'z' is no column of the tables"):
        pool_regression(LinearRegression(), frames, target="z")


@pytest.mark.parametrize("regression", [Ridge(), LinearRegression(positive=True), "ols"])
def test_regressions_without_errors_are_refused(regression):
    with pytest.raises(TypeError, match=r"Nothing is known of the errors"):
        pool_regression(regression, tables(), target=0)


def test_columns_that_the_regression_drops_for_their_units_are_refused():
    """Least squares that is cut off at tol has other errors than those of all columns."""
    unit = np.array([1.0, 1.0, 1e-8, 1.0, 1.0])
    if not LinearRegression().fit(np.eye(3) * [1e-8, 1, 1], np.ones(3)).rank_ < 3:
        pytest.skip("This LinearRegression keeps all columns.")
    scaled = [table * unit for table in tables()]
    with pytest.raises(ValueError, match=r"used 3 of 4 columns.*StandardScaler.*tol="):
        pool_regression(LinearRegression(), scaled, target=0)
    expected = pool_regression(LinearRegression(), tables(), target=0)
    pooled = pool_regression(LinearRegression(tol=1e-12), scaled, target=0)
    np.testing.assert_allclose(pooled.estimate, expected.estimate / [1, *unit[1:]], rtol=1e-6)
    np.testing.assert_allclose(pooled.std_error, expected.std_error / [1, *unit[1:]], rtol=1e-6)


def test_coefficients_that_are_not_determined_are_refused():
    twice = [np.column_stack([table, table[:, 1]]) for table in tables()]
    with pytest.raises(ValueError, match="442 rows and columns of rank 5 do not determine 6"):
        pool_regression(LinearRegression(), twice, target=0)
