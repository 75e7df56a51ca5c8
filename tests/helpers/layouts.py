"""The forms in which a table of numbers with holes may come, NaN arrays being what they start from.

Those of WHOLE hold whole numbers from 0 to 100.
"""

import decimal

import numpy as np
import pandas as pd
import polars as pl


def frame(X):
    return pd.DataFrame(X, columns=names(X))


def names(X):
    return [f"c{j}" for j in range(X.shape[1])]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def with_null(X, null):
    return np.where(np.isnan(X), null, X.astype(object))


def masked(X, dtype=float, hidden=1e9):
    return np.ma.array(np.nan_to_num(X, nan=hidden).astype(dtype), mask=np.isnan(X))


def nullable(X, dtype):
    return frame(X).astype("Float64").astype(dtype)


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
    "objects with None": lambda X: with_null(X, None),
    "objects with pd.NA": lambda X: with_null(X, pd.NA),
    "objects with NaT": lambda X: with_null(X, pd.NaT),
    "decimals": lambda X: np.vectorize(decimal.Decimal, otypes=[object])(X),
    "masked array": np.ma.masked_invalid,
    "masked array, 1e9 hidden": masked,
    "DataFrame": frame,
    "DataFrame of Float64": lambda X: nullable(X, "Float64"),
    "DataFrame of double[pyarrow]": lambda X: nullable(X, "double[pyarrow]"),
    "DataFrame of objects": lambda X: frame(with_null(X, None)),
    "DataFrame of objects with NA": lambda X: frame(with_null(X, pd.NA)),
    "mixed DataFrame": lambda X: frame(X).astype({"c1": "Float64", "c3": object}),
    "integer column names": pd.DataFrame,
    "polars": lambda X: pl.DataFrame(X, schema=names(X)),
    "polars with null": lambda X: pl.DataFrame(X, schema=names(X)).fill_nan(None),
}
WHOLE = {
    "Int64": lambda X: nullable(X, "Int64"),
    "UInt8": lambda X: nullable(X, "UInt8"),
    "int64[pyarrow]": lambda X: nullable(X, "Int64").astype("int64[pyarrow]"),
    "polars Int32": lambda X: pl.DataFrame(X, schema=names(X)).fill_nan(None).cast(pl.Int32),
    "float16": lambda X: X.astype(np.float16),
    "masked int8": lambda X: masked(X, np.int8, 101),
}
# Without holes, the missing entries marked by 101.
MARKED = ("int8", "uint8", "int16", ">i4", "int64", "uint64", "float16", "longdouble")


def state(X):
    """What a table holds, to compare before and after."""
    if isinstance(X, np.ma.MaskedArray):
        return X.data.tobytes(), X.mask.tobytes()
    return X.tobytes() if isinstance(X, np.ndarray) and X.dtype != object else repr(X)
