"""Searches in threads and in processes give the numbers of the serial one, bit for bit."""

import joblib
import numpy as np
import pytest
from processes import run_python
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, EntryRegressor, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.metrics import make_held_out_scorer
from skmc.model_selection import EntryKFold, to_entries

DATA = make_low_rank(120, 30, 2, observed=0.6, noise=0.1, offsets=1.0, random_state=0)
X = DATA.X
COORDINATES, VALUES = to_entries(X)
LABELS = (DATA.U[:, 0] > 0).astype(int)
BACKENDS = ["threading", "loky"]

SEARCHES = {
    "als": (GridSearchCV(ALSCompleter(), {"rank": [1, 2], "alpha": ["auto", 1.0]}), (X,)),
    "projected gradient": (
        GridSearchCV(ProjectedGDCompleter(), {"rank": [1, 2], "step_size": ["auto", 1.0]}),
        (X,),
    ),
    "soft-impute": (GridSearchCV(SoftImputeCompleter(), {"alpha": [0.3, 1.0, 3.0]}), (X,)),
    "random starts": (
        GridSearchCV(ALSCompleter(init="random", random_state=0), {"rank": [1, 2]}),
        (X,),
    ),
    "single precision": (
        GridSearchCV(ALSCompleter(), {"rank": [1, 2]}),
        (X.astype(np.float32),),
    ),
    "entries": (
        GridSearchCV(
            EntryRegressor(ProjectedGDCompleter()),
            {"completer__rank": [1, 2]},
            scoring="neg_root_mean_squared_error",
            cv=EntryKFold(3, random_state=0),
        ),
        (COORDINATES, VALUES),
    ),
    "held-out scorer": (
        GridSearchCV(ALSCompleter(), {"rank": [1, 2]}, scoring=make_held_out_scorer()),
        (X,),
    ),
    "pipeline": (
        GridSearchCV(
            make_pipeline(StandardScaler(), ALSCompleter(), LogisticRegression()),
            {"alscompleter__rank": [1, 2]},
        ),
        (X, LABELS),
    ),
}


def scores(search):
    """Everything but the times in the results of a search."""
    return {
        key: np.asarray(value)
        for key, value in search.cv_results_.items()
        if not key.endswith("_time") and not key.startswith("param")
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SEARCHES)
def test_scores_of_a_search(name, backend):
    search, args = SEARCHES[name]
    search = search.set_params(return_train_score=True)
    serial = search.set_params(n_jobs=1).fit(*args)
    expected, best = scores(serial), serial.best_params_
    fitted = predictions(serial, args)
    # Candidates differ, so that a mix-up of them would be seen.
    assert np.unique(expected["mean_test_score"]).size == len(serial.cv_results_["params"])
    with joblib.parallel_config(backend=backend, n_jobs=2):
        parallel = search.set_params(n_jobs=None).fit(*args)
    found = scores(parallel)
    assert found.keys() == expected.keys()
    assert {"split0_test_score", "split0_train_score", "rank_test_score"} <= found.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)
    assert parallel.best_params_ == best
    np.testing.assert_array_equal(predictions(parallel, args), fitted)


def predictions(search, args):
    method = "predict" if len(args) == 2 else "transform"
    return getattr(search, method)(args[0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("own", [3, None])
def test_predictions_of_folds_whatever_the_threads_of_the_completer(backend, own):
    expected = cross_val_predict(
        EntryRegressor(ALSCompleter(rank=2, n_jobs=1)), COORDINATES, VALUES, cv=KFold(4)
    )
    model = EntryRegressor(ALSCompleter(rank=2, n_jobs=own))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = cross_val_predict(model, COORDINATES, VALUES, cv=KFold(4))
    np.testing.assert_array_equal(found, expected)
    assert 0.1 < np.sqrt(np.mean((found - VALUES) ** 2)) < 0.2


@pytest.mark.slow
def test_scores_of_a_search_on_a_cluster():
    # Deprecations inside of dask are not ours to mend.
    done = run_python(
        """
        import joblib
        import numpy as np
        from distributed import Client, LocalCluster
        from sklearn.model_selection import GridSearchCV
        from skmc import ALSCompleter
        from skmc.datasets import make_low_rank

        X = make_low_rank(120, 30, 2, observed=0.6, noise=0.1, random_state=0).X
        search = GridSearchCV(ALSCompleter(), {"rank": [1, 2]}, n_jobs=2)
        expected = search.fit(X).cv_results_["mean_test_score"]
        settings = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with LocalCluster(**settings) as cluster, Client(cluster):
            with joblib.parallel_config("dask"):
                found = search.fit(X).cv_results_["mean_test_score"]
        np.testing.assert_array_equal(found, expected)
        """,
        warnings="ignore",
    )
    assert done.returncode == 0, done.stderr
