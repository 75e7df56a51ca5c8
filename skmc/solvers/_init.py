"""Where to start."""

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, leading_svd


def initial_factors(problem, init, random_state=None):
    """Starting factors of a problem.

    Parameters
    ----------
    problem : CompletionProblem
        The problem, whose rank is the number of components.
    init : {"svd", "random"} or ndarray of shape (rank, m)
        ``"svd"``: leading singular triplets of the zero-filled centred data divided by the
        fraction observed, soft-thresholded; deterministic. ``"random"``: small Gaussian factors.
        An array gives V', and U is its ridge fit.
    random_state : RandomState or None
        Used by ``"random"`` only.
    """
    n, m = problem.shape
    rank = problem.rank
    if isinstance(init, str) and init == "random":
        # Entries of Z start at about a tenth of the data in size.
        size = np.sqrt(0.1 / rank) if rank else 1.0
        draw = random_state.standard_normal
        V = (size * draw((m, rank))).astype(problem.dtype)
        U = (size * draw((n, rank))).astype(problem.dtype)
        return Factors(U, V)
    if isinstance(init, str):
        return _spectral(problem, rank)
    V = np.ascontiguousarray(np.asarray(init, dtype=problem.dtype).T)
    start = problem.at_zero.offsets
    U, _ = problem.observed.ridge_rows(
        V, problem.alpha, shift=start.columns, shift_scale=problem.offsets.design
    )
    return Factors(U, V)


def _spectral(problem, rank):
    observed = problem.observed
    entries = observed.weighted(problem.at_zero.entries)
    operator = SparsePlusLowRank(observed, entries)
    P, s, Q = leading_svd(operator, rank)
    # A component that starts at zero would stay there under alternating minimisation.
    s = np.maximum(s - problem.alpha, 0.05 * s) / problem.fraction_observed
    root = np.sqrt(s)
    return Factors(P * root, Q * root)
