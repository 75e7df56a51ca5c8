"""Fits that are stopped, killed and resumed."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from processes import run_python
from registry import EVERY
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from suited import small, table_for

from skmc import (
    ALSCompleter,
    EntryRegressor,
    FactorizedGDCompleter,
    IRLSCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    Snapshot,
    SoftImputeCompleter,
    SVTCompleter,
    SymmetricGDCompleter,
)
from skmc.completers import SAMPLERS
from skmc.model_selection import to_entries

callback = pytest.importorskip("sklearn.callback")

STORABLE = [E for E in EVERY if E()._snapshot_types()]
OTHERS = [E for E in EVERY if not E()._snapshot_types()]


class Interruption(Exception):
    pass


class Recorder:
    """Calls a function at the end of each iteration, and keeps what it was told."""

    def __init__(self, act=None):
        self.act = act
        self.tasks, self.begun, self.set_up, self.torn_down = [], 0, 0, 0

    def setup(self, estimator, context):
        self.set_up += 1

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.tasks.append((context.task_name, X, y, fitted_estimator))
        iterations = sum(task[0] == "iteration" for task in self.tasks)
        return self.act is not None and context.task_name == "iteration" and self.act(iterations)


def interrupt_at(iteration):
    def act(done):
        if done == iteration:
            raise Interruption

    return Recorder(act)


def assert_same_fit(found, expected):
    """Equal attributes to the last bit, but for the time that was spent."""
    a, b = ({k: v for k, v in vars(e).items() if k != "_skl_callbacks"} for e in (found, expected))
    assert a.keys() == b.keys()
    for key, value in b.items():
        if key == "trace_":
            assert a[key].keys() == value.keys()
            for name in value.keys() - {"time"}:
                np.testing.assert_array_equal(a[key][name], value[name], err_msg=name)
            assert (np.diff(a[key]["time"]) >= 0).all()
        elif key not in expected.get_params() and key != "search_":
            np.testing.assert_equal(a[key], value, err_msg=key)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("fraction", [0.8, 0.4])
@pytest.mark.parametrize("E", STORABLE)
def test_an_interrupted_fit_is_resumed(E, fraction, dtype, tmp_path):
    X, path = table_for(E, fraction=fraction, dtype=dtype, seed=3), tmp_path / "fit.npz"
    completer = small(E, tol=1e-6, max_iter=60)
    expected = clone(completer).fit(X)
    fit = clone(completer).set_callbacks(Snapshot(path, every=2), interrupt_at(11))
    with pytest.raises(Interruption):
        fit.fit(X)
    with pytest.raises(NotFittedError):
        fit.transform(X)
    resumed = clone(completer).set_callbacks(Snapshot(path, every=2)).fit(X)
    assert_same_fit(resumed, expected)
    np.testing.assert_array_equal(resumed.transform(X), expected.transform(X))


CONTINUED = {
    ALSCompleter: {"rank": 3, "alpha": 1.0},
    SoftImputeCompleter: {"alpha": 2.0},
    ProjectedGDCompleter: {"rank": 3},
    FactorizedGDCompleter: {"rank": 3, "alpha": 0.5},
    NMFCompleter: {"rank": 3},
    SVTCompleter: {},
    SymmetricGDCompleter: {"rank": 3, "alpha": 0.5},
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("E", CONTINUED)
def test_five_iterations_and_five_more_are_ten(E, tmp_path):
    X = table_for(E, seed=3)
    params = {"tol": 1e-12, **CONTINUED[E]}
    if "scale" in E().get_params():
        params["scale"] = True
    ten = E(max_iter=10, **params).fit(X)
    completer = E(max_iter=5, **params).set_callbacks(Snapshot(tmp_path / "fit.npz"))
    assert completer.fit(X).n_iter_ == 5
    seen = Recorder()
    completer.set_params(max_iter=10).set_callbacks(Snapshot(tmp_path / "fit.npz"), seen).fit(X)
    assert completer.n_iter_ == 10
    assert [task[0] for task in seen.tasks] == ["iteration"] * 5 + ["fit"]
    assert_same_fit(completer, ten)
    # At the end there is nothing left to do.
    assert_same_fit(completer.fit(X), ten)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("E", [E for E in STORABLE if "warm_start" in E().get_params()])
def test_a_warm_start_alone_goes_on_where_the_fit_ended(E):
    # It keeps the factors and not the momentum, so it is near and not equal.
    X = table_for(E, seed=3)
    params = {**CONTINUED[E], "tol": 1e-9, "max_iter": 40, "warm_start": True}
    completer = E(**params).fit(X)
    first = completer.trace_["objective"][-1]
    completer.fit(X)
    assert completer.trace_["objective"][-1] <= first * (1 + 1e-6)


@pytest.mark.parametrize("E", OTHERS)
def test_solvers_in_the_middle_of_a_search_refuse(E, tmp_path):
    completer = small(E).set_callbacks(Snapshot(tmp_path / "fit.npz"))
    with pytest.raises(ValueError, match="cannot be resumed from a snapshot"):
        completer.fit(table_for(E))
    assert os.listdir(tmp_path) == []


def snapshot_of(X, path, **fit_params):
    completer = ALSCompleter(rank=2, alpha=1.0, scale=True, max_iter=4, tol=1e-12)
    completer.set_callbacks(Snapshot(path, every=1))
    with pytest.warns(ConvergenceWarning):
        completer.fit(X, **fit_params)
    return completer.set_params(max_iter=100, tol=1e-12)


def changed_value(X):
    X[np.unravel_index(np.flatnonzero(~np.isnan(X))[5], X.shape)] += 1e-9


def removed_entry(X):
    X[np.unravel_index(np.flatnonzero(~np.isnan(X))[5], X.shape)] = np.nan


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changed_value, "same observed values"),
        (removed_entry, "pattern of observed entries"),
        ({"alpha": 2.0}, r"alpha \(1.0 then, 2.0 now\)"),
        ({"rank": 3}, r"rank \(2 then, 3 now\)"),
        ({"center": "both"}, "center"),
        ({"init": np.ones((2, 25))}, "init"),
        ({"sample_weight": np.arange(1.0, 41.0)}, "sample weights"),
        ({"entry_weight": np.linspace(1, 2, 1000).reshape(40, 25)}, "entry weights"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_fit_is_refused(change, named, tmp_path):
    X, path, fit_params = table_for(ALSCompleter), tmp_path / "fit.npz", {}
    completer = snapshot_of(X, path)
    if callable(change):
        change(X)
    elif change.keys() <= completer.get_params().keys():
        completer.set_params(**change)
    else:
        fit_params = change
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"snapshot of another fit: .*{named}.* to begin anew"):
        completer.fit(X, **fit_params)
    assert path.read_bytes() == before
    path.unlink()
    completer.set_params(tol=1e-2).fit(X, **fit_params)


def test_what_makes_no_difference_is_not_refused(tmp_path):
    X = table_for(ALSCompleter)
    completer = snapshot_of(X, tmp_path / "fit.npz")
    other = clone(completer).set_params(n_jobs=2, verbose=0, keep_observed=False)
    other.fit(X)
    assert other.n_iter_ > 4
    assert_same_fit(other, clone(completer).set_callbacks().fit(X))


def test_damaged_snapshots_are_refused(tmp_path):
    X, path = table_for(ALSCompleter), tmp_path / "fit.npz"
    completer = snapshot_of(X, path)
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"fit\.npz"):
            completer.fit(X)
    np.savez(path, a=np.ones(3))
    with pytest.raises(ValueError, match=r"fit\.npz"):
        completer.fit(X)


def test_wrong_uses_are_named(tmp_path):
    for every in (0, -1, 2.5, "2"):
        with pytest.raises(ValueError, match="every must be"):
            Snapshot(tmp_path / "fit.npz", every=every)
    search = GridSearchCV(ALSCompleter(), {"rank": [1, 2]}).set_callbacks(Snapshot("fit.npz"))
    with pytest.raises(TypeError, match="set it on the completer in the GridSearchCV"):
        search.fit(table_for(ALSCompleter))


def test_entries_of_a_regressor(tmp_path):
    entries, y = to_entries(table_for(ALSCompleter), random_state=0)
    path = tmp_path / "fit.npz"
    inner = ALSCompleter(rank=2, alpha=1.0, tol=1e-9)
    expected = EntryRegressor(inner).fit(entries, y)
    with pytest.raises(Interruption):
        EntryRegressor(clone(inner).set_callbacks(Snapshot(path, every=2), interrupt_at(5))).fit(
            entries, y
        )
    assert path.exists()
    resumed = EntryRegressor(clone(inner).set_callbacks(Snapshot(path))).fit(entries, y)
    assert_same_fit(resumed.completer_, expected.completer_)


KILLED = """
    import os, sys, time
    import numpy as np
    from skmc import ALSCompleter, Snapshot
    from skmc.datasets import make_low_rank

    # Slow to write: most kills come in the middle of it.
    fsync = os.fsync
    def slowly(descriptor):
        time.sleep(0.02)
        fsync(descriptor)
    os.fsync = slowly
    X = make_low_rank(80, 40, 3, observed=0.6, noise=0.1, random_state=0).X
    completer = ALSCompleter(rank=3, alpha=1.0, tol=0.0, max_iter=10**6)
    completer.set_callbacks(Snapshot(sys.argv[1], every=1))
    print("ready", flush=True)
    completer.fit(X)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_snapshot_survives_a_kill_while_it_is_written(tmp_path):
    from skmc._storage import read_archive

    path, iterations, unfinished, written = tmp_path / "fit.npz", [0], 0, 0
    for k in range(6):
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", textwrap.dedent(KILLED), str(path)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        while not path.exists() or path.stat().st_mtime_ns == written:
            time.sleep(0.005)
        time.sleep(0.1 + 0.007 * k)
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
        process.stdout.close()
        written = path.stat().st_mtime_ns
        header, _ = read_archive(path)
        iterations.append(header["content"]["dict"]["iteration"])
        unfinished += any(name.endswith(".part") for name in os.listdir(tmp_path))
    # Each run went on from the last, and some were killed while they wrote.
    assert (np.diff(iterations) > 0).all(), iterations
    assert unfinished


def test_callbacks_see_each_iteration_and_can_stop():
    X, truth = table_for(ALSCompleter), np.ones((40, 25))
    seen = Recorder()
    completer = ALSCompleter(rank=2).set_callbacks(seen).fit(X, truth)
    names = [task[0] for task in seen.tasks]
    assert names == ["iteration"] * completer.n_iter_ + ["fit"]
    assert (seen.begun, seen.set_up, seen.torn_down) == (len(names), 1, 1)
    assert all(task[1] is X and task[2] is truth for task in seen.tasks)
    for at in (-1, -2):
        fitted = seen.tasks[at][3]
        np.testing.assert_array_equal(fitted.transform(X), completer.transform(X))
        assert fitted.n_iter_ == completer.n_iter_
    early = seen.tasks[2][3]
    assert early.n_iter_ == 3
    assert np.isfinite(early.transform(X)).all()

    stopping = Recorder(lambda done: done == 4)
    stopped = ALSCompleter(rank=2).set_callbacks(stopping).fit(X)
    assert not stopped.converged_
    assert stopped.stop_reason_ == "stopped by the callback"
    assert stopped.n_iter_ < completer.n_iter_
    assert np.isfinite(stopped.transform(X)).all()
    # The fit itself is none the worse for being watched.
    assert_same_fit(completer, ALSCompleter(rank=2).fit(X))


@pytest.mark.parametrize("E", EVERY)
def test_every_completer_calls_back(E):
    X, seen = table_for(E), Recorder()
    fitted = small(E).set_callbacks(seen).fit(X)
    assert_same_fit(fitted, small(E).fit(X))
    assert 1 < len(seen.tasks) <= fitted.n_iter_ + 1
    if E not in SAMPLERS:
        # A mean over all draws cannot be told before the last.
        np.testing.assert_array_equal(seen.tasks[-1][3].transform(X), fitted.transform(X))


def test_a_callback_of_a_search_reaches_the_completers():
    class Propagated(Recorder):
        max_propagation_depth = None

    seen = Propagated()
    search = GridSearchCV(ALSCompleter(), {"rank": [1, 2]}, cv=2).set_callbacks(seen)
    search.fit(table_for(ALSCompleter))
    assert sum(task[0] == "iteration" for task in seen.tasks) > 5


def test_a_failed_fit_with_callbacks_leaves_nothing_behind():
    seen = interrupt_at(3)
    completer = IRLSCompleter(rank=2).set_callbacks(seen)
    with pytest.raises(Interruption):
        completer.fit(table_for(IRLSCompleter))
    assert seen.torn_down == 1
    assert not [name for name in vars(completer) if "callback" in name and "_skl" not in name]


def test_without_callbacks_in_scikit_learn_all_else_works():
    done = run_python("""
        import sys
        import sklearn.base, sklearn.model_selection
        for name in [name for name in sys.modules if name.startswith("sklearn.callback")]:
            sys.modules[name] = None
        sys.modules["sklearn.callback"] = None
        from skmc import _compat
        assert _compat.CallbackSupportMixin.__module__ == "skmc._compat"
        from skmc import ALSCompleter, EntryRegressor
        from skmc.completers import COMPLETERS
        assert not hasattr(ALSCompleter, "set_callbacks")
        assert EntryRegressor._parameter_constraints
        from skmc.datasets import make_low_rank
        from skmc.model_selection import to_entries
        from skmc._base import BaseCompleter
        X = make_low_rank(30, 20, 2, observed=0.7, noise=0.1, random_state=0).X
        # Without the context manager of scikit-learn 1.9, which looks for the module.
        completer = ALSCompleter(rank=2)
        completer._fit(X, None, None, None)
        assert completer.transform(X).shape == X.shape
    """)
    assert done.returncode == 0, done.stderr
