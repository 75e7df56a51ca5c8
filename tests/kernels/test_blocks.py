"""Draws, and results that do not depend on how rows are put into blocks."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from kernel_cases import DTYPES, RANKS, TOLERANCE, Case, assert_close

from skmc import _kernels as kernels

pytestmark = pytest.mark.usefixtures("instruction_set")


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_do_not_depend_on_the_blocks(dtype):
    for rank in (3, 16, 33):
        case = Case(rank, dtype)
        option = dict(penalty=0.1, weights=case.weights, kappa=0.0)
        whole, _ = case.ridge(**option)
        for blocks in ([(i, i + 1) for i in range(case.n)][::-1], [(4, case.n), (0, 4)]):
            split, _ = case.ridge(**option, blocks=blocks)
            for x, y in zip(whole, split, strict=True):
                np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", [1, 3, 16, 33])
def test_entries_do_not_depend_on_the_blocks(rank, dtype):
    case = Case(rank, dtype)
    penalty = np.ones(rank, dtype)
    rows = np.repeat(np.arange(case.n), np.diff(case.indptr))
    cols = case.indices.astype(np.int64)
    cuts = np.array([0, 4, 5, case.n])

    def in_blocks(call, at, out):
        for start, stop in list(pairwise(at))[::-1]:
            call(start, stop, out)
        return out

    def leave_one_out(start, stop, out):
        kernels.leave_one_out_rows(start, stop, *case.pattern, case.values, case.weights, case.F,
                                   penalty, case.scale, rank, None, None, out)  # fmt: skip

    def entries(start, stop, out):
        given = (*case.pattern, case.U, case.F, case.values, case.shift, case.shift_scale)
        kernels.entries_rows(start, stop, *given, out)

    def pairs(start, stop, out):
        kernels.entries_pairs(start, stop, rows, cols, case.U, case.F, out)

    def products(start, stop, out):
        kernels.spmm_rows(start, stop, *case.pattern, case.F, case.values, out)

    for call, at, shape in (
        (leave_one_out, cuts, len(rows)),
        (entries, cuts, len(rows)),
        (pairs, case.indptr[cuts], len(rows)),
        (products, cuts, (case.n, rank)),
    ):
        whole, parts = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
        call(0, at[-1], whole)
        np.testing.assert_array_equal(in_blocks(call, at, parts), whole, call.__name__)


def draw(case, e, blocks):
    """Solutions u, and the draws that standard normals e become."""
    penalty = np.linspace(0.5, 2, case.rank).astype(case.dtype)
    u, e = np.full((case.n, case.rank), 7, case.dtype), e.copy()
    for start, stop in blocks:
        kernels.ridge_rows(
            start, stop, *case.pattern, case.values, case.weights, case.F, penalty, case.scale,
            None, None, case.shift, case.shift_scale, u, None, None, e,
        )  # fmt: skip
    return u, e, penalty


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", RANKS)
def test_draws(rank, dtype):
    """The draw is u + R^-1 e with R'R the matrix of the normal equations, in every row."""
    case = Case(rank, dtype)
    e = np.random.default_rng(1).normal(size=(case.n, rank)).astype(dtype)
    u, found, penalty = draw(case, e, [(0, case.n)])
    given = (*case.pattern, case.values, case.weights, case.F)
    solutions = reference.ridge_rows(
        0, case.n, *given, penalty, case.scale, None, None, case.shift, case.shift_scale
    )[0]
    assert_close(u, solutions, dtype)
    for i in range(case.n):
        _, f, w, _ = reference.row_problem(i, *given, None, None, None)
        precision = (f.T * w) @ f + np.diag(penalty * case.scale[i].astype(float))
        step = np.linalg.solve(np.linalg.cholesky(precision).T, e[i].astype(float))
        limit = 10 * TOLERANCE[dtype] * np.abs(step).max()
        np.testing.assert_allclose(found[i] - u[i], step, rtol=0, atol=limit)
    for x, y in zip(draw(case, e, [(4, case.n), (0, 4)])[:2], (u, found), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", [1, 16])
def test_products_write_in_their_columns_alone(rank, dtype):
    case = Case(rank, dtype)
    given = (*case.pattern, case.U, case.values)
    # Columns that have entries, so that both ends cut rows where they are.
    first, last = np.unique(case.indices)[[40, 150]]
    for start, stop in ((0, case.n), (4, 9)):
        whole, part = (np.zeros((case.n_columns, rank), dtype) for _ in range(2))
        kernels.spmm_columns(start, stop, 0, case.n_columns, *given, whole)
        kernels.spmm_columns(start, stop, first, last, *given, part)
        whole[:first] = whole[last:] = 0
        assert whole[[first, last - 1]].any()
        np.testing.assert_array_equal(part, whole)
