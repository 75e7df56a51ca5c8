"""Soft-Impute: singular value thresholding of the filled-in matrix."""

import numpy as np

from skmc._problem import zero_factors
from skmc.solvers._proximal import BUFFER, ProximalGradient


class SoftImpute(ProximalGradient):
    """Proximal gradient for the nuclear norm: singular values shrink by alpha times the step."""

    name = "soft_impute"
    supports = frozenset({"positive_alpha", "weights"})

    def start(self, problem, init, random_state=None):
        # The first step from zero is the thresholded singular value decomposition.
        if isinstance(init, str) and init == "svd":
            return zero_factors(problem)
        return super().start(problem, init, random_state)

    def shrink(self, problem, s, step):
        shrunk = s - s.dtype.type(problem.alpha * step)
        return shrunk[shrunk > 0][: problem.rank]

    def penalty(self, problem, state):
        return problem.alpha * float(state.current.s.sum(dtype=np.float64))

    def width(self, problem, rank):
        return rank + max(BUFFER, rank // 4)
