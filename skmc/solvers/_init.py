"""Where to start."""

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, leading_svd
from skmc._problem import zero_factors

# A component this much smaller than the largest has vanished. Alternating minimisation would take
# long to bring it back, should a lower penalty let it in.
VANISHED = 1e-3
# So has one this much smaller than the data.
NOTHING = 1e-6


def initial_factors(problem, init, random_state=None):
    """Starting factors of a problem.

    Parameters
    ----------
    problem : CompletionProblem
        The problem, whose rank is the number of components.
    init : {"svd", "random"} or tuple of ndarrays of shapes (rank, m) and (m,)
        ``"svd"``: leading singular triplets of the zero-filled centred data, soft-thresholded, at
        the scale that fits best; deterministic. ``"random"``: small Gaussian factors. A tuple
        gives V' and the column offsets, and U is the ridge fit to them.
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
        return resized(problem, None, rank)
    components, columns = init
    V = np.ascontiguousarray(components.T, dtype=problem.dtype)
    return Factors(fit_rows(problem, V, columns)[0], V)


def fit_rows(problem, V, columns, penalty=None):
    """Exact minimisation over U and the row offsets, V and the column offsets being given.

    The penalty is alpha, or one for each component.

    Returns
    -------
    U : ndarray, shape (n, r)
        Row factors.
    rows : ndarray, shape (n,), or None
        Row offsets, None in a model without them.
    """
    offsets = problem.offsets
    penalty = problem.alpha if penalty is None else penalty
    given = {"shift": columns, "shift_scale": offsets.row_scale} if offsets.has_columns else {}
    if offsets.has_rows:
        given["offset_penalty"] = offsets.row_penalty
    U, rows = problem.observed.ridge_rows(V, penalty, penalty_scale=problem.row_multiples, **given)
    return U, rows if offsets.has_rows else None


def data_norm(problem):
    """Norm that the whole matrix would have if its entries were like those observed."""
    observed = problem.observed
    square = observed.dot(observed.weighted(observed.values), observed.values)
    return float(np.sqrt(square / problem.fraction_observed))


def _count_alive(problem, s):
    least = max(VANISHED * s[:1].max(initial=0.0), NOTHING * data_norm(problem))
    return np.count_nonzero(s > least)


def revived(problem, factors):
    """Factors whose missing components are those of the residual that exceed the penalty.

    A component that is zero, as a larger penalty has left it, is a saddle point of alternating
    minimisation. It lowers the objective to leave it if the residual, off the components that are
    there, has a singular value above alpha.
    """
    P, s, Q = factors.svd()
    alive = _count_alive(problem, s)
    if alive == problem.rank:
        return factors
    P, s, Q = P[:, :alive], s[:alive], Q[:, :alive]
    factors = Factors(P * np.sqrt(s), Q * np.sqrt(s))
    observed = problem.observed
    entries = observed.weighted(problem.residual(factors).entries)
    # (I - P P') E (I - Q Q') = E - [P, E Q - P P'E Q] [E'P, Q]'.
    right, left = observed.matmul(entries, Q), observed.rmatmul(entries, P)
    A, B = np.hstack([P, right - P @ (P.T @ right)]), np.hstack([left, Q])
    P, s, Q = leading_svd(SparsePlusLowRank(observed, entries, 1.0, -A, B), problem.rank - alive)
    gain = s - problem.dtype.type(problem.alpha)
    pays = gain > VANISHED * problem.alpha
    root = np.sqrt(gain[pays] / problem.dtype.type(problem.fraction_observed))
    return Factors(
        np.hstack([factors.U, P[:, pays] * root]), np.hstack([factors.V, Q[:, pays] * root])
    )


def resized(problem, factors, rank):
    """Factors of another rank, to start from.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    factors : Factors or None
        Factors of any rank; None stands for rank 0.
    rank : int
        The rank wanted. The leading components are kept, unless they have vanished, and more are
        taken from the residual, soft-thresholded, at the scale that fits best.
    """
    factors = zero_factors(problem) if factors is None else factors
    P, s, Q = factors.svd()
    alive = min(_count_alive(problem, s), rank)
    if alive < factors.rank:
        P, s, Q = P[:, :alive], s[:alive], Q[:, :alive]
        factors = Factors(P * np.sqrt(s), Q * np.sqrt(s))
    if alive == rank:
        return factors
    observed, residual = problem.observed, problem.residual(factors)
    entries = observed.weighted(residual.entries)
    operator = SparsePlusLowRank(observed, entries)
    P, s, Q = leading_svd(operator, rank - factors.rank)
    # A component that starts at zero would stay there under alternating minimisation.
    s = np.maximum(s - problem.dtype.type(problem.alpha), problem.dtype.type(0.05) * s)
    U, V = P * np.sqrt(s), Q * np.sqrt(s)
    # Filling holes with zeros made the matrix too small: the best multiple makes up for it.
    more = Factors(np.hstack([factors.U, U]), np.hstack([factors.V, V]))
    there = problem.residual(more, residual.offsets)
    product = residual.entries - there.entries
    square = observed.dot(observed.weighted(product), product)
    if square <= 0:
        return more
    multiple = max(observed.dot(entries, product) / square, 0.0)
    root = np.sqrt(multiple, dtype=problem.dtype)
    found = Factors(np.hstack([factors.U, U * root]), np.hstack([factors.V, V * root]))
    problem.know(found, problem.between(residual, there, multiple))
    return found
