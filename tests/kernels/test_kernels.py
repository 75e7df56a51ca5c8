"""The compiled kernels against their NumPy versions, on every instruction set."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from threadpoolctl import threadpool_limits

from skmc import _kernels as kernels

RANKS = (1, 2, 3, 7, 8, 16, 17, 33, 64, 100)
DTYPES = (np.float64, np.float32)
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-3}


@pytest.fixture(params=kernels.available_isas(), autouse=True)
def instruction_set(request):
    """Run the test on one instruction set, then go back to the best.

    One BLAS thread: the reference solves thousands of tiny systems.
    """
    kernels.use_isa(request.param)
    with threadpool_limits(1, "blas"):
        yield request.param
    kernels.use_isa(kernels.available_isas()[-1])


class Case:
    """Rows of 0, 1, 2, r - 1, r, r + 1 and many entries in random columns."""

    def __init__(self, rank, dtype, seed=0):
        rng = np.random.default_rng(seed)
        counts = [0, 1, 2, rank - 1, rank, rank + 1, 0, 3 * rank + 5, 300]
        n_columns = 320
        self.n, self.rank, self.dtype, self.n_columns = len(counts), rank, dtype, n_columns
        self.indptr = np.cumsum([0, *counts])
        self.indices = np.concatenate(
            [np.sort(rng.permutation(n_columns)[:count]) for count in counts]
        ).astype(np.int32)
        # The last column of F is where reading past a row would leave the array.
        self.indices[-1] = n_columns - 1
        nnz = len(self.indices)
        self.values = rng.normal(size=nnz).astype(dtype)
        self.weights = rng.uniform(0.2, 3, nnz).astype(dtype)
        self.F = rng.normal(size=(n_columns, rank)).astype(dtype)
        self.U = rng.normal(size=(self.n, rank)).astype(dtype)
        self.design = rng.uniform(0.5, 2, n_columns).astype(dtype)
        self.shift = rng.normal(size=n_columns).astype(dtype)
        self.scale = rng.uniform(0.2, 3, self.n).astype(dtype)
        self.shift_scale = rng.uniform(0.5, 2, self.n).astype(dtype)
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
                setattr(self, name, array)

    @property
    def pattern(self):
        return self.indptr, self.indices

    def ridge(self, penalty, weights=None, scale=None, kappa=None, design=None, shift=None,
              shift_scale=None, blocks=None, F=None, values=None):  # fmt: skip
        penalty = np.broadcast_to(np.asarray(penalty, self.dtype), (self.rank,)).copy()
        F = self.F if F is None else F
        values = self.values if values is None else values
        u = np.full((self.n, self.rank), 7, self.dtype)
        c, value = np.full(self.n, 7, self.dtype), np.full(self.n, 7.0)
        given = (*self.pattern, values, weights, F, penalty, scale, kappa, design, shift)
        for start, stop in blocks or [(0, self.n)]:
            kernels.ridge_rows(start, stop, *given, shift_scale, u, c, value)
        return (u, c, value), reference.ridge_rows(0, self.n, *given, shift_scale)

    def leave_one_out(self, penalty, weights=None, scale=None, n_scaled=0, shift=None,
                      shift_scale=None):  # fmt: skip
        penalty = np.broadcast_to(np.asarray(penalty, self.dtype), (self.rank,)).copy()
        out = np.full(len(self.values), 7, self.dtype)
        given = (*self.pattern, self.values, weights, self.F, penalty, scale, n_scaled, shift,
                 shift_scale)  # fmt: skip
        kernels.leave_one_out_rows(0, self.n, *given, out)
        return out, reference.leave_one_out_rows(0, self.n, *given)


def assert_close(found, wanted, dtype, factor=1):
    limit = factor * TOLERANCE[dtype]
    np.testing.assert_allclose(found, wanted, rtol=limit, atol=limit * np.abs(wanted).max())


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", RANKS)
def test_draws_have_the_covariance_of_the_inverse_normal_matrix(rank, dtype):
    """Of each unit vector e the draw is u + R^-1 e, so that its outer products sum to (R'R)^-1."""
    case = Case(rank, dtype)
    penalty = np.linspace(0.5, 2, rank).astype(dtype)
    steps = np.empty((rank, case.n, rank))
    u = np.empty((case.n, rank), dtype)
    for k, e in enumerate(np.eye(rank, dtype=dtype)):
        draw = np.tile(e, (case.n, 1))
        kernels.ridge_rows(
            0, case.n, *case.pattern, case.values, case.weights, case.F, penalty, case.scale, None,
            None, case.shift, case.shift_scale, u, None, None, draw,
        )  # fmt: skip
        steps[k] = draw - u
    for i in range(case.n):
        _, f, w, _ = reference.row_problem(
            i, *case.pattern, case.values, case.weights, case.F, None, None, None
        )
        precision = (f.T * w) @ f + np.diag(penalty * case.scale[i].astype(float))
        found = steps[:, i].T @ steps[:, i]
        wanted = np.linalg.inv(precision)
        assert_close = TOLERANCE[dtype] * np.abs(wanted).max()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=10 * assert_close)
