"""The compiled kernels against their NumPy versions, on every instruction set."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from kernel_cases import DTYPES, RANKS, Case, assert_close

from skmc import _kernels as kernels

pytestmark = pytest.mark.usefixtures("instruction_set")


@pytest.mark.parametrize("dtype", DTYPES)
def test_ridge_rows(dtype):
    for rank in RANKS:
        case = Case(rank, dtype)
        mixed = np.where(np.arange(rank) % 3 == 1, 0.5, 2.0)
        options = [
            dict(penalty=1.5),
            dict(penalty=mixed, weights=case.weights),
            dict(penalty=mixed, kappa=0.0),
            dict(penalty=mixed, weights=case.weights, kappa=0.0, design=case.design,
                 shift=case.shift, shift_scale=case.shift_scale),
            dict(penalty=mixed, shift=case.shift),
            dict(penalty=mixed, kappa=3.0),
            dict(penalty=mixed, scale=case.scale),
            dict(penalty=mixed, scale=case.scale, weights=case.weights, kappa=0.5),
            dict(penalty=mixed, weights=case.weights, kappa=0.1, design=case.design,
                 shift=case.shift, shift_scale=case.shift_scale),
            dict(penalty=mixed, kappa=1e4, design=case.design),
        ]  # fmt: skip
        for option in options:
            found, wanted = case.ridge(**option)
            for name, x, y in zip(("u", "c", "value"), found, wanted, strict=True):
                assert_close(x, y, dtype), (name, rank, option)


def test_out_value_is_the_objective_at_the_solution():
    case = Case(17, np.float64)
    penalty = np.linspace(0.1, 2, 17)
    option = dict(weights=case.weights, kappa=0.7, design=case.design)
    (u, c, value), _ = case.ridge(penalty, **option)
    for i in range(case.n):
        y, f, w, a = reference.row_problem(
            i, *case.pattern, case.values, case.weights, case.F, case.design, None, None
        )
        objective = 0.5 * w @ (y - c[i] * a - f @ u[i]) ** 2 + 0.5 * penalty @ u[i] ** 2
        objective += 0.35 * c[i] ** 2
        np.testing.assert_allclose(value[i], objective, rtol=1e-12, atol=1e-25)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_penalty_gives_the_minimum_norm_solution(dtype):
    for rank in (1, 3, 8, 17, 64):
        case = Case(rank, dtype)
        for penalty in (0, np.where(np.arange(rank) < rank // 2, 0, 1.0)):
            for kappa in (None, 0.0, 2.0):
                found, wanted = case.ridge(penalty, kappa=kappa)
                # Rows of about `rank` entries are ill-conditioned: not in float32.
                rows = np.diff(case.indptr) > 2 * rank if dtype == np.float32 else slice(None)
                for x, y in zip(found[:2], wanted[:2], strict=True):
                    # c is then zero up to the error of the floor.
                    assert_close(x[rows], y[rows], dtype, factor=10 if kappa else 1)
                assert np.all(np.isfinite(found[0]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_penalty_with_dependent_regressors(dtype):
    for rank in (3, 16, 64, 100):
        case = Case(rank, dtype)
        for true_rank in (1, 2):
            rng = np.random.default_rng(1)
            F = rng.normal(size=(case.n_columns, true_rank)) @ rng.normal(size=(true_rank, rank))
            F = F.astype(dtype)
            (u, _, _), _ = case.ridge(0.0, F=F)
            for i in range(case.n):
                y, f, w, _ = reference.row_problem(
                    i, *case.pattern, case.values, None, F, None, None, None
                )
                wanted = reference.ridge(y, f, w, np.zeros(rank), rcond=1e-4)[0]
                # What F does not see is known to rounding error over penalty floor only.
                assert np.all(np.isfinite(u[i]))
                if dtype == np.float64:
                    np.testing.assert_allclose(u[i], wanted, atol=1e-3)
                if len(y) > rank:
                    limit = 1e-9 if dtype == np.float64 else 1e-4
                    np.testing.assert_allclose(f @ u[i], f @ wanted, atol=limit)


def test_intercept_is_accurate_far_from_the_origin():
    case = Case(8, np.float64)
    _, wanted = case.ridge(1.0, kappa=0.0)
    moved, _ = case.ridge(1.0, kappa=0.0, F=case.F + 1e6)
    np.testing.assert_allclose(moved[0], wanted[0], atol=1e-8)


def test_rows_without_information():
    case = Case(5, np.float64)
    zero = np.zeros_like(case.F)
    (u, c, _), _ = case.ridge(0.0, F=zero, kappa=0.0, weights=case.weights)
    assert np.all(u == 0)
    for i in range(case.n):
        t = slice(case.indptr[i], case.indptr[i + 1])
        mean = np.average(case.values[t], weights=case.weights[t]) if t.stop > t.start else 0
        np.testing.assert_allclose(c[i], mean, atol=1e-14)
    # One entry, or equal regressors: the intercept explains what can be explained.
    same = np.full_like(case.F, 0.3)
    (u, c, _), _ = case.ridge(0.0, F=same, kappa=0.0)
    assert np.all(u == 0)
    (u, c, _), _ = case.ridge(0.0, kappa=0.0)
    assert np.all(u[1] == 0)
    assert c[1] == case.values[0]


def test_nan_stays_in_its_row():
    case = Case(8, np.float64)
    for broken_row in (2, 8):
        values = case.values.copy()
        values[case.indptr[broken_row]] = np.nan
        (u, _, value), _ = case.ridge(1.0)
        F = case.F.copy()
        (broken, _, broken_value), _ = case.ridge(1.0, F=F, values=np.nan_to_num(values))
        kernels.ridge_rows(0, case.n, *case.pattern, values, None, F, np.ones(8), None, None, None,
                           None, None, broken, None, broken_value)  # fmt: skip
        others = np.arange(case.n) != broken_row
        assert np.all(np.isnan(broken[broken_row]))
        np.testing.assert_array_equal(broken[others], u[others])
        np.testing.assert_array_equal(broken_value[others], value[others])


def test_one_nan_among_the_regressors_spoils_all_of_its_rows_and_no_others():
    for rank in (3, 8, 17):
        case = Case(rank, np.float64)
        (good, _, _), _ = case.ridge(1.0)
        F = case.F.copy()
        F[case.indices[case.indptr[2]], rank - 1] = np.nan
        (u, c, value), _ = case.ridge(1.0, F=np.nan_to_num(F))
        kernels.ridge_rows(0, case.n, *case.pattern, case.values, None, F, np.ones(rank), None,
                           None, None, None, None, u, c, value)  # fmt: skip
        spoilt = np.isnan(np.add.reduceat(np.append(F[case.indices, -1], 0), case.indptr[:-1]))
        spoilt &= np.diff(case.indptr) > 0
        assert 0 < spoilt.sum() < case.n
        for found in (u.T, c, value):
            np.testing.assert_array_equal(np.isnan(found), np.broadcast_to(spoilt, found.shape))
        np.testing.assert_array_equal(u[~spoilt], good[~spoilt])


@pytest.mark.parametrize("rank", [2, 7, 24])
def test_equal_regressors_of_many_entries(rank):
    """Sums so long that the Gram matrix is not even positive definite, in single precision."""
    size = 1_000_000
    b = np.random.default_rng(0).uniform(0.5, 1.5, rank).astype(np.float32)
    u = np.empty((1, rank), np.float32)
    kernels.ridge_rows(
        0, 1, np.array([0, size]), np.zeros(size, np.int32), np.ones(size, np.float32), None,
        b[None, :], np.zeros(rank, np.float32), None, None, None, None, None, u, None, None,
    )  # fmt: skip
    np.testing.assert_allclose(u[0] @ b, 1, rtol=1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_leave_one_out_rows(dtype):
    for rank in (1, 2, 7, 16, 17, 33):
        case = Case(rank, dtype)
        mixed = np.where(np.arange(rank) % 3 == 1, 0.5, 2.0)
        for option in (
            dict(penalty=1.5),
            dict(penalty=mixed, weights=case.weights),
            dict(penalty=mixed, weights=case.weights, shift=case.shift,
                 shift_scale=case.shift_scale),
            dict(penalty=mixed, scale=case.scale, n_scaled=rank - 1),
        ):  # fmt: skip
            found, wanted = case.leave_one_out(**option)
            limit = 1e-10 if dtype == np.float64 else 1e-3
            np.testing.assert_allclose(found, wanted, rtol=limit, atol=limit)


def test_leave_one_out_of_a_single_entry_is_the_value():
    case = Case(6, np.float64)
    for penalty in (0.0, 1.0):
        found, _ = case.leave_one_out(penalty)
        np.testing.assert_allclose(found[0], case.values[0], rtol=1e-12)
        assert np.all(np.isfinite(found))


@pytest.mark.parametrize("dtype", DTYPES)
def test_entries_and_products(dtype):
    limit = dict(rtol=1e-12, atol=1e-12) if dtype == np.float64 else dict(rtol=1e-4, atol=1e-4)
    for rank in RANKS:
        case = Case(rank, dtype)
        for values in (None, case.values):
            for shift, scale in (
                (None, None),
                (case.shift, None),
                (case.shift, case.shift_scale),
            ):
                out = np.empty_like(case.values)
                given = (0, case.n, *case.pattern, case.U, case.F, values, shift, scale)
                kernels.entries_rows(*given, out)
                np.testing.assert_allclose(out, reference.entries_rows(*given), **limit)
        for data in (case.values, None):
            out = np.full((case.n, rank), 7, dtype)
            kernels.spmm_rows(0, case.n, *case.pattern, case.F, data, out)
            wanted = reference.spmm_rows(*case.pattern, case.F, data)
            np.testing.assert_allclose(out, wanted, **limit)
            wanted = reference.spmm_columns(*case.pattern, case.U, data, case.n_columns)
            for parts in ((0, case.n_columns), (0, 31, 31, 100, case.n_columns)):
                out = np.zeros((case.n_columns, rank), dtype)
                for first, last in pairwise(parts):
                    for start, stop in ((0, 3), (3, case.n)):
                        kernels.spmm_columns(
                            start, stop, first, last, *case.pattern, case.U, data, out
                        )
                np.testing.assert_allclose(out, wanted, **limit)
        rows = np.repeat(np.arange(case.n), np.diff(case.indptr))
        cols = case.indices.astype(np.int64)
        out = np.empty(len(rows), dtype)
        kernels.entries_pairs(0, len(rows), rows, cols, case.U, case.F, out)
        wanted = reference.entries_pairs(rows, cols, case.U, case.F)
        np.testing.assert_allclose(out, wanted, **limit)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rank_one_residuals_may_take_the_place_of_the_values(dtype):
    case = Case(1, dtype)
    given = (0, case.n, *case.pattern, case.U, case.F)
    wanted, values = np.empty_like(case.values), case.values.copy()
    kernels.entries_rows(*given, case.values, None, None, wanted)
    kernels.entries_rows(*given, values, None, None, values)
    np.testing.assert_array_equal(values, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_transposition(dtype, weighted):
    case = Case(16, dtype)
    weights = case.weights if weighted else None
    rows = np.repeat(np.arange(case.n), np.diff(case.indptr))
    order = np.lexsort((rows, case.indices))
    counts = np.bincount(case.indices, minlength=case.n_columns)
    pointers = np.cumsum([0, *counts])
    for parts in ((0, case.n_columns), (0, 200, case.n_columns)):
        following = pointers[:-1].copy()
        out = np.full(len(rows), -1, np.int32), np.zeros_like(case.values)
        out_weights = np.zeros_like(case.values) if weighted else None
        for first, last in pairwise(parts):
            for start, stop in ((0, 5), (5, case.n)):
                kernels.transpose_rows(
                    start, stop, first, last, *case.pattern, case.values, weights, following, *out,
                    out_weights,
                )  # fmt: skip
        np.testing.assert_array_equal(out[0], rows[order])
        np.testing.assert_array_equal(out[1], case.values[order])
        if weighted:
            np.testing.assert_array_equal(out_weights, case.weights[order])
        np.testing.assert_array_equal(following, pointers[1:])


@pytest.mark.parametrize("weighted", [False, True])
def test_entries_into_their_lines(weighted):
    rng = np.random.default_rng(0)
    lines = rng.integers(0, 7, 50).astype(np.int32)
    indices, values = rng.permutation(50).astype(np.int32), rng.normal(size=50)
    weights = rng.uniform(size=50) if weighted else None
    order = np.argsort(lines, kind="stable")
    following = np.cumsum([0, *np.bincount(lines, minlength=7)])[:-1]
    out = np.zeros(50, np.int32), np.zeros(50), np.zeros(50) if weighted else None
    for start, stop in ((0, 20), (20, 50)):
        kernels.bucket_entries(start, stop, lines, indices, values, weights, following, *out)
    np.testing.assert_array_equal(out[0], indices[order])
    np.testing.assert_array_equal(out[1], values[order])
    if weighted:
        np.testing.assert_array_equal(out[2], weights[order])


def test_bad_shapes_are_refused():
    case = Case(4, np.float64)
    out = np.empty((case.n, 4))
    good = [0, case.n, *case.pattern, case.F, case.values, out]
    for position, bad in (
        (0, -1),
        (1, case.n + 1),
        (2, case.indptr[:3]),
        (3, case.indices[:5]),
        (5, case.values[:5]),
        (6, np.empty((case.n, 3))),
        (6, np.empty((2, 4))),
    ):
        with pytest.raises(ValueError):
            kernels.spmm_rows(*good[:position], bad, *good[position + 1 :])
    with pytest.raises(ValueError, match="not one of"):
        kernels.use_isa("abacus")


@pytest.mark.parametrize("shape", [(9, 3), (8, 4)])
def test_draws_of_bad_shapes_are_refused(shape):
    case = Case(4, np.float64)
    given = (0, case.n, *case.pattern, case.values, None, case.F, np.ones(4), None)
    out = np.empty((case.n, 4))
    with pytest.raises(ValueError, match="draw"):
        kernels.ridge_rows(*given, None, None, None, None, out, None, None, np.empty(shape))
    with pytest.raises(ValueError, match="without an intercept"):
        kernels.ridge_rows(*given, 0.0, None, None, None, out, None, None, np.empty((case.n, 4)))


def test_pairs_and_columns_out_of_range_are_refused():
    case = Case(4, np.float64)
    three, two, out = np.zeros(3, np.int64), np.zeros(2, np.int64), np.empty(3)
    for rows, cols in ((three, two), (two, three)):
        with pytest.raises(ValueError, match="pairs"):
            kernels.entries_pairs(0, 3, rows, cols, case.U, case.F, out)
    with pytest.raises(ValueError, match="out"):
        kernels.entries_pairs(0, 3, three, three, case.U, case.F, out[:2])
    products = np.zeros((case.n_columns, 4))
    for first, last in ((0, case.n_columns + 1), (-1, 5), (6, 5)):
        given = (0, case.n, first, last, *case.pattern)
        with pytest.raises(ValueError, match="columns"):
            kernels.spmm_columns(*given, case.U, case.values, products)
