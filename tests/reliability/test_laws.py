"""What must hold for every pattern of holes: units, order, objectives that fall (15 to 17)."""

import numpy as np
from faults import has, is_non_negative, is_symmetric, table, unconverged
from hypothesis import given, settings
from hypothesis import strategies as st
from isolated import check_each
from registry import GENERAL, at, make, supports

from skmc.completers import CROSS_VALIDATED
from skmc.solvers._polished import PolishedSearch

few = settings(deadline=None, max_examples=8, derandomize=True, database=None)
patterns = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**20), "observed": st.floats(0.4, 1.0), "noise": st.floats(0.02, 0.3)}
)
exponents = st.integers(-60, 60)


def without_draws(completers):
    """Where draws are random these laws hold but for the error of sampling."""
    return [E for E in completers if "sampled" not in supports(E)]


def model(E, alpha, **params):
    """A completer at rank 2 and a penalty, those that choose them left to do so."""
    if E in CROSS_VALIDATED:
        return make(E, **params)
    return at(E, rank=2, alpha=alpha, **params)


def holds_in_all_units(E):
    @few
    @given(patterns, exponents, st.sampled_from([-1.0, 1.0]))
    def check(pattern, exponent, sign):
        X = table(E, 20, 8, **pattern)
        # The folds of a cross-validation depend on which values are larger.
        positive = is_non_negative(E) or is_symmetric(E) or E in CROSS_VALIDATED
        factor = (1.0 if positive else sign) * 2.0**exponent
        for scale in (True, False):
            params = {"scale": scale} if has(E, "scale") else {}
            # Columns have units of their own unless scale=False.
            unit = abs(factor) if scale is False or not params else 1.0
            first, second = (model(E, 0.5 * a, max_iter=60, **params) for a in (1.0, unit))
            with unconverged():
                expected = first.fit_transform(X) * factor
                found = second.fit_transform(X * factor)
            # Powers of two leave the digits alone.
            np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())

    check()


def test_row_15_units(completers):
    check_each(holds_in_all_units, without_draws(completers), limit=120)


def holds_in_all_orders(E):
    if E in CROSS_VALIDATED:
        # Their folds are of entries in the order in which they come.
        return

    @few
    @given(patterns)
    def check(pattern):
        X = table(E, 20, 8, **pattern)
        rng = np.random.default_rng(pattern["seed"])
        rows, columns = rng.permutation(X.shape[0]), rng.permutation(X.shape[1])
        columns = rows if is_symmetric(E) else columns
        # Sums in another order are rounded otherwise: some steps are enough to tell. What draws
        # a vector to find the length of its steps is to reach the minimum.
        steps = {"tol": 0.0, "max_iter": 10}
        if is_symmetric(E):
            steps = {"tol": 1e-10, "max_iter": 5000}
        with unconverged():
            expected = model(E, 2.0, **steps).fit_transform(X)[np.ix_(rows, columns)]
            found = model(E, 2.0, **steps).fit_transform(X[np.ix_(rows, columns)])
        # Those that solve each step to a digit or two, from vectors that are drawn.
        rough = isinstance(make(E)._make_solver(), PolishedSearch)
        atol = (1e-3 if rough else 1e-6) * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=atol)

    check()


def test_row_15_order(completers):
    check_each(holds_in_all_orders, without_draws(completers), limit=120)


def holds_transposed(E):
    @few
    @given(patterns)
    def check(pattern):
        X = table(E, 16, 16, **pattern)
        params = {"scale": False, "center": False, "tol": 1e-10, "max_iter": 20_000}
        completer = at(E, rank=16, alpha=2.0, **params)
        with unconverged():
            one, other = completer.fit_transform(X), completer.fit_transform(X.T).T
        np.testing.assert_allclose(one, other, atol=1e-6 * np.abs(one).max())

    check()


def test_row_15_transposition():
    # Those with one minimum, whatever the rows are.
    convex = [E for E in GENERAL if "positive_alpha" in supports(E)]
    assert len(convex) > 2
    check_each(holds_transposed, convex, limit=120)


def objective_never_rises(E):
    @few
    @given(patterns, st.sampled_from([0.3, 3.0]))
    def check(pattern, alpha):
        X = table(E, 20, 8, **pattern)
        with unconverged():
            trace = model(E, alpha, tol=1e-8, max_iter=100).fit(X).trace_
        objective, same = trace["objective"], np.diff(trace["stage"]) == 0
        rise = np.diff(objective)[same]
        assert (rise <= 1e-9 * objective[:-1][same]).all()

    check()


def test_row_16_objective(completers):
    check_each(objective_never_rises, without_draws(completers), limit=120)
