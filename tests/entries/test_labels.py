"""Labels of any type as numbers."""

import decimal
import tracemalloc

import numpy as np
import pytest

from skmc._entries import encode_labels, find_labels, label_columns, take_column
from skmc._entries._labels import label_types

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

WORDS = ["b", "a", "c", "a"]
KINDS = {
    "int": np.array([3, -7, 9, -7]),
    "int8": np.array([3, -128, 127, -128], dtype=np.int8),
    "wide": np.array([3, -(2**62), 2**62, -(2**62)]),
    "huge": np.array([2**64 - 2, 2**64 - 3, 2**64 - 1, 2**64 - 3], dtype=np.uint64),
    "bool and more": np.array([True, False, 2, False], dtype=object),
    "float": np.array([0.5, -1.0, 3.0, -1.0]),
    "text": np.array(WORDS),
    "objects": np.array(WORDS, dtype=object),
    "dates": np.array(["2020-02-01", "2020-01-01", "2020-03-01", "2020-01-01"], dtype="M8[D]"),
    "decimals": np.array([decimal.Decimal(x) for x in "2131"], dtype=object),
    "series": pd.Series([3, 1, 9, 1], index=[5, 5, 5, 5]),
    "text series": pd.Series(WORDS),
    "object series": pd.Series(WORDS, dtype=object),
    "nullable": pd.Series([3, 1, 9, 1], dtype="Int64"),
    "categories": pd.Series(pd.Categorical(WORDS, categories=["z", "c", "b", "a"])),
    "zoned": pd.Series(pd.to_datetime(["2020-02-01", "2020-01-01", "2020-03-01", "2020-01-01"]))
    .dt.tz_localize("UTC"),
}  # fmt: skip
KINDS["decimals"][2] = decimal.Decimal(5)


@pytest.mark.parametrize("kind", KINDS)
def test_distinct_labels_are_sorted(kind):
    labels = KINDS[kind]
    distinct, codes = encode_labels(labels, "row", "Test")
    assert codes.dtype == np.int32
    assert codes.tolist() == [1, 0, 2, 0]
    assert (distinct[codes] == np.asarray(labels)).all()
    assert find_labels(distinct, labels, "row", "Test").tolist() == [1, 0, 2, 0]
    assert find_labels(distinct[1:], labels, "row", "Test").tolist() == [0, -1, 1, -1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *[(kind, "number") for kind in ("int8", "huge", "bool and more", "float", "nullable")],
        *[(kind, "str") for kind in ("text", "objects", "object series", "categories")],
        ("dates", "datetime64"),
        ("zoned", "Timestamp"),
    ],
)
def test_types_of_labels(kind, name):
    assert label_types(encode_labels(KINDS[kind], "row", "Test")[0]) == {name}


def test_labels_without_an_order_come_as_they_appear():
    labels = np.empty(4, dtype=object)
    labels[:] = ["b", (1, 2), 7, "b"]
    distinct, codes = encode_labels(labels, "row", "Test")
    assert distinct.tolist() == ["b", (1, 2), 7]
    assert codes.tolist() == find_labels(distinct, labels, "row", "Test").tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("known", "labels", "expected"),
    [
        ([1, 2, 30], [2.0, 2.5, 1e300], [1, -1, -1]),
        ([1.0, 2.5], [1, 2, 3], [0, -1, -1]),
        (["a", "b"], ["b", "bb", "c"], [1, -1, -1]),
        (["a", "b"], np.array(["b", "bb", 3], dtype=object), [1, -1, -1]),
        (np.array(["a", "b"], dtype=object), ["b", "c", ""], [1, -1, -1]),
        ([1, 2], ["1", "2", "3"], [-1, -1, -1]),
        (["1", "2"], [1, 2, 3], [-1, -1, -1]),
        (np.array([2**63 + 1], np.uint64), np.array([-1, 2**62, 1]), [-1, -1, -1]),
        (np.array([2**62 + 1]), np.array([2**62, 2**62 + 1, 0], np.uint64), [-1, 0, -1]),
        (np.array(["2020-01-01"], "M8[D]"),
         np.array(["2020-01-01T00", "2020-01-01T01", "2020-01-02T00"], "M8[h]"), [0, -1, -1]),
    ],
)  # fmt: skip
def test_known_labels_of_another_type(known, labels, expected):
    assert find_labels(np.asarray(known), np.asarray(labels), "row", "Test").tolist() == expected


@pytest.mark.parametrize(
    "labels",
    [
        np.array([1.0, np.nan, 2.0, np.nan]),
        np.array([1.0, np.inf, 2.0, -np.inf]),
        np.array(["a", None, "b", float("nan")], dtype=object),
        np.array([1, pd.NA, 2, pd.NaT], dtype=object),
        np.array(["2020-01-01", "NaT", "2020-01-02", "NaT"], dtype="M8[D]"),
        pd.Series(["a", None, "b", None]),
        pd.Series(["a", None, "b", None], dtype="category"),
        pd.Series([1, None, 2, None], dtype="Int64"),
        pd.Series([1.0, np.inf, 2.0, None]),
        pd.Series([1, None, "b", pd.NA], dtype=object),
    ],
    ids=str,
)
def test_missing_labels(labels):
    message = r"2 column label\(s\) are missing .* the first at position 1\. Test needs"
    with pytest.raises(ValueError, match=message):
        encode_labels(labels, "column", "Test")
    with pytest.raises(ValueError, match=message):
        find_labels(np.arange(3), labels, "column", "Test")
    with pytest.raises(ValueError, match=r"1 column label.* at position 0"):
        encode_labels(labels[1:2], "column", "Test")


@pytest.mark.parametrize("make", [lambda x: x, pd.Series])
def test_labels_that_cannot_be_hashed(make):
    labels = np.empty(2, dtype=object)
    labels[:] = ["a", {"b": 1}]
    with pytest.raises(TypeError, match="row label given in the X argument must be hashable"):
        encode_labels(make(labels), "row", "Test")


def test_whole_numbers_take_little_memory():
    X = np.random.default_rng(0).integers(5000, size=(500_000, 2))
    tracemalloc.start()
    encode_labels(X[:, 0], "row", "Test")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(X)


FRAME = {"when": [1, 2], "item": ["x", "y"], "user": ["a", "b"]}
TABLES = {
    "array": np.array([[1, "x", "a"], [2, "y", "b"]], dtype=object),
    "list": [[1, "x", "a"], [2, "y", "b"]],
    "pandas": pd.DataFrame(FRAME),
    "polars": pl.DataFrame(FRAME),
}


@pytest.mark.parametrize("kind", TABLES)
def test_columns_of_labels(kind):
    X = TABLES[kind]
    names = [("user", "item"), ("user", 1)] if kind in ("pandas", "polars") else []
    for row, column in [(2, 1), *names]:
        rows, columns = label_columns(X, row, column, "Test")
        assert list(rows) == ["a", "b"]
        assert list(columns) == ["x", "y"]
        assert list(take_column(X, 2, "time")) == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        ("array", (0, 3), "column=3 is no column of X, which has 3 columns"),
        ("pandas", (-1, 0), "row=-1 is no column of X, which has 3 columns"),
        ("list", ("user", 0), "row='user' is no column of X, which has no names: give a position"),
        ("pandas", (0, "film"), "column='film' is no .*columns are .'when', 'item', 'user'"),
        ("polars", ("film", 0), "row='film' is no column of X, whose columns are .'when'"),
        ("pandas", ("item", 1), "row='item' and column=1 are the same column"),
    ],
)
def test_columns_that_are_not_there(kind, keys, message):
    with pytest.raises(ValueError, match=message):
        label_columns(TABLES[kind], *keys, "Test")
