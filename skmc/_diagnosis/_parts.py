"""Parts of a table that are joined by entries."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

# Entries looked at together, at least; as many as there are columns if these are more.
BLOCK = 1 << 16


def parts_of(table, lines=None):
    """Number of the connected part of each row and column, in O(nnz) and memory of O(n + m).

    Rows and columns are the vertices of a bipartite graph, and observed entries its edges. Blocks
    of rows are looked at one after the other, each as a graph of the parts found so far, in which
    few edges are left as a rule; once all is one part the others are not looked at.

    Parameters
    ----------
    table : ObservedMatrix or Pattern
        Where entries are observed.
    lines : pair of ndarrays of bool, shapes (n,) and (m,), or None
        Rows and columns to look at; None stands for all. Rows with entries have some in them.

    Returns
    -------
    parts : pair of ndarrays of int32, shapes (n,) and (m,)
        Numbers from 0 on; -1 for lines left out.
    """
    n, m = table.shape
    label, number = np.arange(m, dtype=np.int32), m
    rows, columns = (np.ones(n, bool), np.ones(m, bool)) if lines is None else lines
    all_columns = columns.all()
    # A column of each row.
    first = np.full(n, -1, np.int32)
    for part, counts, indices in table.row_blocks(max(BLOCK, m)):
        if number == 1 + m - np.count_nonzero(columns):
            rest = slice(part.start, n)
            first[rest][table.row_counts[rest] > 0] = np.argmax(columns)
            break
        if not (all_columns and rows[part].all()):
            inside = np.repeat(rows[part], counts)
            inside &= columns[indices]
            line = np.repeat(np.arange(counts.size), counts)[inside]
            counts, indices = np.bincount(line, minlength=counts.size), indices[inside]
        held = counts > 0
        starts = (np.cumsum(counts) - counts)[held]
        first[part][held] = indices[starts]
        one, other = np.repeat(label[indices[starts]], counts[held]), label[indices]
        apart = np.flatnonzero(one != other)
        if apart.size:
            edges = np.ones(apart.size, np.int8), (one[apart], other[apart])
            graph = sparse.coo_array(edges, shape=(number, number))
            number, joined = connected_components(graph, directed=False)
            label = joined[label]
    alone = first < 0
    of_row = label[first]
    of_row[alone] = number + np.arange(np.count_nonzero(alone))
    return _numbered(of_row, label, rows, columns)


def _numbered(of_row, of_column, rows, columns):
    """Only the parts of the lines that count, from 0 on."""
    there = np.zeros(max(of_row.max(initial=-1), of_column.max(initial=-1)) + 1, bool)
    there[of_row[rows]] = there[of_column[columns]] = True
    number = np.cumsum(there, dtype=np.int32) - np.int32(1)
    return tuple(
        np.where(inside, number[part], np.int32(-1))
        for part, inside in ((of_row, rows), (of_column, columns))
    )
