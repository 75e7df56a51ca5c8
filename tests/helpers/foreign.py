"""Sparse matrices, entries and files that someone else has made, as Hypothesis draws them."""

import io
import json
import zipfile
from dataclasses import dataclass

import numpy as np
from factor_files import as_npy
from hypothesis import strategies as st
from scipy import sparse

INDEX_TYPES = (np.int32, np.int64, np.uint32, np.uint64, np.int16, np.int8, np.float64)
VALUE_TYPES = (np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_, np.complex128)
EXTREMES = (-1, 2**31 - 1, 2**31, 2**62, 2**63 - 1, -(2**63), -(2**31))


def mostly(odds, usual, *others):
    """Draws from a strategy, and one time in so many from one of the others."""
    # `one_of` would count equal strategies once.
    share = [usual] * (odds * len(others) - len(others))
    return st.sampled_from([*share, *others]).flatmap(lambda strategy: strategy)


SIZES = mostly(12, st.integers(1, 6), st.sampled_from([0, 10**6, 2**31, 2**40]))
LABELS = st.one_of(
    st.integers(-3, 5), st.sampled_from(EXTREMES), st.floats(), st.text(max_size=3), st.none(),
    st.booleans(), st.binary(max_size=2), st.tuples(st.integers(0, 2)),
)  # fmt: skip


def indices(size):
    """Whole numbers, of which most are indices into so much."""
    inside = st.integers(0, max(min(size, 100) - 1, 0))
    return mostly(60, inside, st.integers(-2, size + 2), st.sampled_from(EXTREMES))


def cast(values, kind):
    """The numbers as a type, wrapped or rounded as C would."""
    exact = np.array([int(v) & (2**64 - 1) for v in values], np.uint64)
    return (exact if np.dtype(kind).kind == "u" else exact.view(np.int64)).astype(kind)


@st.composite
def numbers(draw, size, bound):
    """An index array of about this size."""
    size = draw(mostly(12, st.just(size), st.integers(0, size + 2)))
    kind = draw(st.sampled_from(INDEX_TYPES[:2] * 12 + INDEX_TYPES))
    return cast(draw(st.lists(indices(bound), min_size=size, max_size=size)), kind)


@st.composite
def values(draw, size):
    """An array of values of about this size."""
    size = draw(mostly(12, st.just(size), st.integers(0, size + 2)))
    kind = draw(st.sampled_from(VALUE_TYPES[:2] * 8 + VALUE_TYPES))
    mild = st.floats(-10, 10, width=16)
    elements = st.one_of(mild, mild, st.floats()) if draw(st.integers(0, 5)) == 0 else mild
    drawn = draw(st.lists(elements, min_size=size, max_size=size))
    with np.errstate(all="ignore"):
        return np.array(drawn, np.float64).astype(kind)


@st.composite
def sparse_matrices(draw):
    """Sparse matrices of any format whose parts need not fit each other."""
    form = draw(st.sampled_from(["csr", "csc", "coo"] * 4 + ["lil", "dok", "bsr", "dia"]))
    n, m = draw(SIZES), draw(SIZES)
    kind = draw(st.sampled_from([f"{form}_array", f"{form}_matrix"]))
    small = (min(n, 6), min(m, 6))
    if form not in ("csr", "csc", "coo"):
        return getattr(sparse, kind)(np.ones(small) if 0 not in small else small)
    X = getattr(sparse, kind)(small)
    X._shape = (n, m)
    nnz = draw(st.integers(0, 8))
    X.data = draw(values(nnz))
    if form == "coo":
        X.coords = draw(numbers(nnz, n)), draw(numbers(nnz, m))
        return X
    lines, other = (n, m) if form == "csr" else (m, n)
    pointers = draw(numbers(min(lines, 6) + 1, nnz + 1))
    if draw(st.integers(0, 4)) > 0 and pointers.size:
        pointers = np.sort(pointers.clip(0, nnz))
        pointers[0], pointers[-1] = 0, nnz
    X.indptr, X.indices = pointers, draw(numbers(nnz, other))
    return X


@st.composite
def triplets(draw):
    """Coordinates, values and options of from_entries."""
    size = draw(st.integers(0, 8))
    is_sound = draw(st.integers(0, 3)) > 0
    places = mostly(60, st.integers(0, 5), st.sampled_from(EXTREMES))
    labels = places if is_sound else LABELS
    rows = [[draw(labels), draw(labels)] for _ in range(size)]
    if is_sound:
        rows = cast([x for row in rows for x in row], np.int64).reshape(-1, 2)
    wild = st.tuples(SIZES, SIZES) if is_sound else st.tuples(LABELS, LABELS)
    shape = draw(mostly(4, st.none(), wild))
    return rows, draw(values(size)), {
        "shape": shape,
        "sparse": draw(st.booleans()),
        "duplicates": draw(st.sampled_from(["raise", "mean", "last", "last"])),
    }  # fmt: skip


@dataclass(frozen=True)
class Archive:
    """The parts of a file of factors, and its bytes."""

    parts: dict
    whole: bytes

    @classmethod
    def read(cls, path):
        """Take a file apart."""
        with zipfile.ZipFile(path) as file:
            return cls(
                {info.filename: file.read(info) for info in file.infolist()}, path.read_bytes()
            )

    @property
    def header(self):
        """The header as JSON."""
        return json.loads(str(np.load(io.BytesIO(self.parts["header.npy"]))))


KEYS = ("array", "scalar", "objects", "float", "list", "tuple", "dict", "estimator", "class",
        "params", "state", "x")  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
JSON = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)
    ),
    max_leaves=5,
)
ARRAY_TYPES = ("<f8", "<f4", ">f8", "<i8", "<i4", "|b1", "|u1", "<U3", "<M8[s]", "<f2", "<c16")


@st.composite
def damaged_files(draw, archives):
    """Bytes of a file with damage to its bytes, to its parts, or to what its header says."""
    archive = draw(st.sampled_from(archives))
    how = draw(st.sampled_from(["bytes", "part", "array", "header", "header"]))
    if how == "bytes":
        return draw(damaged(archive.whole))
    parts = dict(archive.parts)
    name = draw(st.sampled_from(sorted(parts)))
    if how == "part":
        parts[name] = draw(damaged(parts[name]))
    elif how == "array":
        shape = draw(st.lists(st.integers(0, 30), max_size=3))
        kind = draw(st.sampled_from(ARRAY_TYPES))
        fill = draw(st.integers(-2, 50))
        parts[name] = as_npy(np.full(shape, abs(fill) if kind == "|u1" else fill).astype(kind))
    else:
        header = archive.header
        for _ in range(draw(st.integers(1, 3))):
            _change(draw, header, sorted(archive.parts))
        parts["header.npy"] = as_npy(np.array(json.dumps(header)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for part, content in parts.items():
            file.writestr(part, content)
    return out.getvalue()


@st.composite
def damaged(draw, content):
    """Bytes of which some are changed, cut out or repeated."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(0, 16))
        new = draw(st.one_of(st.binary(max_size=16), st.just(bytes(content[at : at + length]) * 2)))
        content[at : at + length] = new
    return bytes(content)


def _change(draw, header, names):
    """Put another value, or that of another place, somewhere into a header."""
    places = list(_places(header))
    node, key = draw(st.sampled_from(places))
    other, name = draw(st.sampled_from(places))
    array = st.sampled_from(names).map(lambda name: {"array": name.removesuffix(".npy")})
    new = draw(st.one_of(JSON, array, st.just(json.loads(json.dumps(other[name])))))
    if draw(st.integers(0, 5)) == 0:
        node.pop(key)
    else:
        node[key] = new


def _places(node):
    for key, value in list(node.items()):
        yield node, key
        if isinstance(value, dict):
            yield from _places(value)
