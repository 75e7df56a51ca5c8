"""Extreme eigenvalues of operators on pairs of factors, away from a known null space."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, eigsh, lobpcg

# Unknowns up to which the operator is written out.
DENSE = 400
# Vectors iterated together, and iterations at most.
BLOCK, MAX_ITER = 4, 500
# Accuracy of the residual of an eigenvector, relative to the eigenvalue.
ACCURACY = 1e-3


@dataclass(frozen=True, eq=False)
class Extremes:
    """Smallest and largest eigenvalue of an operator off its null space.

    Parameters
    ----------
    smallest, largest : float
        The eigenvalues.
    dimension : int
        Dimension of the space off the null space.
    settled : bool
        Whether the smallest one is accurate; if not, it is an upper bound.
    """

    smallest: float
    largest: float
    dimension: int
    settled: bool


class Flat:
    """An operator on pairs of arrays, and the projection on its null space, on vectors.

    Parameters
    ----------
    operator : object
        Has `shapes`, `matvec`, `precondition`, and a `null` with `project` and `dimension`.
    """

    def __init__(self, operator):
        self.operator = operator
        first, second = operator.shapes
        self.cut, self.size = first[0] * first[1], first[0] * first[1] + second[0] * second[1]

    def split(self, x):
        """The pair of a vector."""
        first, second = self.operator.shapes
        return x[: self.cut].reshape(first), x[self.cut :].reshape(second)

    def join(self, pair):
        """The vector of a pair."""
        return np.concatenate([np.ravel(F) for F in pair])

    def of(self, function):
        """The function of pairs as one of the columns of a matrix, or of a vector."""

        def apply(X):
            if X.ndim == 1:
                return self.join(function(self.split(X)))
            return np.stack([self.join(function(self.split(x))) for x in X.T], axis=1)

        return apply

    def linear(self, apply):
        """The linear operator of a function of columns."""
        return LinearOperator((self.size,) * 2, matvec=apply, matmat=apply, dtype=np.float64)


def extremes(operator):
    """Extreme eigenvalues of an operator: from all of it if it is small, else by iteration.

    The largest comes from Lanczos iteration, the smallest from LOBPCG with the inverses of the
    diagonal blocks of the rows and columns as preconditioner, after the null space has been moved
    to the top of the spectrum.
    """
    flat, null = Flat(operator), operator.null
    dimension = flat.size - null.dimension
    matvec = flat.of(operator.matvec)
    project = flat.of(lambda pair: null.project(*pair))

    def inside(X):
        return X - project(X)

    if flat.size <= DENSE:
        everything = np.eye(flat.size)
        H = inside(matvec(inside(everything)))
        values = linalg.eigvalsh(0.5 * (H + H.T) - 1e3 * np.abs(H).max() * project(everything))
        values = values[null.dimension :]
        return Extremes(float(values[0]), float(values[-1]), dimension, True)
    start = inside(np.random.default_rng(0).standard_normal((flat.size, BLOCK)))
    deflated = flat.linear(lambda X: inside(matvec(inside(X))))
    largest = eigsh(deflated, k=1, which="LA", v0=start[:, 0], tol=1e-6, return_eigenvectors=False)
    largest = float(largest[0])
    shifted = flat.linear(lambda X: inside(matvec(inside(X))) + largest * project(X))
    preconditioner = flat.linear(lambda X: inside(flat.of(operator.precondition)(X)))
    with warnings.catch_warnings():
        # Whether it has settled is checked below.
        warnings.simplefilter("ignore", UserWarning)
        values, vectors = lobpcg(
            shifted, start, M=preconditioner, largest=False, tol=1e-8 * largest, maxiter=MAX_ITER
        )
    at = int(np.argmin(values))
    x, smallest = vectors[:, at], float(values[at])
    residual = np.linalg.norm(shifted @ x - smallest * x) / np.linalg.norm(x)
    settled = residual <= max(ACCURACY * abs(smallest), 1e-7 * largest)
    return Extremes(smallest, largest, dimension, bool(settled))
