"""Soft-Impute: singular value thresholding of the filled-in matrix."""

import numpy as np

from skmc._problem import zero_factors
from skmc.solvers._proximal import BUFFER, ProximalGradient

# Factor from one penalty of the start to the next, and steps at each.
FALL, STEPS = 0.5, 2


class SoftImpute(ProximalGradient):
    """Proximal gradient for the nuclear norm: singular values shrink by alpha times the step."""

    name = "soft_impute"
    supports = frozenset({"positive_alpha", "weights"})

    def start(self, problem, init, random_state=None):
        if not (isinstance(init, str) and init == "svd"):
            return super().start(problem, init, random_state)
        # The first step from zero is the thresholded singular value decomposition. Under a small
        # penalty it lets in what a few entries in each row look like, up to the full rank, which
        # later steps have to take out again. Falling penalties keep the rank low all the way.
        if not 0.0 < problem.alpha < FALL * problem.alpha_max():
            return zero_factors(problem)
        alpha, state = FALL * problem.alpha_max(), None
        while alpha > problem.alpha:
            penalised = problem.with_alpha(alpha)
            state = state or self.init_state(penalised, zero_factors(problem))
            for _ in range(STEPS):
                state = self.step(penalised, state)
            alpha *= FALL
        return self.balanced(problem, state)

    def shrink(self, problem, s, step):
        shrunk = s - s.dtype.type(problem.alpha * step)
        return shrunk[shrunk > 0][: problem.rank]

    def penalty(self, problem, state):
        return problem.alpha * float(state.current.s.sum(dtype=np.float64))

    def width(self, problem, rank):
        return rank + max(BUFFER, rank // 4)
