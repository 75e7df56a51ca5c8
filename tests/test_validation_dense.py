"""Dense input of every kind: the same numbers give the same fit, and what is wrong is named."""

import numpy as np
import pytest
from registry import GENERAL, at, make, supports

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
NAMES = ["a", "b", "c", "d", "e"]


def table(*, integers=False, seed=0):
    """A 12 x 5 table of rank 1 with offsets and nine holes."""
    rng = np.random.default_rng(seed)
    X = np.outer(rng.normal(size=12), rng.normal(size=5)) + rng.normal(size=5)
    X = np.round(10 * X) if integers else X
    X.flat[rng.permutation(X.size)[:9]] = np.nan
    return X


def completer(**params):
    return ALSCompleter(rank=1, alpha=0.5, keep_observed=False, **params)


def bytes_of(X):
    return X.tobytes() if isinstance(X, np.ndarray) and X.dtype != object else repr(X)


def assert_same_fit(X, reference, **params):
    """X is completed as the NaN array `reference` is, and is left as it was."""
    expected = completer().fit_transform(reference)
    before = bytes_of(X)
    model = completer(**params)
    found = model.fit_transform(X)
    assert bytes_of(X) == before
    np.testing.assert_allclose(np.asarray(found, dtype=float), expected, rtol=0, atol=1e-11)
    model.transform(X)
    assert model.score(X) <= 1
    assert bytes_of(X) == before


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "read-only": read_only,
    "negative strides": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "big-endian": lambda X: X.astype(">f8"),
    "matrix of objects": lambda X: X.astype(object),
    "longdouble": lambda X: X.astype(np.longdouble),
    "nested lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X)),
    "lists with None": lambda X: [[None if np.isnan(x) else x for x in row] for row in X],
    "objects with None": lambda X: np.where(np.isnan(X), None, X),
    "objects with pd.NA": lambda X: np.where(np.isnan(X), pd.NA, X.astype(object)),
    "masked array": lambda X: np.ma.masked_invalid(X),
    "masked array, 1e9 hidden": lambda X: np.ma.array(np.nan_to_num(X, nan=1e9), mask=np.isnan(X)),
    "DataFrame": lambda X: pd.DataFrame(X, columns=NAMES),
    "DataFrame of Float64": lambda X: pd.DataFrame(X, columns=NAMES).astype("Float64"),
    "DataFrame of double[pyarrow]": lambda X: (
        pd.DataFrame(X, columns=NAMES).astype("Float64").astype("double[pyarrow]")
    ),
    "DataFrame of objects": lambda X: pd.DataFrame(np.where(np.isnan(X), None, X), columns=NAMES),
    "DataFrame of objects with NA": lambda X: pd.DataFrame(
        np.where(np.isnan(X), pd.NA, X.astype(object)), columns=NAMES
    ),
    "mixed DataFrame": lambda X: pd.DataFrame(X, columns=NAMES).astype(
        {"b": "Float64", "d": object}
    ),
    "integer column names": lambda X: pd.DataFrame(X),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "polars with null": lambda X: pl.DataFrame(X, schema=NAMES).fill_nan(None),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_kinds_of_input_are_the_same_numbers(kind):
    X = table()
    assert_same_fit(LAYOUTS[kind](X), X)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: pd.DataFrame(X, columns=NAMES).astype("Int64"),
        lambda X: pd.DataFrame(X, columns=NAMES).astype("Int64").astype("int64[pyarrow]"),
        lambda X: pl.DataFrame(X, schema=NAMES).fill_nan(None).cast(pl.Int32),
        lambda X: X.astype(np.float16),
        lambda X: np.ma.array(np.nan_to_num(X).astype(np.int16), mask=np.isnan(X)),
    ],
    ids=["Int64", "int64[pyarrow]", "polars Int32", "float16", "masked int16"],
)
def test_whole_numbers(convert):
    X = table(integers=True)
    assert_same_fit(convert(X), X)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.int32, bool])
def test_integers_with_a_mark(dtype):
    X = np.abs(table(integers=True)) % 100
    if dtype is bool:
        X = np.where(np.isnan(X), np.nan, X % 2)
        whole = np.nan_to_num(X, nan=0).astype(bool)
        X = whole.astype(float)
        assert_same_fit(whole, X)
        return
    marked = np.nan_to_num(X, nan=101).astype(dtype)
    assert_same_fit(marked, X, missing_values=101)


def test_memmap(tmp_path):
    X = table()
    np.save(tmp_path / "X.npy", X)
    assert_same_fit(np.load(tmp_path / "X.npy", mmap_mode="r"), X)


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


def test_pandas_sparse_columns_are_refused_with_the_way_out():
    frame = pd.DataFrame(table(), columns=NAMES)
    frame["c"] = pd.arrays.SparseArray(np.zeros(12))
    with pytest.raises(TypeError, match=r"'c' is a pandas Sparse column.*scipy\.sparse"):
        ALSCompleter().fit(frame)


@pytest.mark.parametrize("dtype", ["datetime64[D]", "timedelta64[s]"])
def test_dates_in_arrays(dtype):
    with pytest.raises(TypeError, match="dates and durations"):
        ALSCompleter().fit(np.arange(6).reshape(3, 2).astype(dtype))


@pytest.mark.parametrize(
    "X", [np.full((3, 2), "a"), np.array([["a", 1.0], [None, 2.0]], dtype=object)]
)
def test_text_in_arrays(X):
    with pytest.raises((TypeError, ValueError), match=r"(?i)convert|numeric"):
        ALSCompleter().fit(X)


def test_complex():
    with pytest.raises(ValueError, match="Complex data not supported"):
        ALSCompleter().fit(np.ones((3, 2), dtype=complex))


@pytest.mark.parametrize("E", GENERAL)
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform", "score", "row_factors"])
def test_infinity_is_counted_and_located(E, value, method):
    X = table()
    model = make(E).fit(X)
    X[3, 1] = X[7, 2] = value
    with pytest.raises(ValueError, match=r"infinity.*\(2 of them, the first at row 3, column 1\)"):
        getattr(model, method)(X)


def test_infinity_in_a_frame():
    frame = pd.DataFrame(table(), columns=NAMES)
    frame.loc[4, "b"] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*row 4, column 1"):
        ALSCompleter().fit(frame)


@pytest.mark.parametrize("E", GENERAL)
def test_nothing_observed(E):
    with pytest.raises(ValueError, match="All 4 x 3 entries of X are missing"):
        E().fit(np.full((4, 3), np.nan))
    with pytest.raises(ValueError, match="All 4 x 3 entries of X are missing"):
        E(missing_values=-1).fit(np.full((4, 3), -1.0))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty_arrays(shape):
    with pytest.raises(ValueError, match=r"minimum of 1 is required|0 (sample|feature)"):
        ALSCompleter().fit(np.empty(shape))


@pytest.mark.parametrize("X", [1.0, np.arange(3.0), np.ones((2, 2, 2))])
def test_dimensions(X):
    with pytest.raises(ValueError, match=r"(?i)expected 2D array|dim 3"):
        ALSCompleter().fit(X)


@pytest.mark.parametrize("method", ["transform", "score", "row_factors", "leave_one_out"])
def test_number_of_columns_names_both(method):
    model = ALSCompleter().fit(table())
    with pytest.raises(ValueError, match=r"X has 12 features.*expecting 5 features"):
        getattr(model, method)(table().T)


def test_missing_values_as_a_number():
    X = table()
    assert_same_fit(np.nan_to_num(X, nan=-1.0), X, missing_values=-1)
    assert_same_fit(X, X, missing_values="nan")
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


@pytest.mark.parametrize(
    ("E", "params"),
    [
        (E, {"rank": v})
        for E in (ALSCompleter, ProjectedGDCompleter)
        for v in (0, -1, 2.5, True, "2")
    ]
    + [(SoftImputeCompleter, {"max_rank": v}) for v in (0, -1, 2.5, True)]
    + [(ALSCompleter, {"alpha": v}) for v in (-1, np.nan, np.inf, "big", None)]
    + [(SoftImputeCompleter, {"alpha": v}) for v in (0, -1, np.nan, np.inf, "big", None)]
    + [(ProjectedGDCompleter, {"step_size": v}) for v in (0, -1.0, np.nan, np.inf, "long", None)]
    + [(ProjectedGDCompleter, {"momentum": "heavy"})],
    ids=str,
)
def test_parameters_of_one(E, params):
    # Refused before the data are looked at.
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter of {E.__name__}"):
        E(**params).fit("no data")


def test_init_of_the_wrong_shape():
    for init in (np.ones((2, 4)), np.ones((3, 5)), np.full((2, 5), np.nan)):
        with pytest.raises(ValueError, match=r"init must be finite and of shape.*\(2, 5\)"):
            ALSCompleter(rank=2, init=init).fit(table())


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([-3], r"1 values outside 0 \.\.\. 11, the first -3 at position 0"),
        ([0, 12, 99], r"2 values outside 0 \.\.\. 11, the first 12 at position 1"),
        ([2**53 + 1], "outside"),
        ([0.5], "must hold integers"),
        ([np.nan], "must hold integers"),
        ([np.inf], "must hold integers|outside"),
        (["0"], "must hold integers"),
        ([[0]], "must be 1-D"),
    ],
)
def test_codes_that_are_no_rows(codes, message):
    model = ALSCompleter().fit(table())
    with pytest.raises(ValueError, match=f"rows (must|has).*{message}|rows {message}"):
        model.predict_entries(codes, np.zeros(len(codes), dtype=int))
    with pytest.raises(ValueError, match="cols"):
        model.predict_entries(np.zeros(len(codes), dtype=int), codes)


def test_codes_of_different_lengths():
    with pytest.raises(ValueError, match="rows has 2 entries, cols 1"):
        ALSCompleter().fit(table()).predict_entries([0, 1], [0])
