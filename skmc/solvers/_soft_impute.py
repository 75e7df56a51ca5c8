"""Soft-Impute: singular value thresholding of the filled-in matrix."""

import numpy as np

from skmc._problem import zero_factors
from skmc.solvers._proximal import BUFFER, ProximalGradient

# Factor from one penalty of the start to the next, larger ones in a long fall, and steps at each.
FALL, MOST_FALLS, STEPS = 0.5, 8, 2


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
        largest = FALL * problem.alpha_max()
        if not 0.0 < problem.alpha < largest:
            return zero_factors(problem)
        n_falls = min(np.ceil(np.log(problem.alpha / largest) / np.log(FALL)), MOST_FALLS)
        penalties = np.geomspace(largest, problem.alpha, int(n_falls) + 1)[:-1]
        state = self.init_state(problem, zero_factors(problem))
        for alpha in penalties:
            penalised = problem.with_alpha(alpha)
            state.objective = state.loss + self.penalty(penalised, state)
            for _ in range(STEPS):
                state = self.step(penalised, state)
        return self.balanced(problem, state)

    def shrink(self, problem, s, step):
        shrunk = s - s.dtype.type(problem.alpha * step)
        return shrunk[shrunk > 0][: problem.rank]

    def penalty(self, problem, state):
        return problem.alpha * float(state.current.s.sum(dtype=np.float64))

    def width(self, problem, rank):
        return rank + max(BUFFER, rank // 4)
