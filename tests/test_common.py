"""What scikit-learn and this package demand of every estimator, of many instances of each."""

import os
import warnings

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    ContinuationCompleter,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.completers import COMPLETERS, CROSS_VALIDATED, EXACT, FACTORED, NON_NEGATIVE
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
    NMFCompleter: [
        {"alpha": 1.0, **PREDICT},
        {"scale": False, **PREDICT},
        # At a higher rank products do not reach their limit in the iterations that checks allow.
        {"update": "multiplicative", "rank": 1, **PREDICT},
    ],
    ContinuationCompleter: [
        {"rank": 1, **PREDICT},
        {"rank": 2, "attempts": 1, **PREDICT},
    ],
    FactorizedGDCompleter: [
        {"alpha": 0, "rank": 1, "momentum": None, **PREDICT},
        {"preconditioner": None, "update": "joint", **PREDICT},
    ],
    GaussNewtonCompleter: [{"rank": 1, **PREDICT}, {"rank": 1, "scale": "noise", **PREDICT}],
    ProjectedGDCompleter: [
        {"momentum": None, **PREDICT},
        {"rank": 1, "step_size": 1.0, **PREDICT},
    ],
    SoftImputeCompleter: [{"alpha": 1.0, **PREDICT}, {"max_rank": 1, **PREDICT}],
}
# Searches take long, and have instances of their own.
# At full rank nothing determines what is missing.
GIVEN = {
    ContinuationCompleter: {"rank": 3},
    GaussNewtonCompleter: {"rank": 3},
    ProjectedGDCompleter: {"rank": 10},
    NMFCompleter: {"rank": 3},
}
FITTING = COMPLETERS + FACTORED + NON_NEGATIVE + EXACT
INSTANCES = [
    E(**{**GIVEN.get(E, {}), **params})
    for E in FITTING
    for params in EVERY + OWN[E]
    if params.keys() <= E().get_params().keys()
]
QUICK = {"n_alphas": 3, "eps": 0.01, "cv": 2}
SEARCHES = {
    ALSCompleter: {"rank": "auto"},
    NMFCompleter: {"rank": "auto"},
    ProjectedGDCompleter: {"rank": "auto"},
    ALSCompleterCV: {"ranks": [1, 2], **QUICK},
    SoftImputeCompleterCV: {"relaxations": [1.0, 0.25], **QUICK},
}
SEARCHING = [E(**params, **PREDICT) for E, params in SEARCHES.items()]
KEEPING = [E(**params) for E, params in SEARCHES.items()]
# Missing entries marked by a number: not for scikit-learn's checks, which take NaN for a hole.
MARKED = [E(missing_values=-999.0, **GIVEN.get(E, {})) for E in FITTING]

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
    assert set(OWN) == set(FITTING)
    assert set(SEARCHES) >= set(CROSS_VALIDATED)


@pytest.fixture(autouse=True)
def few_folds(monkeypatch):
    """Search for the rank on two folds, in a fifth of the time that ten take."""
    monkeypatch.setattr("skmc._search._splits.TENTH", 2)


@parametrize_with_checks(INSTANCES + SEARCHING + KEEPING)
def test_sklearn(estimator, check):
    run(check, estimator)


@pytest.mark.parametrize("estimator", INSTANCES + SEARCHING, ids=str)
@pytest.mark.parametrize("check", UNLISTED)
def test_sklearn_unlisted(check, estimator):
    with warnings.catch_warnings():
        # Provoked by the checks, which give names to `fit` and none to `transform`.
        warnings.filterwarnings("ignore", message=".*feature names.*", category=UserWarning)
        run(getattr(estimator_checks, check), type(estimator).__name__, clone(estimator))


@parametrize_with_completer_checks(INSTANCES + SEARCHING + MARKED)
def test_completer(estimator, check):
    check(estimator)
