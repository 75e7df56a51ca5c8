"""A penalty that falls as fast as the iterates can follow."""

import numpy as np

from skmc._factors import Factors
from skmc.solvers._base import exact_loss

# A path starts at this multiple of the penalty above which nothing is fitted. A start that lets
# all components in at once, as at 0.1, picks wrong ones: it fails at 1.2 entries to a degree of
# freedom, where this one succeeds.
FIRST_ALPHA = 0.5
# Relative movement of Z between two penalties that the decay aims at, and the factor by which a
# penalty may fall.
MOVEMENT = 0.02
FASTEST, SLOWEST = 0.5, 0.98
# Sweeps at a penalty: until they move Z by this part of what the first one did, but within these.
SETTLED = 0.3
FEWEST_SWEEPS, MOST_SWEEPS = 2, 25


class Decay:
    """Decay of a penalty as fast as the iterates can follow.

    A stage at one penalty lasts until a sweep moves Z by less than a part of what the first sweep
    did. The next factor is chosen so that Z moves by a given relative distance; if a stage did
    not settle in its number of sweeps, the decay slows down.
    """

    def __init__(self):
        self._log_step = -np.log(0.95)
        self._first = np.inf
        self._sweeps = 0

    def settled(self, change):
        """Count a sweep that moved Z by `change`, relative to Z; True ends the stage."""
        self._sweeps += 1
        if self._sweeps == 1:
            self._first = change
        enough = change <= max(SETTLED * self._first, 1e-3 * MOVEMENT)
        return self._sweeps >= MOST_SWEEPS or (enough and self._sweeps >= FEWEST_SWEEPS)

    def factor(self, moved):
        """Factor to the next penalty, Z having moved by `moved` at this one."""
        self._log_step *= np.clip(MOVEMENT / max(moved, 1e-12), 0.5, 1.5)
        if self._sweeps >= MOST_SWEEPS:
            self._log_step *= 0.7
        self._log_step = np.clip(self._log_step, -np.log(SLOWEST), -np.log(FASTEST))
        self._sweeps = 0
        return float(np.exp(-self._log_step))


class RidgeContinuation:
    """Schedule that lowers the penalty from near its maximum to that of the problem.

    For `Solver.solve` of any solver of penalised problems; see `Decay` for the rule.

    Parameters
    ----------
    problem : CompletionProblem
        The problem; its penalty is the last one.
    max_iter : int
        Iterations of the solver; the path takes nine tenths of them at most.
    first, last : float
        First penalty, and the one from which the last step goes to that of the problem, in units
        of the smallest penalty that fits nothing.

    Attributes
    ----------
    problem : CompletionProblem
        The problem at the current penalty.
    units : None
        The columns keep their units.
    settled : bool
        Whether the penalty is final.
    """

    units = None

    def __init__(self, problem, max_iter, *, first=FIRST_ALPHA, last=1e-13):
        self._target = problem
        largest = problem.alpha_max()
        self._least = max(problem.alpha, last * largest)
        self._last = (9 * max_iter) // 10
        self._decay = Decay()
        self._anchor = None
        self.settled = not first * largest > self._least
        self.problem = problem if self.settled else problem.with_alpha(first * largest)

    def advance(self, solver, state, iteration):
        """Choose the next penalty when the iterates have settled at this one."""
        factors = solver.balanced(state)
        if self._anchor is None:
            self._anchor = factors
        relative = state.change / state.norm if state.norm > 0 else 0.0
        late = iteration >= self._last
        if not (self._decay.settled(relative) or late):
            return
        alpha = self.problem.alpha * self._decay.factor(movement(factors, self._anchor))
        self._anchor = factors
        exact = exact_loss(self._target)
        if late or alpha <= self._least or state.loss <= exact:
            self.settled = True
            self.problem = self._target
        else:
            self.problem = self._target.with_alpha(alpha)


def movement(new, old):
    """Norm of Z - Z_old relative to Z, as (U - U_old) V_old' + U (V - V_old)', without loss."""
    U = np.hstack([new.U - old.U, new.U])
    V = np.hstack([old.V, new.V - old.V])
    norm = new.norm()
    return Factors(U, V).norm() / norm if norm > 0 else 0.0
