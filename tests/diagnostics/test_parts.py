"""Parts of a table, and what is left of it without lines of few entries."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from skmc._diagnosis import _parts
from skmc._diagnosis._enough import Part
from skmc._diagnosis._parts import parts_of
from skmc._diagnosis._pattern import Pattern
from skmc._observed import observed_from_dense
from skmc.solvers._peeling import peel


def random_mask(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 40, 2)
    return rng.random((n, m)) < rng.choice([0.02, 0.05, 0.2, 0.7])


def forms(mask):
    """The same entries as a pattern, compressed and as an array."""
    pattern = Pattern(*np.nonzero(mask), mask.shape)
    return pattern, pattern.observed(), observed_from_dense(np.ones(mask.shape), mask)


def same_partition(found, expected):
    pairs = set(zip(found.tolist(), expected.tolist(), strict=True))
    return len(pairs) == len(set(found.tolist())) == len(set(expected.tolist()))


def by_graph(mask):
    n, m = mask.shape
    i, j = np.nonzero(mask)
    graph = sparse.coo_array((np.ones(i.size), (i, n + j)), shape=(n + m, n + m))
    return connected_components(graph, directed=False)[1]


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_parts_are_those_of_the_graph(block, monkeypatch):
    monkeypatch.setattr(_parts, "BLOCK", block)
    chain = np.eye(60, dtype=bool) | np.eye(60, k=1, dtype=bool)
    for mask in [chain, chain[::-1], np.eye(5, dtype=bool), *map(random_mask, range(60))]:
        for table in forms(mask):
            found = np.concatenate(parts_of(table))
            assert same_partition(found, by_graph(mask))
            assert set(found) == set(range(found.max() + 1))


def test_parts_of_some_lines():
    for seed in range(60):
        mask = random_mask(seed)
        rng = np.random.default_rng(seed)
        lines = rng.random(mask.shape[0]) < 0.7, rng.random(mask.shape[1]) < 0.7
        lines[0][:] &= (mask & lines[1]).any(axis=1)
        inside = np.concatenate(lines)
        for table in forms(mask):
            found = np.concatenate(parts_of(table, lines))
            assert (found[~inside] == -1).all()
            assert same_partition(found[inside], by_graph(mask[np.ix_(*lines)]))


def peel_by_definition(mask, lines, unknowns):
    lines, order, idle, axis = [x.copy() for x in lines], [], 0, 0
    while idle < 2:
        counts = (mask & lines[0][:, None] & lines[1]).sum(axis=1 - axis)
        taken = lines[axis] & (counts <= unknowns[axis])
        idle = 0 if taken.any() else idle + 1
        if taken.any():
            lines[axis] &= ~taken
            order.append((np.flatnonzero(taken), axis))
        axis = 1 - axis
    return lines, order


def test_lines_go_in_the_order_of_the_rounds():
    long = 0
    for seed in range(60):
        mask = random_mask(seed)
        rng = np.random.default_rng(seed)
        share = rng.choice([0.8, 1.1])
        lines = tuple(rng.random(size) < share for size in mask.shape)
        for unknowns in ((1, 1), (2, 3)):
            expected = peel_by_definition(mask, lines, unknowns)
            for table in forms(mask):
                left, counts, order = peel(table, lines, unknowns)
                core = mask & left[0][:, None] & left[1]
                for axis in (0, 1):
                    np.testing.assert_array_equal(left[axis], expected[0][axis])
                    number = core.sum(axis=1 - axis)
                    np.testing.assert_array_equal(counts[axis][left[axis]], number[left[axis]])
                assert [(taken.tolist(), axis) for taken, axis in order] == [
                    (taken.tolist(), axis) for taken, axis in expected[1]
                ]
                assert Part.of(table, lines).nnz == mask[np.ix_(*lines)].sum()
            long += len(expected[1]) > 4
    assert long > 5
