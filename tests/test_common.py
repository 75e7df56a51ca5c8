"""What scikit-learn and this package demand of every estimator, of many instances of each."""

import os
import warnings

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.completers import COMPLETERS
from skmc.utils import parametrize_with_completer_checks

# On complete data "keep what was observed" is the identity and hides every defect.
PREDICT = {"keep_observed": False}
EVERY = [
    {},
    PREDICT,
    {"add_indicator": True},
    {"keep_empty_features": False},
    {"center": "both", **PREDICT},
    {"center": False, "scale": False, **PREDICT},
]
OWN = {
    ALSCompleter: [{"alpha": 1.0, **PREDICT}, {"alpha": 0, "rank": 1, **PREDICT}],
    ProjectedGDCompleter: [
        {"momentum": None, **PREDICT},
        {"rank": 1, "step_size": 1.0, **PREDICT},
    ],
    SoftImputeCompleter: [{"alpha": 1.0, **PREDICT}, {"max_rank": 1, **PREDICT}],
}
INSTANCES = [E(**params) for E in COMPLETERS for params in EVERY + OWN[E]]
# Missing entries marked by a number: not for scikit-learn's checks, which take NaN for a hole.
MARKED = [E(missing_values=-999.0) for E in COMPLETERS]

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


def test_every_completer_is_checked():
    assert set(OWN) == set(COMPLETERS)


@parametrize_with_checks(INSTANCES)
def test_sklearn(estimator, check):
    run(check, estimator)


@pytest.mark.parametrize("estimator", INSTANCES, ids=str)
@pytest.mark.parametrize("check", UNLISTED)
def test_sklearn_unlisted(check, estimator):
    with warnings.catch_warnings():
        # Provoked by the checks, which give names to `fit` and none to `transform`.
        warnings.filterwarnings("ignore", message=".*feature names.*", category=UserWarning)
        run(getattr(estimator_checks, check), type(estimator).__name__, clone(estimator))


@parametrize_with_completer_checks(INSTANCES + MARKED)
def test_completer(estimator, check):
    check(estimator)
