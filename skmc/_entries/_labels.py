"""Labels of any type as numbers, and numbers of labels that are known already."""

from numbers import Number

import numpy as np

# Labels handled at a time, so that temporary arrays stay small.
BLOCK = 1 << 16
NUMBERS = "biuf"


def encode_labels(labels, name, user):
    """Distinct labels, and each label as its position among them.

    Parameters
    ----------
    labels : ndarray or pandas series of shape (n_entries,)
        Labels; a missing or infinite one is a ValueError.
    name : str
        What they label, row or column.
    user : str
        Who asks; both are named in error messages.

    Returns
    -------
    distinct : ndarray of shape (n_labels,)
        The labels that occur, sorted if they can be, else in the order of their appearance.
    codes : ndarray of int32, shape (n_entries,)
        Position of each label.
    """
    if isinstance(labels.dtype, np.dtype):
        labels = np.asarray(labels)
    if hasattr(labels, "factorize") or labels.dtype.kind == "O":
        distinct, codes = _hashed(labels, name)
    elif labels.dtype.kind in "iu" and _is_narrow(labels):
        return _counted(labels)
    else:
        distinct, codes = np.unique(labels, return_inverse=True)
    codes = codes.astype(np.int32, copy=False)
    missing = is_missing(distinct)
    if missing.any() or codes.min() < 0:
        check_no_missing(np.where(np.append(missing, True)[codes], -1, codes), name, user)
    order = _sorting(distinct)
    if order is not None:
        rank = np.empty(order.size, dtype=np.int32)
        rank[order] = np.arange(order.size, dtype=np.int32)
        distinct, codes = distinct[order], rank[codes]
    return distinct, codes


def _hashed(labels, name):
    """Distinct labels in the order of their appearance, and codes, -1 where pandas has no label."""
    try:
        if hasattr(labels, "factorize"):
            codes, distinct = labels.factorize()
            return distinct.to_numpy(), codes
        numbers = {}
        codes = np.fromiter(
            (numbers.setdefault(label, len(numbers)) for label in labels), np.int32, labels.size
        )
    except TypeError as error:
        raise TypeError(
            f"A {name} label given in the X argument must be hashable, as a string or a number "
            f"is: {error}"
        ) from error
    return np.fromiter(numbers, object, len(numbers)), codes


def _sorting(distinct):
    """Positions that sort hashed labels, or None if they are in order or have no order."""
    if distinct.dtype.kind == "O":
        labels = distinct.tolist()
        try:
            return np.array(sorted(range(len(labels)), key=labels.__getitem__))
        except TypeError:
            return None
    if (distinct[1:] > distinct[:-1]).all():
        return None
    return np.argsort(distinct)


def _is_narrow(labels):
    """Whether a table with an element for each whole number in the range of labels is small."""
    low, high = int(labels.min()), int(labels.max())
    return high - low < 2 * labels.size and high <= np.iinfo(np.int64).max


def _counted(labels):
    low, high = int(labels.min()), int(labels.max())
    blocks = [slice(start, start + BLOCK) for start in range(0, labels.size, BLOCK)]
    present = np.zeros(high - low + 1, dtype=bool)
    for block in blocks:
        present[labels[block].astype(np.int64) - low] = True
    number = np.cumsum(present, dtype=np.int32) - np.int32(1)
    codes = np.empty(labels.size, dtype=np.int32)
    for block in blocks:
        codes[block] = number[labels[block].astype(np.int64) - low]
    return (np.flatnonzero(present) + low).astype(labels.dtype), codes


def label_array(labels, known, name):
    """Labels that a user lists, in a form that can be found among those that are known.

    Parameters
    ----------
    labels : array-like of shape (n_labels,)
        What the user gave.
    known : ndarray
        Distinct labels as `encode_labels` returns them.
    name : str
        Parameter that they were given as; named in error messages.

    Returns
    -------
    labels : ndarray or pandas series of shape (n_labels,)
        The labels.
    """
    if not hasattr(labels, "factorize"):
        # A list of labels of several types stays that, and a tuple in it may be a label.
        objects = known.dtype.kind == "O" and isinstance(labels, (list, tuple))
        labels = np.fromiter(labels, object) if objects else np.asarray(labels)
    if len(labels.shape) != 1:
        raise ValueError(
            f"{name} must be a 1-D list of labels; got {len(labels.shape)} dimensions."
        )
    return labels


def find_labels(known, labels, name, user):
    """Positions of labels among those that are known.

    Parameters
    ----------
    known : ndarray of shape (n_labels,)
        Distinct labels as `encode_labels` returns them.
    labels : ndarray or pandas series of shape (n_entries,)
        Labels to find; a missing or infinite one is a ValueError.
    name, user : str
        As for `encode_labels`.

    Returns
    -------
    codes : ndarray of int32, shape (n_entries,)
        Position of each label, -1 if it is unknown.
    """
    distinct, codes = encode_labels(labels, name, user)
    return _positions(known, distinct)[codes]


def _positions(known, labels):
    kinds = ["n" if kind in NUMBERS else kind for kind in (known.dtype.kind, labels.dtype.kind)]
    if kinds[0] != kinds[1] or kinds[0] == "O":
        # As Python compares them; a dictionary, as the known ones may have no order.
        numbers = {label: number for number, label in enumerate(known.tolist())}
        found = (numbers.get(label, -1) for label in labels.tolist())
        return np.fromiter(found, np.int32, labels.size)
    with np.errstate(invalid="ignore", over="ignore"):
        # In one type, as NumPy would compare large whole numbers of different types as floats.
        same = labels.astype(known.dtype)
    at = np.minimum(np.searchsorted(known, same), known.size - 1)
    return np.where((known[at] == same) & (same == labels), at, -1).astype(np.int32)


def label_types(labels):
    """Names of the types that labels have.

    Parameters
    ----------
    labels : ndarray
        Labels of any type.

    Returns
    -------
    names : set of str
        Numbers of all types are "number", as they are equal if their values are.
    """
    if labels.dtype.kind in NUMBERS:
        return {"number"}
    if labels.dtype.kind != "O":
        return {labels.dtype.type.__name__.rstrip("_")}
    return {
        "number" if isinstance(label, Number) else type(label).__name__ for label in labels.tolist()
    }


def is_missing(labels):
    """Find missing labels.

    Parameters
    ----------
    labels : ndarray or pandas series
        Labels of any type.

    Returns
    -------
    missing : ndarray of bool
        True where a label is None, NaN, NaT, NA or infinite.
    """
    if hasattr(labels, "isna"):
        return labels.isna().to_numpy()
    if labels.dtype.kind == "O":
        return np.frompyfunc(_is_null, 1, 1)(labels).astype(bool)
    if labels.dtype.kind == "f":
        return ~np.isfinite(labels)
    return labels != labels


def _is_null(label):
    try:
        return label is None or bool(label != label) or _is_infinite(label)
    except TypeError:  # pandas.NA has no truth value
        return True


def _is_infinite(label):
    return isinstance(label, (float, np.floating)) and bool(np.isinf(label))


def check_no_missing(codes, name, user):
    """Raise ValueError if there are missing labels.

    Parameters
    ----------
    codes : ndarray of int
        Numbers of the labels, -1 where one is missing.
    name : str
        What they label, row or column.
    user : str
        Who asks.
    """
    missing = codes < 0
    if missing.any():
        raise ValueError(
            f"{np.count_nonzero(missing)} {name} label(s) are missing (None, NaN, NA) or inf, the "
            f"first at position {np.argmax(missing)}. {user} needs the row and column labels of "
            "observed entries; to_entries gives those of a matrix with holes."
        )
