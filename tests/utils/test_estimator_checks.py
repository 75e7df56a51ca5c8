"""The checks pass on an honest completer, and each is failed by a completer made to fail it."""

import warnings
from unittest import SkipTest

import numpy as np
import pytest
from mutant_completers import MUTANTS
from numpy_completer import NumpyCompleter
from sklearn.exceptions import SkipTestWarning
from sklearn.impute import SimpleImputer

from skmc.utils import check_completer, parametrize_with_completer_checks


def _checks(estimator):
    return {check.func.__name__: check for _, check in check_completer(estimator, True)}


@parametrize_with_completer_checks(
    [
        NumpyCompleter(),
        NumpyCompleter(keep_observed=False),
        NumpyCompleter(center=False, scale=False),
        NumpyCompleter(add_indicator=True),
        NumpyCompleter(keep_empty_features=False),
        NumpyCompleter(missing_values=-999.0),
    ]
)
def test_honest_completer_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("mutant", "check"), MUTANTS, ids=[f"{m.__name__}-{c}" for m, c in MUTANTS]
)
def test_mutant_is_caught(mutant, check):
    estimator = mutant()
    run = _checks(estimator)[f"check_completer_{check}"]
    try:
        run(estimator)
    except AssertionError as error:
        assert mutant.__name__ in str(error)  # noqa: PT017 - a skip must not pass for success
    except SkipTest:
        pytest.fail("the check was skipped")
    else:
        pytest.fail("the check did not see the defect")


def test_every_check_has_a_mutant():
    assert set(_checks(NumpyCompleter())) == {f"check_completer_{check}" for _, check in MUTANTS}


def test_nothing_is_skipped_where_everything_is_there():
    with warnings.catch_warnings():
        warnings.simplefilter("error", SkipTestWarning)
        check_completer(NumpyCompleter())


def test_skipped_checks_are_told():
    with pytest.warns(SkipTestWarning, match=r"check_completer_scale.*switched off"):
        check_completer(NumpyCompleter(scale=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SkipTestWarning)
        check_completer(NumpyCompleter(scale=False), on_skip=None)


def test_the_estimator_itself_is_not_fitted():
    completer = NumpyCompleter()
    check_completer(completer)
    assert not [name for name in vars(completer) if name.endswith("_")]


def test_imputer_without_the_interface_fails():
    # A SimpleImputer predicts column means: right in form, no completer.
    with pytest.raises(AssertionError, match="column means"):
        check_completer(SimpleImputer())


def test_arguments():
    with pytest.raises(TypeError, match="instance of NumpyCompleter"):
        check_completer(NumpyCompleter)
    with pytest.raises(ValueError, match="on_skip"):
        check_completer(NumpyCompleter(), on_skip="raise")


def test_pairs_of_generator():
    pairs = list(check_completer(NumpyCompleter(rank=2), generate_only=True))
    assert len({check.func.__name__ for _, check in pairs}) == len(pairs) > 40
    assert all(estimator.rank == 2 for estimator, _ in pairs)


def test_checks_do_not_modify_global_random_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    check_completer(NumpyCompleter())
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
