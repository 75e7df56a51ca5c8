"""Fits in processes that were forked after a fit."""

import os

import pytest
from processes import run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
UNBOUND = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
SETTING = """
    import os, signal, sys, threading, time, warnings
    sys.path.insert(0, {helpers!r})
    import numpy as np
    from sklearn.base import clone
    from threadpoolctl import threadpool_info, threadpool_limits
    from skmc import _parallel
    from suited import small, table_for
    from registry import EVERY

    warnings.simplefilter("ignore")
    # Threads for small tables too, and threads of BLAS besides.
    _parallel.WORK_PER_THREAD = 1.0
    threadpool_limits(3, "blas")

    def blas():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    def fitted(E, X):
        return small(E, n_jobs=3).fit(X).transform(X)
""".replace("{helpers!r}", repr(os.path.join(os.path.dirname(__file__), "..", "helpers")))


@pytest.mark.slow
def test_forked_children_fit_and_predict():
    done = run_python(
        SETTING
        + """
    np.ones((500, 500)) @ np.ones((500, 500))  # wakes the threads of BLAS
    before = blas()
    for E in EVERY:
        X = table_for(E)
        expected = fitted(E, X)
        child = os.fork()
        if child == 0:
            same = np.array_equal(fitted(E, X), expected) and blas() == before
            os._exit(0 if same else 1)
        start = time.monotonic()
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() - start > 30:
                os.kill(child, signal.SIGKILL)
                raise AssertionError(f"{E.__name__} hangs in a forked child")
            time.sleep(0.01)
        assert ended[1] == 0, (E, ended)
        """,
        env=UNBOUND,
    )
    assert done.returncode == 0, done.stderr


def test_multiprocessing_by_fork():
    done = run_python(
        SETTING
        + """
    import multiprocessing
    E, (X, Y) = EVERY[0], (table_for(EVERY[0], seed=seed) for seed in (0, 1))
    expected = fitted(E, X)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.starmap_async(fitted, [(E, X)] * 4).get(timeout=30)
    for result in results:
        np.testing.assert_array_equal(result, expected)
        """,
        env=UNBOUND,
    )
    assert done.returncode == 0, done.stderr


def test_a_fork_from_another_thread_while_a_fit_runs():
    # The child has no such thread: its limit on BLAS must not stay.
    done = run_python(
        SETTING
        + """
    from skmc._blas import single_threaded_blas
    inside, leave = threading.Event(), threading.Event()
    before, expected = blas(), fitted(EVERY[0], table_for(EVERY[0]))

    def hold():
        with single_threaded_blas():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        same = np.array_equal(fitted(EVERY[0], table_for(EVERY[0])), expected)
        os._exit(0 if same and blas() == before else 1)
    assert os.waitpid(child, 0)[1] == 0
    leave.set()
    thread.join()
    assert blas() == before
        """,
        env=UNBOUND,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
