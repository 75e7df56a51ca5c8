"""What solvers by gradient steps on factors share: the preconditioner and the length of steps."""

import numpy as np

from skmc.solvers._base import rises

# A component that grows by more than this in a step is not at its limit, however small it is.
GROWTH = 1e-3


def accelerated(step, problem, state, momentum):
    """State after a step with Nesterov weight k / (k + 3), restarted if the objective rises.

    ``step(problem, state, beta)`` steps from beyond the last iterate by `beta` times its change.
    """
    beta = state.momentum / (state.momentum + 3.0) if momentum else 0.0
    new = step(problem, state, beta if state.previous is not None else 0.0)
    if beta > 0 and rises(problem, new, state):
        state.momentum = 0
        new = step(problem, state, 0.0)
    return new


def gram(F):
    """F'F in float64."""
    return (F.T @ F).astype(np.float64)


def damped_gram(problem, F, loss):
    """Gram matrix of a factor at the scale of the Hessian, damped by what the fit has left."""
    G = problem.mean_weight * gram(F)
    damping = np.sqrt(2.0 * max(loss, 0.0) / max(problem.shape))
    floor = 10.0 * float(np.finfo(problem.dtype).eps) * np.trace(G)
    floor = max(floor, np.finfo(np.float64).tiny)
    return G + (problem.alpha + damping + floor) * np.eye(G.shape[0])


def step_pace(squares, outward, full, change, dtype):
    """Length of a step against half a preconditioned one, at most 1; tiny near a saddle.

    Near factors of too small a rank little changes while the missing component, however small,
    still grows by the same factor from step to step.

    Parameters
    ----------
    squares : ndarray, shape (r, r)
        Sum of the Gram matrices of the factors.
    outward : ndarray, shape (r, r)
        Inner products of the columns of the factors with those of the step.
    full : float
        Frobenius norm of the change of Z in half a preconditioned step.
    change : float
        Frobenius norm of the change of Z.
    dtype : dtype
        Type of the factors.
    """
    scale = np.trace(squares)
    finite = np.isfinite(full + change + scale) and np.isfinite(outward).all()
    if not (finite and full > 0 and scale > 0):
        return 1.0
    pace = min(1.0, max(change / full, 1e-9))
    floor = 1e3 * float(np.finfo(dtype).eps) * scale
    R = np.linalg.cholesky(squares + floor * np.eye(squares.shape[0]))
    half = np.linalg.solve(R, 0.5 * (outward + outward.T))
    growth = np.linalg.eigvalsh(np.linalg.solve(R, half.T))[-1]
    return pace if growth <= GROWTH * pace else 1e-9 * pace
