# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Thin wrappers: check shapes, fill the arguments, release the GIL, call C.

Column indices are not checked; callers vouch for them.
"""
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

ctypedef fused real:
    float
    double


def available_isas():
    """Names of the instruction sets this processor can run, slowest first."""
    names = []
    while skmc_isa_name(<int>len(names)) != NULL:
        names.append(skmc_isa_name(<int>len(names)).decode())
    return tuple(names)


def isa():
    """Name of the instruction set in use."""
    return skmc_isa_name(skmc_isa_active()).decode()


def use_isa(name):
    """Use the instruction set `name`, one of `available_isas()`."""
    names = available_isas()
    if name not in names:
        raise ValueError(f"instruction set {name!r} is not one of {names}")
    skmc_isa_select(<int>names.index(name))


use_isa(list(available_isas()).pop())


cdef int require(bint condition, str what) except -1:
    if not condition:
        raise ValueError(what)
    return 0


cdef const void *optional(const real[::1] x, int64_t size, str name) except? NULL:
    """The data of an optional array, which must have at least `size` elements."""
    if x is None:
        return NULL
    require(x.shape[0] >= size, f"{name} is too short")
    return &x[0]


cdef const int32_t *optional_int(const int32_t[::1] x, int64_t size) except? NULL:
    if x is None:
        return NULL
    require(x.shape[0] >= size, "out_indices is too short")
    return &x[0]


cdef int set_pattern(kernel_args *args, int64_t start, int64_t stop,
                     const int64_t[::1] indptr, const int32_t[::1] indices) except -1:
    memset(args, 0, sizeof(kernel_args))
    require(0 <= start <= stop < indptr.shape[0], "rows out of range")
    require(indptr[start] >= 0 and indptr[stop] <= indices.shape[0], "indptr and indices differ")
    args.start, args.stop = start, stop
    args.indptr, args.indices = &indptr[0], &indices[0]
    return 0


cdef int run(kernel function, const kernel_args *args) except -1:
    cdef int failed
    with nogil:
        failed = function(args)
    if failed != 0:
        raise MemoryError("no memory for the scratch of a kernel")
    return 0


def ridge_rows(int64_t start, int64_t stop, const int64_t[::1] indptr,
               const int32_t[::1] indices, const real[::1] values, const real[::1] weights,
               const real[:, ::1] F, const real[::1] penalty, const real[::1] penalty_scale,
               intercept_penalty,
               const real[::1] design, const real[::1] shift, const real[::1] shift_scale,
               real[:, ::1] out, real[::1] out_intercept, double[::1] out_value,
               real[:, ::1] draw=None):
    """Weighted ridge least squares for the rows [start, stop).

    For row i, with entries t, columns k_t = indices[t], f_t = F[k_t] and
    y_t = values[t] - shift_scale[i] * shift[k_t], minimise over u and c::

        1/2 sum_t weights[t] (y_t - c design[k_t] - f_t.u)^2
            + 1/2 penalty_scale[i] sum_k penalty[k] u_k^2 + 1/2 intercept_penalty c^2

    Parameters
    ----------
    start, stop : int
        Range of rows.
    indptr, indices, values : arrays of int64, int32 and float
        The sparse matrix; float is float32 or float64, the same for all arrays.
    weights : array or None
        Positive weights of the entries; None means 1.
    F : array of shape (n_columns, rank)
        Regressors.
    penalty : array of shape (rank,)
        Non-negative. Small values are raised to a floor relative to the Gram
        matrix, so that zero gives the minimum-norm solution.
    penalty_scale : array of shape (n_rows,) or None
        Multiples of the penalty; None means 1.
    intercept_penalty : float or None
        Penalty of c, 0 for a free one; None for no intercept, c = 0.
    design, shift, shift_scale : array or None
        Per column, per column and per row; None means 1, 0 and 1.
    out : array of shape (n_rows, rank)
        Receives u: zeros for a row without entries, NaN where a row cannot be solved.
    out_intercept : array of shape (n_rows,) or None
        Receives c.
    out_value : float64 array of shape (n_rows,) or None
        Receives the minimum.
    draw : array of shape (n_rows, rank) or None
        Holds e on entry and u + R^-1 e on return, where R is the Cholesky factor of the matrix of
        the normal equations, R'R = sum_t w_t f_t f_t' + diag(penalty): standard normal e give a
        draw from N(u, (R'R)^-1). The penalties must be positive, and there can be no intercept.
    """
    cdef kernel_args args
    cdef int64_t n_columns = F.shape[0], rank = F.shape[1]
    set_pattern(&args, start, stop, indptr, indices)
    require(1 <= rank == out.shape[1] and out.shape[0] >= stop, "out does not fit F")
    args.rank, args.n_factors = rank, n_columns
    args.intercept = intercept_penalty is not None
    args.intercept_penalty = 0.0 if intercept_penalty is None else intercept_penalty
    args.values = optional[real](values, indptr[stop], "values")
    args.weights = optional[real](weights, indptr[stop], "weights")
    args.factors = &F[0, 0]
    args.penalty = optional[real](penalty, rank, "penalty")
    args.penalty_scale = optional[real](penalty_scale, stop, "penalty_scale")
    args.n_scaled = rank
    args.design = optional[real](design, n_columns, "design")
    args.shift = optional[real](shift, n_columns, "shift")
    args.shift_scale = optional[real](shift_scale, stop, "shift_scale")
    args.out = &out[0, 0]
    if out_intercept is not None:
        args.out_intercept = <void *>optional[real](out_intercept, stop, "out_intercept")
    if out_value is not None:
        args.out_value = <double *>optional[double](out_value, stop, "out_value")
    if draw is not None:
        require(draw.shape[0] >= stop and draw.shape[1] == rank, "draw does not fit F")
        require(intercept_penalty is None, "a draw goes without an intercept")
        args.draw = &draw[0, 0]
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).ridge_rows, &args)


def leave_one_out_rows(int64_t start, int64_t stop, const int64_t[::1] indptr,
                       const int32_t[::1] indices, const real[::1] values,
                       const real[::1] weights, const real[:, ::1] F, const real[::1] penalty,
                       const real[::1] penalty_scale, int64_t n_scaled,
                       const real[::1] shift, const real[::1] shift_scale, real[::1] out):
    """Residual of every entry of the rows [start, stop) fitted without it.

    The fit is that of `ridge_rows` without intercept, on the other entries of
    the row; the residual is y_t for the only entry of a row. Parameters as in
    `ridge_rows`, but only the first `n_scaled` penalties are scaled; `out` has one element
    per entry.
    """
    cdef kernel_args args
    cdef int64_t n_columns = F.shape[0], rank = F.shape[1]
    set_pattern(&args, start, stop, indptr, indices)
    require(rank >= 1, "F has no columns")
    args.rank, args.n_factors = rank, n_columns
    args.values = optional[real](values, indptr[stop], "values")
    args.weights = optional[real](weights, indptr[stop], "weights")
    args.factors = &F[0, 0]
    args.penalty = optional[real](penalty, rank, "penalty")
    args.penalty_scale = optional[real](penalty_scale, stop, "penalty_scale")
    args.n_scaled = n_scaled
    args.shift = optional[real](shift, n_columns, "shift")
    args.shift_scale = optional[real](shift_scale, stop, "shift_scale")
    args.out = <void *>optional[real](out, indptr[stop], "out")
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).leave_one_out_rows, &args)


def entries_rows(int64_t start, int64_t stop, const int64_t[::1] indptr,
                 const int32_t[::1] indices, const real[:, ::1] U, const real[:, ::1] V,
                 const real[::1] values, const real[::1] shift, const real[::1] shift_scale,
                 real[::1] out):
    """Model values U[i].V[k] + shift_scale[i] * shift[k] on a sparse pattern.

    For the rows [start, stop); with `values`, the residuals values[t] minus the
    model. `values`, `shift` and `shift_scale` may be None (none, 0, 1).
    """
    cdef kernel_args args
    set_pattern(&args, start, stop, indptr, indices)
    require(1 <= U.shape[1] == V.shape[1] and U.shape[0] >= stop, "U does not fit V")
    args.rank, args.n_left, args.n_factors = V.shape[1], U.shape[0], V.shape[0]
    args.left, args.factors = &U[0, 0], &V[0, 0]
    args.values = optional[real](values, indptr[stop], "values")
    args.shift = optional[real](shift, V.shape[0], "shift")
    args.shift_scale = optional[real](shift_scale, stop, "shift_scale")
    args.out = <void *>optional[real](out, indptr[stop], "out")
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).entries_rows, &args)


def entries_pairs(int64_t start, int64_t stop, const int64_t[::1] rows, const int64_t[::1] cols,
                  const real[:, ::1] U, const real[:, ::1] V, real[::1] out):
    """out[t] = U[rows[t]].V[cols[t]] for the pairs [start, stop)."""
    cdef kernel_args args
    memset(&args, 0, sizeof(kernel_args))
    require(0 <= start <= stop <= min(rows.shape[0], cols.shape[0]), "pairs out of range")
    require(1 <= U.shape[1] == V.shape[1], "U does not fit V")
    args.start, args.stop = start, stop
    args.rank, args.n_left, args.n_factors = V.shape[1], U.shape[0], V.shape[0]
    args.pair_rows, args.pair_cols = &rows[0], &cols[0]
    args.left, args.factors = &U[0, 0], &V[0, 0]
    args.out = <void *>optional[real](out, stop, "out")
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).entries_pairs, &args)


def spmm_rows(int64_t start, int64_t stop, const int64_t[::1] indptr,
              const int32_t[::1] indices, const real[:, ::1] B, const real[::1] data,
              real[:, ::1] out):
    """out[i] = sum_t data[t] * B[indices[t]] for the rows [start, stop); data None means 1."""
    cdef kernel_args args
    set_pattern(&args, start, stop, indptr, indices)
    require(1 <= B.shape[1] == out.shape[1] and out.shape[0] >= stop, "out does not fit B")
    args.rank, args.n_factors = B.shape[1], B.shape[0]
    args.values = optional[real](data, indptr[stop], "data")
    args.factors, args.out = &B[0, 0], &out[0, 0]
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).spmm_rows, &args)


cdef int set_columns(kernel_args *args, int64_t n_columns, int64_t first, int64_t last) except -1:
    require(0 <= first <= last <= n_columns, "columns out of range")
    args.n_columns, args.first_column, args.last_column = n_columns, first, last
    return 0


def spmm_columns(int64_t start, int64_t stop, int64_t first, int64_t last,
                 const int64_t[::1] indptr, const int32_t[::1] indices, const real[:, ::1] B,
                 const real[::1] data, real[:, ::1] out):
    """out[indices[t]] += data[t] * B[i] for the rows [start, stop) and columns [first, last).

    Indices must be sorted within each row; `data` None means 1.
    """
    cdef kernel_args args
    set_pattern(&args, start, stop, indptr, indices)
    set_columns(&args, out.shape[0], first, last)
    require(1 <= B.shape[1] == out.shape[1] and B.shape[0] >= stop, "B does not fit out")
    args.rank, args.n_left = B.shape[1], B.shape[0]
    args.values = optional[real](data, indptr[stop], "data")
    args.left, args.out = &B[0, 0], &out[0, 0]
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).spmm_columns, &args)


def transpose_rows(int64_t start, int64_t stop, int64_t first, int64_t last,
                   const int64_t[::1] indptr, const int32_t[::1] indices, const real[::1] values,
                   const real[::1] weights, int64_t[::1] next, int32_t[::1] out_indices,
                   real[::1] out_values, real[::1] out_weights):
    """Append the rows [start, stop), cut to the columns [first, last), to a column view.

    ``next[k]`` is the place of the next entry of column k, and is moved on. `out_indices` or
    `weights` with `out_weights` may be None. Indices must be sorted within each row, unless all
    columns are taken.
    """
    cdef kernel_args args
    cdef int64_t end
    set_pattern(&args, start, stop, indptr, indices)
    set_columns(&args, next.shape[0], first, last)
    end = indptr[stop]
    args.values = optional[real](values, end, "values")
    args.weights = optional[real](weights, end, "weights")
    args.next = &next[0]
    args.out_indices = <int32_t *>optional_int(out_indices, indptr[indptr.shape[0] - 1])
    args.out = <void *>optional[real](out_values, end, "out_values")
    args.out_weights = <void *>optional[real](out_weights, end, "out_weights")
    require((weights is None) == (out_weights is None), "weights and out_weights differ")
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).transpose_rows, &args)


def bucket_entries(int64_t start, int64_t stop, const int32_t[::1] lines,
                   const int32_t[::1] indices, const real[::1] values, const real[::1] weights,
                   int64_t[::1] next, int32_t[::1] out_indices, real[::1] out_values,
                   real[::1] out_weights):
    """Put the entries [start, stop) of a list into their lines, in their order.

    ``next[k]`` is the place of the next entry of line k, and is moved on. `weights` with
    `out_weights` may be None.
    """
    cdef kernel_args args
    cdef int64_t size = lines.shape[0]
    memset(&args, 0, sizeof(kernel_args))
    require(0 <= start <= stop <= size, "entries out of range")
    require(indices.shape[0] == size and out_indices.shape[0] == size, "indices do not fit lines")
    args.start, args.stop = start, stop
    args.values = optional[real](values, size, "values")
    args.weights = optional[real](weights, size, "weights")
    args.out = <void *>optional[real](out_values, size, "out_values")
    args.out_weights = <void *>optional[real](out_weights, size, "out_weights")
    require(values is not None and out_values is not None, "values are needed")
    require((weights is None) == (out_weights is None), "weights and out_weights differ")
    if size == 0:
        return
    args.lines, args.indices, args.next = &lines[0], &indices[0], &next[0]
    args.out_indices = &out_indices[0]
    run(skmc_kernels(SKMC_DOUBLE if real is double else SKMC_FLOAT).bucket_entries, &args)
