"""What scikit-learn and this package demand of every estimator, of many instances of each."""

import os
import warnings

import pytest
from registry import accepts
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmc.completers import COMPLETERS, CROSS_VALIDATED, SAMPLERS
from skmc.utils import parametrize_with_completer_checks

# On complete data "keep what was observed" is the identity and hides every defect.
PREDICT = {"keep_observed": False}
# What the base class does with these is the same for all; one completer is enough by default.
SHARED = [
    {},
    {"add_indicator": True},
    {"keep_empty_features": False},
    {"center": "both", **PREDICT},
    {"center": False, "scale": False, **PREDICT},
]


def instances(E, every):
    """Instances of a completer with each of the settings that its parameters allow."""
    own = [PREDICT, *({**PREDICT, **params} for params in E._test_variants)]
    shared = [params for params in SHARED if accepts(E, params)]
    return [E(**{**E._test_settings, **params}) for params in (own, shared)[every]]


FIRST, OTHERS = COMPLETERS[0], COMPLETERS[1:] + CROSS_VALIDATED + SAMPLERS
DEFAULT = [E() for E in OTHERS]
MAIN = [e for E in OTHERS for e in instances(E, False)[:1]]
MAIN += instances(FIRST, False) + instances(FIRST, True)
VARIANTS = [e for E in OTHERS for e in instances(E, False)[1:]]
SLOW = [e for E in OTHERS for e in instances(E, True)]
# Missing entries marked by a number: not for scikit-learn's checks, which take NaN for a hole.
MARKED = [E(missing_values=-999.0, **E._test_settings) for E in COMPLETERS]

# Checks that scikit-learn runs on its own estimators only.
UNLISTED = [
    "check_dataframe_column_names_consistency",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_get_feature_names_out_error",
]


def run(check, *args):
    """Run a check; a skip is a failure, as nothing that a check needs may be absent."""
    try:
        check(*args)
    except estimator_checks.SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


def test_array_api_is_enabled():
    # Without it scikit-learn skips a check. SciPy reads the variable when it is imported.
    assert os.environ.get("SCIPY_ARRAY_API") == "1", "run the tests by: SCIPY_ARRAY_API=1 pytest"


@pytest.fixture(autouse=True)
def few_folds(monkeypatch):
    """Search for the rank on two folds, in a fifth of the time that ten take."""
    monkeypatch.setattr("skmc._search._splits.TENTH", 2)


# Some tables of the checks determine no matrix of the rank that is asked for.
undetermined = pytest.mark.filterwarnings("ignore::skmc.exceptions.UndeterminedWarning")


def provoked(test):
    """Allow what the checks of scikit-learn rightly get warned of."""
    # Of objects to which a kernel finds nothing similar nothing is observed in sparse form.
    test = pytest.mark.filterwarnings("ignore:.*have no observed entry:UserWarning")(test)
    # Folds of rows are given where folds of entries are asked for.
    return undetermined(pytest.mark.filterwarnings("ignore:.*that cv holds out:UserWarning")(test))


@provoked
@parametrize_with_checks(MAIN)
def test_sklearn(estimator, check):
    run(check, estimator)


@pytest.mark.slow
@provoked
@parametrize_with_checks(DEFAULT + VARIANTS + SLOW)
def test_sklearn_variants(estimator, check):
    run(check, estimator)


@undetermined
@pytest.mark.parametrize("estimator", MAIN, ids=str)
@pytest.mark.parametrize("check", UNLISTED)
def test_sklearn_unlisted(check, estimator):
    with warnings.catch_warnings():
        # Provoked by the checks, which give names to `fit` and none to `transform`.
        warnings.filterwarnings("ignore", message=".*feature names.*", category=UserWarning)
        run(getattr(estimator_checks, check), type(estimator).__name__, clone(estimator))


@pytest.mark.slow
@undetermined
@pytest.mark.parametrize("estimator", VARIANTS, ids=str)
@pytest.mark.parametrize("check", UNLISTED)
def test_sklearn_unlisted_variants(check, estimator):
    test_sklearn_unlisted(check, estimator)


@undetermined
@parametrize_with_completer_checks(MAIN + MARKED[:1])
def test_completer(estimator, check):
    check(estimator)


@pytest.mark.slow
@undetermined
@parametrize_with_completer_checks(VARIANTS + SLOW + MARKED[1:])
def test_completer_shared_parameters(estimator, check):
    check(estimator)
