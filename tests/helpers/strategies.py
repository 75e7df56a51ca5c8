"""Tables of any shape, pattern, type, weight and scale, as Hypothesis draws them."""

from dataclasses import dataclass, field

import numpy as np
from faults import is_non_negative, is_symmetric, to_sparse
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.utils.validation import has_fit_parameter

# The last three mark the ends of the range of float64, at which tables may be refused.
POWERS = st.one_of(st.integers(-20, 20), st.integers(-300, 300), st.sampled_from([-323, 307, 308]))
ODD_VALUES = (0.0, -0.0, 1e300, -1e300, 1e38, 5e-324, 1e-40, np.inf, -np.inf)
ODD_WEIGHTS = (0.0, 1e-300, 1e-12, 1e12, 1e13, -1.0, np.inf, np.nan)
DENSE = ("array", "fortran", "strided", "list", "masked", "frame")
SPARSE = ("csr", "csc", "coo")


@dataclass
class Table:
    """What a user hands to a fit: X in some form, weights, and what X holds as plain arrays."""

    full: np.ndarray = field(repr=False)
    X: object
    weights: dict

    @property
    def observed(self):
        """The entries that X holds: True where one is observed."""
        return ~np.isnan(self.full)

    def snapshot(self):
        """All that a call could change, as bytes."""
        parts = [self.X, *self.weights.values()]
        return [content for part in parts for content in _contents(part)]


def _contents(part):
    if sparse.issparse(part):
        names = ("row", "col", "data") if part.format == "coo" else ("indptr", "indices", "data")
        return [(name, getattr(part, name).dtype, getattr(part, name).tobytes()) for name in names]
    if isinstance(part, np.ma.MaskedArray):
        return [part.data.tobytes(), np.ma.getmaskarray(part).tobytes()]
    return [repr(part) if isinstance(part, list) else np.asarray(part).tobytes()]


@st.composite
def tables(draw, E):
    """Tables for a completer: of any sign, non-negative or symmetric; not all of them are sound."""
    n = draw(st.integers(1, 8))
    m = n if is_symmetric(E) else draw(st.integers(1, 8))
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int64]))
    values, mask = draw(_values(n, m)), draw(_patterns(n, m))
    if is_symmetric(E):
        values, mask = np.triu(values) + np.triu(values, 1).T, np.triu(mask) | np.triu(mask, 1).T
    if is_non_negative(E):
        values = np.abs(values)
    form = draw(st.sampled_from(DENSE + SPARSE))
    if dtype == np.int64:
        values = np.round(np.clip(values, -1e9, 1e9)) + 0.0  # integers have no -0.0
    # Lists are read as float64, and so are integers.
    kind = np.float32 if dtype == np.float32 and form != "list" else np.float64
    with np.errstate(over="ignore", under="ignore"):
        full = np.where(mask, values.astype(kind), kind(np.nan))
    X = _in_form(full, form)
    if dtype == np.int64 and (form in SPARSE or (form in ("array", "frame") and mask.all())):
        X = X.astype(np.int64)
    weights = {}
    if has_fit_parameter(E(), "sample_weight"):
        weights = draw(_weights(full, form in SPARSE, symmetric=is_symmetric(E)))
    return Table(full, X, weights)


@st.composite
def _values(draw, n, m):
    """Values times a power of ten, a column in other units, an odd value here or there."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    kind = draw(st.sampled_from(["low rank", "noise", "constant", "counts", "drawn"]))
    if kind == "low rank":
        values = np.outer(rng.normal(size=n), rng.normal(size=m)) + rng.normal(size=m)
    elif kind == "noise":
        values = rng.normal(size=(n, m))
    elif kind == "constant":
        values = np.full((n, m), draw(st.floats(-10, 10)))
    elif kind == "counts":
        values = rng.poisson(1.0, (n, m)).astype(float)
    else:
        values = draw(hnp.arrays(float, (n, m), elements=st.floats(-100, 100)))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values = values * 10.0 ** draw(POWERS)
        if draw(st.booleans()):
            values[:, draw(st.integers(0, m - 1))] *= 10.0 ** draw(st.integers(-12, 12))
        values = np.nan_to_num(values, nan=0.0)
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, n - 1)), draw(st.integers(0, m - 1))
        values[at] = draw(st.sampled_from(ODD_VALUES))
    return values


def _patterns(n, m):
    """Masks: any at all, full ones, and those in which rows and columns are seldom empty."""
    often = st.sampled_from([True, True, True, False])
    return st.one_of(
        hnp.arrays(bool, (n, m), elements=often),
        hnp.arrays(bool, (n, m), elements=st.booleans()),
        st.just(np.ones((n, m), bool)),
    )


@st.composite
def _weights(draw, full, is_sparse, *, symmetric):
    """Arguments of fit: none, weights of entries in the form of X, or weights of rows."""
    n, m = full.shape
    how = draw(st.sampled_from(["none", "none", "entry", "sample"]))
    if how == "none":
        return {}
    shape = (n, m) if how == "entry" else (n,)
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    weights = rng.uniform(0.1, 3.0, shape) if draw(st.booleans()) else np.ones(shape)
    if draw(st.integers(0, 3)) == 0:
        at = tuple(draw(st.integers(0, size - 1)) for size in shape)
        weights[at] = draw(st.sampled_from(ODD_WEIGHTS))
    if how == "sample":
        return {"sample_weight": weights}
    if symmetric:
        weights = np.triu(weights) + np.triu(weights, 1).T
    if is_sparse:
        rows, columns = np.nonzero(~np.isnan(full))
        at = weights[rows, columns], (rows, columns)
        weights = sparse.coo_array(at, shape=full.shape).tocsr()
    return {"entry_weight": weights}


def _in_form(full, form):
    if form in SPARSE:
        return to_sparse(full, form)
    if form == "array":
        return full.copy()
    if form == "fortran":
        return np.asfortranarray(full)
    if form == "strided":
        wide = np.full((2 * full.shape[0], 3 * full.shape[1]), 7, full.dtype)
        wide[::2, ::3] = full
        return wide[::2, ::3]
    if form == "list":
        return [[None if np.isnan(x) else float(x) for x in row] for row in full]
    if form == "masked":
        return np.ma.masked_array(np.where(np.isnan(full), 7, full), np.isnan(full))
    import pandas as pd

    return pd.DataFrame(full)
