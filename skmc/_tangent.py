"""The least-squares problem in the tangent space of the matrices of rank r, never formed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Columns of the products that make the Gram matrices, at a time.
BLOCK = 32
# Ridge of the Gram matrix of a line against its mean diagonal: lines with fewer than r entries
# have a singular one.
RIDGE = 1e-14


@dataclass(frozen=True, eq=False)
class TangentSystem:
    """Gauss-Newton system of a problem at factors (U, V), in coordinates of its own diagonal.

    A step (A, B) changes Z by A V' + U B', and the Gauss-Newton matrix of the loss maps it to
    (w Q(A V' + U B') V, (w Q(A V' + U B'))' U), where Q takes the best offsets out. Its diagonal
    blocks are the Gram matrices G_i = sum_j w_ij v_j v_j' + alpha I of the rows, and those of the
    columns likewise. With G_i = C_i' C_i the coordinates a_i = C_i A_i make them the identity, so
    the condition is that of alternating least squares, which does not depend on the singular
    values of Z. One product costs 4 nnz r + 2 (n + m) r^2 multiply-adds; memory is
    nnz + (n + m) r^2.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    factors : Factors
        Where it is linearised.
    whiten : bool
        Whether to use these coordinates, or (A, B) themselves.
    """

    problem: object
    factors: object
    whiten: bool = True

    @cached_property
    def whitening(self):
        """Inverse triangles C_i^-1 of rows and columns, shapes (n, r, r) and (m, r, r)."""
        observed = self.problem.observed
        ones = observed.weights_or_ones
        U, V = self.factors.U, self.factors.V
        return tuple(
            inverse_triangles(grams_of(product, ones, F), self.problem.alpha)
            for product, F in ((observed.matmul, V), (observed.rmatmul, U))
        )

    def step(self, coordinates):
        """The step (A, B) at some coordinates."""
        if not self.whiten:
            return coordinates
        return tuple(
            np.matmul(T, c[:, :, None])[:, :, 0]
            for T, c in zip(self.whitening, coordinates, strict=True)
        )

    def coordinates(self, gradients):
        """Gradient in the coordinates from the gradients in U and V."""
        if not self.whiten:
            return gradients
        return tuple(
            np.matmul(g[:, None, :], T)[:, 0, :]
            for T, g in zip(self.whitening, gradients, strict=True)
        )

    def change(self, step):
        """Entry array of A V' + U B'."""
        A, B = step
        return -self._product(A, B)

    def _product(self, A, B):
        U, V = self.factors.U, self.factors.V
        return self._empty.residual(np.hstack([A, U]), np.hstack([V, B]))

    @cached_property
    def _empty(self):
        return self.problem.observed.without_values()

    def matvec(self, coordinates, damping=0.0):
        """Product of the Gauss-Newton matrix, in the coordinates, plus `damping` times them."""
        problem, factors = self.problem, self.factors
        A, B = self.step(coordinates)
        entries = self.change((A, B))
        if problem.offsets.has_columns or problem.offsets.has_rows:
            entries, _ = problem.offsets.project(entries, overwrite=True)
        entries = problem.observed.weighted(entries)
        alpha = problem.dtype.type(problem.alpha)
        images = self.coordinates(
            (
                problem.observed.matmul(entries, factors.V) + alpha * A,
                problem.observed.rmatmul(entries, factors.U) + alpha * B,
            )
        )
        return tuple(y + damping * c for y, c in zip(images, coordinates, strict=True))


def conjugate_gradients(matvec, right, tol, max_iter):
    """Solve a positive semi-definite system from zero, for pairs of arrays.

    Returns
    -------
    x : tuple of ndarrays
        The last iterate.
    n_iter : int
        Products with the matrix.
    """
    x = tuple(np.zeros_like(b) for b in right)
    r, p = right, right
    square = first = _dot(r, r)
    for k in range(max_iter):
        if not square > tol**2 * first:
            return x, k
        Ap = matvec(p)
        curvature = _dot(p, Ap)
        if not curvature > 0:
            return x, k
        a = square / curvature
        x = tuple(xi + a * pi for xi, pi in zip(x, p, strict=True))
        r = tuple(ri - a * yi for ri, yi in zip(r, Ap, strict=True))
        square, old = _dot(r, r), square
        p = tuple(ri + (square / old) * pi for ri, pi in zip(r, p, strict=True))
    return x, max_iter


def _dot(first, second):
    return sum(
        float(np.einsum("ik,ik->", a, b, dtype=np.float64))
        for a, b in zip(first, second, strict=True)
    )


def grams_of(product, ones, F):
    """Gram matrices of the factors that each line sees, shape (lines, r, r)."""
    r = F.shape[1]
    i, j = np.triu_indices(r)
    first = product(ones, F[:, i[:BLOCK]] * F[:, j[:BLOCK]])
    grams = np.empty((first.shape[0], r, r), F.dtype)
    for start in range(0, i.size, BLOCK):
        part = slice(start, start + BLOCK)
        squares = first if start == 0 else product(ones, F[:, i[part]] * F[:, j[part]])
        grams[:, i[part], j[part]] = squares
        grams[:, j[part], i[part]] = squares
    return grams


def inverse_triangles(grams, alpha):
    """Inverses C^-1 of the triangles C'C = G + alpha I of Gram matrices G, kept finite."""
    r = grams.shape[1]
    diagonal = np.einsum("ikk->i", grams) / max(r, 1)
    eps = float(np.finfo(grams.dtype).eps)
    # The mean over lines keeps lines without entries finite.
    least = max(RIDGE, 50.0 * r * eps)
    ridge = alpha + least * (diagonal + 1e-6 * diagonal.mean()) + np.finfo(grams.dtype).tiny
    grams = grams + ridge[:, None, None].astype(grams.dtype) * np.eye(r, dtype=grams.dtype)
    lower = np.linalg.cholesky(grams)
    return np.swapaxes(np.linalg.inv(lower), 1, 2)
