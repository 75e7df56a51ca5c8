"""Parameters that no fit can use (row 12), and those that are only just allowed."""

from numbers import Real

import numpy as np
from faults import assert_says, assert_sound, has, refused, table, unconverged
from isolated import check_each
from registry import accepts, make, supports

from skmc import ALSCompleter, EntryRegressor, SymmetricGDCompleter
from skmc._compat import Interval, InvalidParameterError

LISTS = {"alphas": (0.0, -1, np.nan, np.inf, "a"), "relaxations": (0.0, 1.5, np.nan, "a")}
TINY, HUGE = (1e-320, 1e-300, 1e-30), (1e30, 1e200, 1e300, 1.7e308)


def numeric(E):
    """Names of the parameters that are numbers, or may be."""
    constraints = E()._parameter_constraints.items()
    return [name for name, allowed in constraints if any(isinstance(a, Interval) for a in allowed)]


def refuses_parameters(E):
    assert {"max_iter", "n_samples"} & set(numeric(E))
    wrong = [(name, value) for name in numeric(E) for value in (-1, np.nan, np.inf, "few", [1])]
    # -1 is a number of threads, and 0 is allowed for some.
    wrong += [(name, -1.5) for name in numeric(E)] + [("n_jobs", 1.5), ("missing_values", "NA")]
    wrong += [(name, 0) for name in ("max_iter", "step_size", "tau") if has(E, name)]
    wrong += [(name, [v]) for name, values in LISTS.items() if has(E, name) for v in values]
    for name, value in wrong:
        # Refused before the data are looked at.
        message = refused(make(E, **{name: value}).fit, "no data", error=InvalidParameterError)
        assert_says(message, name, repr(value))


def test_row_12_parameters_that_mean_nothing(completers):
    check_each(refuses_parameters, completers)


def test_row_12_parameters_of_the_regressor():
    for params in ({"row": -1}, {"column": 1.5}, {"duplicates": "sum"}, {"completer": "als"}):
        message = refused(EntryRegressor(**params).fit, "no data", [1], error=InvalidParameterError)
        assert_says(message, f"The '{next(iter(params))}' parameter of EntryRegressor")
    X, y = [["a", "x"], ["b", "y"]], [1.0, 2.0]
    for completer in (ALSCompleter(alpha=-1), ALSCompleter(rank=True), ALSCompleter(max_iter=0)):
        refused(EntryRegressor(completer).fit, X, y, error=InvalidParameterError)
    assert_says(refused(EntryRegressor(SymmetricGDCompleter()).fit, X, y), "not the same object")


def takes_or_refuses_extremes(E):
    """The fit is finite, or there is a ValueError: a step that is too long diverges."""
    X = table(E, 24, 10)
    names = [n for n in numeric(E) if any(Real in _types(a) for a in E()._parameter_constraints[n])]
    for name in names:
        for value in TINY + HUGE:
            for kind in (np.float64, np.float32):
                if not accepts(E, {name: value}):
                    continue
                data = X.astype(kind)
                model = make(E, **{name: value, "max_iter": 100})
                try:
                    with unconverged():
                        model.fit(data)
                except ValueError as error:
                    told = str(error)
                else:
                    assert_sound(model, data)
                    continue
                assert any(words in told for words in EXTREME), (name, value, told)


# What is told of numbers that no fit can use.
EXTREME = ("diverged at iteration", "cannot start", "times the scale of the data")


def _types(allowed):
    return (allowed.type,) if isinstance(allowed, Interval) else ()


def test_row_12_parameters_at_the_ends_of_their_range(completers):
    check_each(takes_or_refuses_extremes, completers, limit=120)


def refuses_starts(E):
    if not has(E, "init") or "interpolates" in supports(E):
        return
    X = table(E)
    name = "rank" if has(E, "rank") else "max_rank"
    start = np.ones((2, X.shape[1]))
    for init in (start * np.nan, start * np.inf, start * 1e200, start[:, 1:], start[0]):
        message = refused(make(E, **{name: 2}, init=init).fit, X, error=ValueError)
        assert_says(message, "init must be finite, at most 1e+12, and of shape", f"{start.shape}")
    for init in (start * 1e-200, start * 0, start * 1e12):
        with unconverged():
            assert_sound(make(E, **{name: 2}, init=init).fit(X), X)


def test_row_12_starting_components(completers):
    check_each(refuses_starts, completers)


def refuses_weights(E):
    X = table(E)
    n = X.shape[0]
    weights = [np.full(n, 1e300), np.r_[1.0, 1e13, np.ones(n - 2)]]
    for w in weights if "sample_weight" in make(E).fit.__code__.co_varnames else ():
        first = np.argmax(w > 1e12)
        message = refused(make(E).fit, X, sample_weight=w, error=ValueError)
        assert_says(message, "at most 1e+12", f"at row {first}")
    row, column = np.argwhere(~np.isnan(X))[5]
    for value in (-1.0, np.nan, np.inf, 1e13):
        W = np.ones(X.shape)
        W[row, column] = value
        message = refused(make(E).fit, X, entry_weight=W, error=ValueError)
        assert_says(message, "at most 1e+12", "1 of them", f"row {row}, column {column}")
    for value in (1e12, 1e-300):
        if "weights" in supports(E):
            W = np.where(np.add.outer(np.arange(n), np.arange(X.shape[1])) % 3, value, 1e-3 * value)
            with unconverged():
                assert_sound(make(E, max_iter=20).fit(X, entry_weight=W), X)


def test_row_12_weights(completers):
    check_each(refuses_weights, completers)
