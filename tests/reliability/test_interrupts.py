"""Ctrl-C in the middle of a long fit."""

import sys
import threading

import numpy as np
import pytest
from processes import run_python
from registry import EVERY

from skmc import ALSCompleter, NMFCompleter, SymmetricGDCompleter, _parallel

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

# A fit that would take minutes; the signal comes from a thread of the process itself.
CODE = """
    import os, signal, threading, time, warnings
    import numpy as np
    import skmc
    from sklearn.exceptions import NotFittedError

    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    E, kind = skmc.{name}, "{kind}"
    rng = np.random.default_rng(0)
    n, m = (1500, 1500) if kind == "symmetric" else (1500, 600)
    U, V = rng.normal(size=(n, 5)), rng.normal(size=(m, 5))
    X = U @ (U if kind == "symmetric" else V).T + rng.normal(size=(n, m))
    X[rng.random((n, m)) < 0.5] = np.nan
    if kind == "symmetric":
        X = np.triu(X) + np.triu(X, 1).T
    if kind == "non_negative":
        X = np.abs(X)
    known = E().get_params()
    params = dict(tol=0.0, max_iter=10**6, n_samples=10**6, n_jobs=2)
    params = {{k: v for k, v in params.items() if k in known}}
    if "rank" in E().get_params():
        params["rank"] = 30
    completer = E(**params)
    sent = []

    def interrupt():
        time.sleep({delay})
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        completer.fit(X)
    except KeyboardInterrupt:
        print(time.perf_counter() - sent[0])
    else:
        raise AssertionError("the fit ended first")
    thread.join()
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
    left = [name for name in vars(completer) if name.endswith("_")]
    assert set(left) <= {{"n_features_in_"}}, left
    try:
        completer.transform(X)
    except NotFittedError:
        pass
    else:
        raise AssertionError("it seems fitted")
    # What was interrupted can be done again.
    short = dict.fromkeys(known.keys() & {{"max_iter", "n_samples"}}, 1)
    completer.set_params(**short).fit(X[:50, :50])
"""


def interrupted(E, delay):
    """Seconds from the signal to the exception."""
    kind = {NMFCompleter: "non_negative", SymmetricGDCompleter: "symmetric"}.get(E, "general")
    done = run_python(CODE.format(name=E.__name__, kind=kind, delay=delay), timeout=60)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("E", EVERY)
def test_a_long_fit_ends_within_a_second(E):
    assert interrupted(E, delay=1.0) < 1.0


@posix
def test_a_fit_ends_at_once():
    assert interrupted(ALSCompleter, delay=0.3) < 1.0


@pytest.mark.parametrize("begun", [True, False])
def test_an_interrupt_at_the_start_of_a_thread_leaves_none(begun, monkeypatch):
    class Interrupted(threading.Thread):
        def start(self):
            if begun:
                super().start()
            raise KeyboardInterrupt

    def kernel(start, stop):
        np.linalg.svd(np.ones((200, 200)))

    before = threading.active_count()
    with monkeypatch.context() as patched:
        patched.setattr(_parallel.threading, "Thread", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            _parallel.for_each_block(kernel, 400, 2, work_per_entry=1e7)
    assert threading.active_count() == before


def test_an_interrupt_while_waiting_for_threads_leaves_none(monkeypatch):
    real, calls = threading.Event.wait, []

    def wait(event, timeout=None):
        # The first wait for the end of another thread.
        if not calls and not timeout and event in ends:
            calls.append(event)
            raise KeyboardInterrupt
        return real(event, timeout)

    ends, release = [], threading.Event()

    class Noted(threading.Thread):
        def __init__(self, *, args, **options):
            ends.extend(args)
            super().__init__(args=args, **options)

    def kernel(start, stop):
        if threading.current_thread() is not threading.main_thread():
            release.set()
            threading.Event().wait(0.1)
        else:
            real(release, 5)

    before = threading.active_count()
    with monkeypatch.context() as patched:
        patched.setattr(_parallel.threading, "Thread", Noted)
        patched.setattr(threading.Event, "wait", wait)
        with pytest.raises(KeyboardInterrupt):
            _parallel.for_each_block(kernel, 8, 2, work_per_entry=2e7)
    assert calls
    assert threading.active_count() == before
