"""Checks of what scikit-learn's own checks cannot see: completion of data with holes.

:func:`sklearn.utils.estimator_checks.check_estimator` runs on complete data, where a completer
that keeps observed entries returns its input whatever it has learned. The checks here run on
incomplete data. They use nothing but the public interface and work for any estimator that follows
it, of this package or not.
"""

import warnings
from functools import partial, wraps
from unittest import SkipTest

from sklearn.exceptions import ConvergenceWarning, SkipTestWarning

from skmc.utils import _checks_fit, _checks_inputs, _checks_score, _checks_sparse, _checks_transform

__all__ = ["check_completer", "parametrize_with_completer_checks"]

_CHECK_MODULES = (_checks_transform, _checks_fit, _checks_score, _checks_inputs, _checks_sparse)


def check_completer(estimator, generate_only=False, *, on_skip="warn"):
    """Check that an estimator completes incomplete matrices as a completer should.

    Run it beside :func:`sklearn.utils.estimator_checks.check_estimator`, which it complements.
    Checks of features that the estimator does not have, according to its parameters and the
    arguments of its `fit`, are skipped; so are those of table libraries that are not installed.

    Parameters
    ----------
    estimator : estimator instance
        Completer to check. It is cloned, never fitted itself.

    generate_only : bool, default=False
        If True, return a generator of checks instead of running them.

    on_skip : {"warn", None}, default="warn"
        Whether a skipped check gives a :class:`~sklearn.exceptions.SkipTestWarning`.

    Returns
    -------
    checks : generator of (estimator, callable) or None
        Pairs such that ``check(estimator)`` runs a check, if `generate_only` is True.

    Raises
    ------
    AssertionError
        If a check fails. Other errors are those of the estimator.

    See Also
    --------
    parametrize_with_completer_checks : The same as a decorator for pytest.

    Examples
    --------
    >>> from skmc.utils import check_completer
    >>> from sklearn.impute import SimpleImputer
    >>> checks = check_completer(SimpleImputer(), generate_only=True)
    >>> estimator, check = next(checks)
    >>> check.func.__name__
    'check_completer_fills_everything'
    >>> check(estimator)
    """
    if isinstance(estimator, type):
        raise TypeError(f"Pass an instance of {estimator.__name__}, not the class.")
    if on_skip not in ("warn", None):
        raise ValueError(f'on_skip must be "warn" or None; got {on_skip!r}.')
    checks = _generate(estimator)
    if generate_only:
        return checks
    for instance, check in checks:
        try:
            check(instance)
        except SkipTest as reason:
            if on_skip == "warn":
                message = f"Skipped {check.func.__name__} for {instance}: {reason}"
                warnings.warn(message, SkipTestWarning, stacklevel=2)
    return None


def parametrize_with_completer_checks(estimators):
    """Parametrise a pytest test with all checks of all given completers.

    Parameters
    ----------
    estimators : list of estimator instances
        Completers to check.

    Returns
    -------
    decorator : ``pytest.mark.parametrize``
        Decorator that passes arguments named ``estimator`` and ``check`` to the test.

    See Also
    --------
    check_completer : Run the checks of one completer at once.

    Examples
    --------
    >>> from skmc.utils import parametrize_with_completer_checks
    >>> from sklearn.impute import SimpleImputer
    >>> @parametrize_with_completer_checks([SimpleImputer()])
    ... def test_completer(estimator, check):
    ...     check(estimator)
    """
    import pytest

    return pytest.mark.parametrize(
        ("estimator", "check"),
        [pair for estimator in estimators for pair in check_completer(estimator, True)],
        ids=_identify,
    )


def _generate(estimator):
    """Yield the estimator with each of the checks."""
    name = type(estimator).__name__
    for module in _CHECK_MODULES:
        for check in module.CHECKS:
            yield estimator, partial(_without_convergence_warnings(check), name)


def _without_convergence_warnings(check):
    """Silence warnings on convergence: the checks are about something else."""

    @wraps(check)
    def wrapper(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return check(*args, **kwargs)

    return wrapper


def _identify(parameter):
    """Name a check by its function and an estimator by its repr, on one line."""
    if isinstance(parameter, partial):
        return parameter.func.__name__
    return " ".join(repr(parameter).split())
