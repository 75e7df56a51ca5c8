"""Gauss-Newton iteration that takes the smallest factors of all that fit its model."""

from collections import deque

import numpy as np

from skmc._factors import Factors
from skmc._tangent import TangentSystem, conjugate_gradients
from skmc.solvers._polished import Polish, PolishedSearch

# Accuracy of the conjugate gradients: the square of the relative residual, within this range. More
# far from a solution would follow a model that is wrong there.
INNER_RANGE = 1e-8, 3e-3
# A search ends if its least residual keeps this part of its value over so many iterations.
STALL, STALL_STEPS = 0.9, 50


class MinimumNormGaussNewton(PolishedSearch):
    """GNMR: the smallest new factors that fit the entries in the tangent space of the old ones.

    At balanced factors (U, V) the next ones are the balanced form of the (A, B) of least
    |A|^2 + |B|^2 among those that minimise

        1/2 |x - (A V' + U B' - U V')|_w^2

    with offsets eliminated: conjugate gradients from zero on the normal equations find them, and
    stop early while the fit is still bad. It is the size of the new factors that is kept small, and
    not that of the step, whence lines with few entries do not run away, as they do under the
    damped steps of `GaussNewton`. Those are tried as the residual falls, and end the iteration,
    as their convergence does not depend on the singular values. The residual may rise on the way.
    Zilber and Nadler (2022), arXiv:2106.12933.

    Parameters
    ----------
    inner_iter : int, default=500
        Conjugate-gradient iterations of a step, at most.
    """

    name = "gauss_newton"

    def __init__(self, inner_iter=500):
        self.inner_iter = inner_iter

    def search(self, problem, factors):
        observed, data = problem.observed, problem.at_zero.entries
        size, polish, recent, least = np.sqrt(problem.loss_at_zero), Polish(problem), deque(), 1.0
        while True:
            residual = problem.residual(factors)
            relative = np.sqrt(residual.loss) / size
            if polish.due(relative):
                for change in polish.steps(factors):
                    yield change, None
                if polish.factors is not None:
                    yield 0.0, polish.factors
                    return
            least = min(least, relative)
            recent.append(least)
            if len(recent) > STALL_STEPS and least > STALL * recent.popleft():
                return
            # x + U V' on Omega, the best offsets of both taken out.
            target = observed.weighted(2 * data - residual.entries)
            right = observed.matmul(target, factors.V), observed.rmatmul(target, factors.U)
            system = TangentSystem(problem, factors, whiten=False)
            tol = float(np.clip(relative**2, *INNER_RANGE))
            step, _ = conjugate_gradients(system.matvec, right, tol, self.inner_iter)
            old, factors = factors, Factors(*step).balanced()
            yield factors.distance(old), factors
