"""Dense input: precision, containers, dimensions, marks; bad input is in `reliability`."""

import numpy as np
import pytest
from registry import GENERAL, at, make, supports

from skmc import ALSCompleter

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
NAMES = ["a", "b", "c", "d", "e"]


def table():
    """A 12 x 5 table of rank 1 with offsets and nine holes."""
    rng = np.random.default_rng(0)
    X = np.outer(rng.normal(size=12), rng.normal(size=5)) + rng.normal(size=5)
    X.flat[rng.permutation(X.size)[:9]] = np.nan
    return X


def completer(**params):
    return ALSCompleter(rank=1, alpha=0.5, keep_observed=False, **params)


@pytest.mark.parametrize("E", GENERAL)
def test_float32_stays_float32(E):
    X = table().astype(np.float32)
    model = make(E, add_indicator=True).fit(X)
    assert model.transform(X).dtype == np.float32
    assert model.fit_transform(X).dtype == np.float32
    assert model.row_factors(X).dtype == np.float32
    assert model.leave_one_out(X).dtype == np.float32
    assert model.predict_entries([0], [0]).dtype == np.float32
    assert type(model.score(X)) is float


@pytest.mark.parametrize("E", GENERAL)
def test_float32_agrees_with_float64(E):
    X = table()
    model = at(E, rank=1)
    single = model.fit_transform(X.astype(np.float32))
    # Equations can be matched to the rounding of their multipliers only.
    atol = 2e-3 if "interpolates" in supports(E) else 1e-4
    np.testing.assert_allclose(single, model.fit_transform(X), atol=atol)


def test_observed_values_come_back_in_the_container():
    X = table()
    frame = pd.DataFrame(X, columns=NAMES, index=list("abcdefghijkl"))
    out = ALSCompleter(rank=1).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == NAMES
    assert list(out.index) == list(frame.index)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(out.to_numpy()[seen], X[seen])
    polars = (
        ALSCompleter(rank=1)
        .set_output(transform="polars")
        .fit_transform(pl.DataFrame(X, schema=NAMES))
    )
    assert polars.columns == NAMES
    np.testing.assert_array_equal(polars.to_numpy(), out.to_numpy())


DATES = pd.date_range("2020-01-01", periods=12)


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (pd.Series(DATES), "dates"),
        (pd.Series(DATES - DATES[0]), "durations"),
        (pd.Series(list("xyz") * 4, dtype="category"), "categories"),
        (pd.Series([1, 2, 3] * 4).astype("category"), "categories"),
        (pd.Series(list("xyz") * 4, dtype="string"), "text"),
        (pd.Series(list("xyz") * 4), "text|could not convert"),
        (pd.Series(list("123") * 4, dtype="string"), "text"),
        (pd.Series(DATES.to_period("D")), "dates"),
    ],
    ids=[
        "datetime",
        "timedelta",
        "category",
        "numeric category",
        "string",
        "str",
        "digits",
        "period",
    ],
)
def test_columns_that_are_no_numbers_are_named(column, what):
    frame = pd.DataFrame(table(), columns=NAMES)
    frame["when or where"] = column
    with pytest.raises((TypeError, ValueError), match=rf"'when or where'.*({what})"):
        ALSCompleter().fit(frame)


@pytest.mark.parametrize("kind", ["datetime", "categorical", "string"])
def test_polars_columns_that_are_no_numbers_are_named(kind):
    values = {
        "datetime": pl.Series(DATES.to_pydatetime().tolist()),
        "categorical": pl.Series(list("xyz") * 4, dtype=pl.Categorical),
        "string": pl.Series(list("xyz") * 4),
    }[kind]
    frame = pl.DataFrame(table(), schema=NAMES).with_columns(values.alias("odd one"))
    with pytest.raises((TypeError, ValueError), match="odd one"):
        ALSCompleter().fit(frame)


def test_infinity_in_a_frame():
    frame = pd.DataFrame(table(), columns=NAMES)
    frame.loc[4, "b"] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*row 4, column 1"):
        ALSCompleter().fit(frame)


@pytest.mark.parametrize("X", [1.0, np.arange(3.0), np.ones((2, 2, 2))])
def test_dimensions(X):
    with pytest.raises(ValueError, match=r"(?i)expected 2D array|dim 3"):
        ALSCompleter().fit(X)


def test_missing_values_as_a_number():
    X = table()
    expected = completer().fit_transform(X)
    for data, mark in ((np.nan_to_num(X, nan=-1.0), -1), (X, "nan")):
        found = completer(missing_values=mark).fit_transform(data)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
    with pytest.raises(ValueError, match=r"NaN \(9 of them.*missing_values=-1"):
        ALSCompleter(missing_values=-1).fit(X)


WRONG = [
    *({"max_iter": v} for v in (0, -1, 2.5, "many")),
    *({"tol": v} for v in (-1.0, np.nan, "small")),
    *({"center": "rows"}, {"scale": 2.0}, {"init": "zeros"}, {"n_jobs": 1.5}, {"verbose": -1}),
    *({"missing_values": "NA"}, {"missing_values": None}, {"random_state": "seed"}),
]


@pytest.mark.parametrize(
    ("E", "params"),
    [(E, p) for E in GENERAL for p in WRONG if p.keys() <= E().get_params().keys()],
    ids=str,
)
def test_parameters_of_all(E, params):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter of {E.__name__}"):
        E(**params).fit(table())
