"""Singular values fitted again, without the penalty that has lowered them."""

from dataclasses import replace

import numpy as np
from scipy import linalg

from skmc._factors import Factors


def debiased(result):
    """Refit the singular values of a solution to the observed entries, by least squares.

    minimise over d and the offsets  1/2 |X - offsets - P diag(d) Q'|_w^2  at the singular vectors
    P, Q of the solution. The penalty has found these and lowered the singular values, by about the
    penalty over the observed fraction each; r numbers fitted to all observed entries hardly follow
    their noise, so the singular vectors that noise has brought stay as small as they are.

    Parameters
    ----------
    result : SolverResult
        A solution.

    Returns
    -------
    result : SolverResult
        The refit, a point of the problem without penalty. Iterations and trace are those of the
        solution. Cost: about nnz r^2 multiply-adds.
    """
    problem, factors = result.problem, result.factors
    if factors.rank == 0:
        return result
    P, s, Q = factors.svd()
    observed, zero = problem.observed, np.zeros_like(problem.observed.values)

    def products(entries):
        """Inner product of the entries with each p_k q_k' on Omega."""
        weighted = observed.matmul(observed.weighted(entries), Q)
        return np.einsum("ik,ik->k", P, weighted, dtype=np.float64)

    right = products(problem.at_zero.entries)
    gram = np.empty((s.shape[0],) * 2)
    for k in range(s.shape[0]):
        component = observed.subtract_outer(zero, -P[:, k], Q[:, k])
        gram[:, k] = products(problem.offsets.project(component, overwrite=True)[0])
    d = linalg.lstsq(0.5 * (gram + gram.T), right, check_finite=False)[0]
    free = problem.with_alpha(0.0, rank=s.shape[0])
    refit = Factors(P * d.astype(P.dtype), Q).balanced()
    return replace(result, factors=refit, residual=free.residual(refit), problem=free)
