"""Recovery near the fewest entries that determine a matrix: a path of falling penalties."""

from collections import deque

import numpy as np
from scipy import linalg

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, random_subspace, subspace_svd
from skmc.solvers._decay import FIRST_ALPHA, Decay, movement
from skmc.solvers._gauss_newton import GaussNewton
from skmc.solvers._init import fit_rows, initial_factors
from skmc.solvers._peeling import Core
from skmc.solvers._polished import POLISH_STEPS, Polish, PolishedSearch
from skmc.solvers._stopping import exact_loss

# A path ends, if nothing else does it, at this multiple of the penalty above which nothing is
# fitted.
LAST_ALPHA = 1e-22
# A path is over if the residual keeps this part of its norm over this decrease of the penalty:
# where the fit is exact the residual falls with the penalty.
STALL, STALL_DECREASE = 0.7, 1e-3
# Sweeps of a path, at most. Those that succeed need about 200 well above the fewest entries and
# rarely 1000 close to them.
PATH_SWEEPS = 1500
# Part of the penalty that keeps weights positive if all components have vanished.
TINY = 1e-15


class Continuation(PolishedSearch):
    """Factors of given rank that match the observed entries, from as few entries as possible.

    The problem is that of hard rank, alpha = 0. Four parts, each of which the next one needs:

    1. Lines (rows or columns) with no more entries than unknowns are taken out, repeatedly: such
       a line can be fitted exactly whatever the other factors are, so it says nothing about them,
       but while they are wrong its factors run away and take others along. They are put back in
       the reverse order.
    2. On the rest, alternating least squares with extrapolation (`AlternatingLeastSquares`)
       follows the minima of

           1/2 |x - U V'|_w^2 + 1/2 sum_k a w_k (|u_k|^2 + |v_k|^2),  w_k = (s_1 / (s_k + a/p))^1/2

       for a falling from half of the penalty that fits nothing; s are the singular values of
       U V', p the mean of w over all entries, zero where none is observed. The weights make the
       penalty a smoothed Schatten-1/2 quasi-norm, which lets small components in where equal
       weights (nuclear norm) hold them back for ever. The decay follows the iterates (`Decay`). A
       component that has vanished comes back, from the singular vectors of the residual, once the
       residual exceeds its penalty: alternating minimisation could not leave zero.
    3. As the residual falls, Gauss-Newton steps (`GaussNewton`) are tried on the way: from inside
       its basin the limit is a few of them away.
    4. If the residual stalls, lines whose factors have run away (or that with the largest) are
       set aside and the path is run again on the rest.

    The factors of the smallest residual so far are kept, and Gauss-Newton steps on the problem as
    a whole end the iteration. The weights are those of iteratively reweighted least squares
    (Mohan and Fazel 2012, JMLR 13:3441; Kuemmerle and Mayrink Verdun 2021, arXiv:2106.02119).

    Parameters
    ----------
    attempts : int, default=5
        Runs along the path, at most.
    exponent : float, default=0.5
        Exponent of the weights; 0 is the nuclear norm, 1 a smoothed log-determinant.
    """

    name = "continuation"

    def __init__(self, attempts=5, exponent=0.5):
        self.attempts = attempts
        self.exponent = exponent

    def search(self, problem, factors):
        n, m = problem.shape
        exact = exact_loss(problem)
        start = factors
        left_rows, left_columns = np.zeros(n, bool), np.zeros(m, bool)
        for _ in range(self.attempts):
            core = Core(problem, left_rows, left_columns)
            path = _Path(core.problem, core.restrict(start) if start else None, self.exponent)
            for change in path.iterations():
                yield change, None
            whole = core.extend(path.factors)
            if path.exact:
                polish = GaussNewton()
                state = polish.init_state(problem, whole)
                for _ in range(POLISH_STEPS):
                    if state.loss <= exact:
                        break
                    state = polish.step(problem, state)
                    yield state.change, state.factors
                yield 0.0, state.factors
                if state.loss <= 1e3 * exact:
                    return
            else:
                yield 0.0, whole
            if not core.separable:
                return
            core.set_aside_runaways(path.factors, left_rows, left_columns)
            remaining = min(np.count_nonzero(~left) for left in (left_rows, left_columns))
            if remaining <= 2 * problem.rank:
                return
            start = None


class _Path:
    """A path of falling penalties on one problem; `factors` and `exact` tell where it ended."""

    def __init__(self, problem, factors, exponent):
        self.problem = problem
        if factors is None:
            factors = initial_factors(problem, "svd")
        self.factors = factors.balanced()
        self.exponent = exponent
        self.exact = False
        self._polish = Polish(problem)
        self._basis = None

    def iterations(self):
        """Yield the change of Z per iteration."""
        problem = self.problem
        largest, fraction = problem.alpha_max(), problem.mean_weight
        size = np.sqrt(problem.loss_at_zero)
        if not size > 0:
            self.exact = True
            return
        alpha, decay = FIRST_ALPHA * largest, Decay()
        history = deque()
        current, anchor = self.factors, self.factors
        columns = problem.residual(current).offsets.columns
        weights = self._weights(current.singular_values(), alpha / fraction)
        previous, momentum, objective = None, 0, np.inf
        sweeps = 0
        while alpha > LAST_ALPHA * largest and sweeps < PATH_SWEEPS:
            sweeps += 1
            beta = momentum / (momentum + 3.0) if previous is not None else 0.0
            new, new_columns, value = self._sweep(current, columns, previous, beta, alpha * weights)
            momentum = 0 if value > objective * (1.0 + 1e-12) else momentum + 1
            change, norm = movement(new, current), new.norm()
            previous, current, columns, objective = (current.V, columns), new, new_columns, value
            yield change * norm
            if not decay.settled(change):
                continue
            alpha *= decay.factor(movement(current, anchor))
            P, s, Q = current.svd()
            root = np.sqrt(s)
            balanced = Factors(P * root, Q * root)
            turn = linalg.lstsq(current.V, balanced.V, check_finite=False)[0]
            previous = previous[0] @ turn, previous[1]
            current, objective = balanced, np.inf
            residual = problem.residual(current)
            weights = self._weights(s, alpha / fraction)
            vanished = s < 1e-3 * alpha * weights / fraction
            if vanished.any():
                grown, s = self._regrow(current, s, vanished, residual, alpha * weights, fraction)
                if grown is not current:
                    current, previous, momentum = grown, None, 0
                    weights = self._weights(s, alpha / fraction)
            anchor = self.factors = current
            relative = np.sqrt(residual.loss) / size
            if self._polish.due(relative):
                yield from self._finish(current)
                if self.exact:
                    return
            history.append((alpha, relative))
            while len(history) > 1 and history[1][0] * STALL_DECREASE >= alpha:
                history.popleft()
            if history[0][0] * STALL_DECREASE >= alpha and relative > STALL * history[0][1]:
                break
        yield from self._finish(current)

    def _finish(self, factors):
        yield from self._polish.steps(factors)
        if self._polish.factors is not None:
            self.factors, self.exact = self._polish.factors, True

    def _weights(self, s, shift):
        return ((s[0] + TINY * shift) / (s + shift)) ** self.exponent

    def _sweep(self, factors, columns, previous, beta, penalty):
        observed, offsets = self.problem.observed, self.problem.offsets
        V = factors.V
        if beta > 0:
            beta = V.dtype.type(beta)
            V = V + beta * (V - previous[0])
            columns = columns + beta * (columns - previous[1])
        U, rows = fit_rows(self.problem, V, columns, penalty)
        V, columns, value = observed.ridge_columns(
            U, penalty, intercept=offsets.has_columns, design=offsets.row_scale, shift=rows
        )
        value = float(value.sum()) + 0.5 * float(np.einsum("ik,ik->k", U, U) @ penalty)
        if rows is not None:
            value += 0.5 * offsets.row_penalty * float(rows @ rows)
        return Factors(U, V), columns, value

    def _regrow(self, factors, s, vanished, residual, penalty, fraction):
        """Give vanished components the leading singular vectors of the residual, if they pay.

        At zero the penalty of a component has slope a w_k, and the residual |w e|_2 against it.
        """
        observed = self.problem.observed
        count = int(np.count_nonzero(vanished))
        if self._basis is None:
            width = min(factors.rank + 3, *self.problem.shape)
            random_state = np.random.RandomState(0)
            self._basis = random_subspace(observed.shape[1], width, observed.dtype, random_state)
        operator = SparsePlusLowRank(observed, observed.weighted(residual.entries))
        P, sigma, Q = subspace_svd(operator, self._basis, n_passes=3)
        self._basis = Q
        size = np.maximum(sigma[:count] - penalty[vanished], 0.0) / fraction
        if not size.any():
            return factors, s
        U, V, s = factors.U.copy(), factors.V.copy(), s.copy()
        U[:, vanished] = P[:, :count] * np.sqrt(size)
        V[:, vanished] = Q[:, :count] * np.sqrt(size)
        s[vanished] = size
        return Factors(U, V), s
