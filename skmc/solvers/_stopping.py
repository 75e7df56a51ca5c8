"""When an iterate is close enough to its limit."""

from itertools import pairwise

import numpy as np

# Iterations in a row that must have lowered the objective before its remaining gain is estimated.
SETTLED = 10


def exact_loss(problem):
    """Loss of a fit that is exact in floating point.

    The loss is a square: this is eps^0.6 of the values, where rounding in the factors stalls.
    """
    return float(np.finfo(problem.dtype).eps) ** 1.2 * problem.loss_at_zero


class StoppingRule:
    """Estimated distance to the limit against the residual, in Z and in the objective."""

    def __init__(self, problem, tol):
        self.tol = tol
        self.per_entry = 1.0 / np.sqrt(problem.fraction_observed)
        eps = float(np.finfo(problem.dtype).eps)
        self.accuracy = 100.0 * eps
        self.exact = exact_loss(problem)
        self.changes = []
        self.objectives = []
        self.reason = None

    def met(self, state):
        """Whether to stop; then `reason` says why."""
        self.changes.append(state.change)
        self.objectives.append(state.objective)
        if state.change <= self.accuracy * state.pace * state.norm:
            self.reason = "the iterate no longer changes in floating point"
        elif state.loss <= self.exact:
            self.reason = "the observed entries are matched in floating point"
        elif len(self.changes) > 1:
            allowed = self.tol * self.per_entry * np.sqrt(2.0 * max(state.loss, 0.0))
            # Not the changes that full steps would make: these jump where the pace does.
            if _remaining(self.changes) <= allowed * state.pace:
                self.reason = f"within tol={self.tol:g} of the limit, relative to the residual"
            elif self._objective_settled(state):
                self.reason = f"objective settled to the square of tol={self.tol:g}"
        return self.reason is not None

    def _objective_settled(self, state):
        """Whether what is left to gain is about what a move of `tol` residuals would change.

        Where the observed entries do not determine Z, as at too high a rank, Z wanders on for
        ever while the fit to them stands still.
        """
        recent = self.objectives[-SETTLED - 1 :]
        gains = [a - b for a, b in pairwise(recent)]
        # An iterate that jumps to and fro goes nowhere either, but it is not at its limit.
        if len(gains) < SETTLED or min(gains) <= 0 or self.changes[-1] > 0.1 * state.norm:
            return False
        slowest = 1.0 - min(max(self.tol, 1e-6), 0.1)
        remaining = _remaining(gains, slowest) / state.pace
        return remaining <= 10.0 * self.tol**2 * state.loss


def _remaining(changes, slowest=0.999):
    """Sum of the changes to come, if they go on shrinking as they did."""
    window = changes[-6:]
    rate = 0.0
    if window[0] > 0:
        rate = (window[-1] / window[0]) ** (1.0 / (len(window) - 1))
    if window[-2] > 0:
        rate = max(rate, window[-1] / window[-2])
    rate = min(max(rate, 0.1), slowest)
    return window[-1] * rate / (1.0 - rate)
