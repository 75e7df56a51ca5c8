"""Cells of a matrix that entries lie in; several entries may lie in the same."""

import numpy as np

from skmc._observed import compressed, row_major


def compress_entries(
    rows, columns, values, shape, duplicates, *, weights=None, labels=None, weigh_equal=False
):
    """Entries as compressed rows, those of the same cell made one.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n_entries,)
        Position of each entry.
    values : ndarray of float, shape (n_entries,)
        Its value, finite.
    shape : tuple of int
        Shape of the matrix.
    duplicates : {"raise", "mean", "last"}
        What entries of the same cell become: a ValueError, their weighted mean with the sum of
        their weights, or the last value with the weight of the entries that have it. So weight k
        is k repetitions.
    weights : ndarray of float, shape (n_entries,), or None
        Positive weights; None stands for ones.
    labels : pair of sequences, or None
        Labels of rows and columns for the message of the error; None stands for positions.
    weigh_equal : bool, default=False
        Whether ``"raise"`` lets entries of equal value pass and adds up their weights.

    Returns
    -------
    indptr, indices, values : ndarrays
        Row pointers (int64), columns and values of distinct cells in row-major order.
    weights : ndarray or None
        Their weights; None if they are ones.
    """
    view = compressed(rows, columns, values, shape, weights)
    del rows, columns
    indptr, indices, values, weights = view.indptr, view.indices, view.values, view.weights
    first = _is_first(indptr, indices)
    if first.all():
        return indptr, indices, values, weights
    # Repeats are few as a rule: what follows takes no index of all entries.
    again = np.flatnonzero(~first)
    if duplicates == "raise":
        wrong = again
        if weigh_equal:
            wrong = again[values[again] != values[first][_cells_of(again)]]
        _refuse(wrong, indptr, indices, labels, " with another value" if weigh_equal else "")
    values, weights = _merge(values, weights, first, again, duplicates)
    return indptr - np.searchsorted(again, indptr), indices[first], values, weights


def _cells_of(again):
    """Numbers of the cells that repeated entries lie in, given their places."""
    return again - np.arange(1, again.size + 1)


def _merge(values, weights, first, again, duplicates):
    """Value and weight of each cell."""
    cell, repeated = _cells_of(again), values[again]
    added = np.ones_like(repeated) if weights is None else weights[again]
    merged = values[first]
    total = np.ones_like(merged) if weights is None else weights[first]
    if duplicates == "last":
        merged[cell] = repeated  # of several assignments the last one stays
        total *= values[first] == merged
        np.add.at(total, cell, added * (repeated == merged[cell]))
        return merged, total
    # The deviations are zero, and the mean exact, where all entries of a cell are equal.
    deviation = np.zeros_like(merged)
    np.add.at(deviation, cell, added * (repeated - merged[cell]))
    np.add.at(total, cell, added)
    return merged + deviation / total, total


def _refuse(wrong, indptr, indices, labels, how):
    if not wrong.size:
        return
    row, column = np.searchsorted(indptr, wrong[0], side="right") - 1, indices[wrong[0]]
    if labels is not None:
        row, column = labels[0][row], labels[1][column]
    raise ValueError(
        f"{wrong.size} entries repeat an earlier one{how}, the first of them row {row!s}, column "
        f'{column!s}. Keep one value for each entry, or set duplicates="mean" or "last".'
    )


def _is_first(indptr, indices):
    """For each entry in row-major order, whether it is the first of its cell."""
    first = np.ones(indices.size, dtype=bool)
    np.not_equal(indices[1:], indices[:-1], out=first[1:])
    first[indptr[:-1][np.diff(indptr) > 0]] = True
    return first


def distinct_cells(rows, columns):
    """Number the cells that entries lie in, in the order of their first entries.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n_entries,)
        Position of each entry.

    Returns
    -------
    first : ndarray of int, shape (n_cells,)
        The first entry of each cell, ascending.
    cell : ndarray of int, shape (n_entries,)
        Number of the cell of each entry.
    """
    indptr, indices, order = row_major(rows, columns, (rows.max() + 1, columns.max() + 1))
    is_first = _is_first(indptr, indices)
    if is_first.all():
        return np.arange(order.size), np.arange(order.size)
    # The sort is stable, so that the first entry of a cell is the first to be sorted into it.
    first = order[is_first]
    by_appearance = np.argsort(first)
    number = np.empty_like(by_appearance)
    number[by_appearance] = np.arange(first.size)
    cell = np.empty_like(order)
    cell[order] = number[np.cumsum(is_first) - 1]
    return first[by_appearance], cell
