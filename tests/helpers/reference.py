"""Plain NumPy versions of the compiled kernels, one row at a time, in float64."""

import numpy as np


def row_problem(i, indptr, indices, values, weights, F, design, shift, shift_scale):
    """Targets, regressors, weights and design of the entries of row i."""
    t = slice(indptr[i], indptr[i + 1])
    k = indices[t]
    y = values[t].astype(float)
    if shift is not None:
        y = y - (1.0 if shift_scale is None else float(shift_scale[i])) * shift[k]
    w = np.ones(len(k)) if weights is None else weights[t].astype(float)
    a = np.ones(len(k)) if design is None else design[k].astype(float)
    return y, F[k].astype(float), w, a


def ridge(y, f, w, penalty, a=None, kappa=0.0, rcond=1e-9):
    """Weighted ridge solution (u, c, value) of least norm |u|; c = 0 if a is None.

    Least squares on the data stacked over the square roots of the penalties, kappa for c,
    after what is proportional to a is taken out of the data. Singular values
    below rcond times the largest count as zero.
    """
    root, c = np.sqrt(w), 0.0
    rank = f.shape[1]
    left = np.vstack([root[:, None] * f, np.diag(np.sqrt(penalty)), np.zeros((1, rank))])
    right = np.r_[root * y, np.zeros(rank + 1)]
    if a is not None and len(y):
        line = np.r_[root * a, np.zeros(rank), np.sqrt(kappa)]
        slopes = line @ left / (line @ line)
        level = line @ right / (line @ line)
        left, right = left - np.outer(line, slopes), right - level * line
    u = np.linalg.lstsq(left, right, rcond=rcond)[0]
    if a is not None and len(y):
        c = level - slopes @ u
    residual = right - left @ u
    return u, c, 0.5 * residual @ residual


def ridge_rows(
    start,
    stop,
    indptr,
    indices,
    values,
    weights,
    F,
    penalty,
    scale,
    kappa,
    design,
    shift,
    shift_scale,
):
    n = len(indptr) - 1
    u, c, value = np.zeros((n, F.shape[1])), np.zeros(n), np.zeros(n)
    for i in range(start, stop):
        y, f, w, a = row_problem(i, indptr, indices, values, weights, F, design, shift, shift_scale)
        own = penalty.astype(float) * (1.0 if scale is None else scale[i])
        u[i], c[i], value[i] = ridge(y, f, w, own, *(() if kappa is None else (a, kappa)))
    return u, c, value


def leave_one_out_rows(
    start, stop, indptr, indices, values, weights, F, penalty, scale, n_scaled, shift, shift_scale
):
    out = np.zeros(len(values))
    for i in range(start, stop):
        y, f, w, _ = row_problem(i, indptr, indices, values, weights, F, None, shift, shift_scale)
        for t in range(len(y)):
            others = np.arange(len(y)) != t
            own = penalty.astype(float)
            own[:n_scaled] *= 1.0 if scale is None else scale[i]
            u = ridge(y[others], f[others], w[others], own)[0]
            out[indptr[i] + t] = y[t] - f[t] @ u
    return out


def entries_rows(start, stop, indptr, indices, U, V, values, shift, shift_scale):
    out = np.zeros(len(indices))
    for i in range(start, stop):
        scale = 1.0 if shift_scale is None else shift_scale[i]
        for t in range(indptr[i], indptr[i + 1]):
            k = indices[t]
            fit = U[i].astype(float) @ V[k] + (0.0 if shift is None else scale * shift[k])
            out[t] = fit if values is None else values[t] - fit
    return out


def entries_pairs(rows, cols, U, V):
    return np.sum(U[rows].astype(float) * V[cols], axis=1)


def dense(indptr, indices, data, n_columns):
    out = np.zeros((len(indptr) - 1, n_columns))
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    np.add.at(out, (rows, indices), 1.0 if data is None else data)
    return out


def spmm_rows(indptr, indices, B, data):
    return dense(indptr, indices, data, len(B)) @ B


def spmm_columns(indptr, indices, B, data, n_columns):
    return dense(indptr, indices, data, n_columns).T @ B
