"""Soft-Impute: singular value thresholding of the filled-in matrix."""

import numpy as np

from skmc._problem import zero_factors
from skmc.solvers._proximal import BUFFER, ProximalGradient

# Factor from one penalty of the start to the next, larger ones in a long fall.
FALL, MOST_FALLS = 0.5, 8


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
        return _Start().fall(problem, penalties)

    def shrink(self, problem, s, step):
        shrunk = s - s.dtype.type(problem.alpha * step)
        return shrunk[shrunk > 0][: problem.rank]

    def penalty(self, problem, state):
        return problem.alpha * float(state.current.s.sum(dtype=np.float64))

    def width(self, problem, rank):
        return rank + max(BUFFER, rank // 4)


class _Start(SoftImpute):
    """One long step at each of some falling penalties, which takes little off large components.

    What a penalty takes off the signal stays in the residual, above the next penalty: steps that
    shrink s to s - (alpha step)^2 / s, which leaves nothing of s = alpha step either, let the
    penalty fall twice as fast.
    """

    def __init__(self):
        super().__init__(momentum=None)

    def fall(self, problem, penalties):
        """Factors after a step from zero at the first penalty, and one at each of the others."""
        state = self.init_state(problem, zero_factors(problem))
        state.lipschitz = min(typical_curvature(problem), problem.observed.largest_weight)
        for alpha in penalties:
            # The curvature of the step before is that of the next one too; it is looked at.
            state.alpha = alpha
            state = self.step(problem.with_alpha(alpha), state)
        factors = self.balanced(problem, state)
        problem.know(factors, state.current.residual)
        return factors

    def shrink(self, problem, s, step):
        kept = s[: super().shrink(problem, s, step).shape[0]]
        return kept - s.dtype.type(problem.alpha * step) ** 2 / kept


def typical_curvature(problem):
    """Curvature along a change that has no regard for the pattern, a little more to be safe.

    Weight at a row and a column drawn by their entries, as if these were independent: without
    weights, on an even pattern, the fraction observed.
    """
    d_row, d_column = problem.mean_degrees
    return 1.1 * d_row * d_column / float(problem.offsets.column_weight.sum(dtype=np.float64))
