"""Threads: the same bits for any number, no more of them than cores, BLAS left as it was."""

import os
import sys

import numpy as np
import pytest
from processes import run_python
from registry import EVERY
from sklearn.base import clone
from suited import small, table_for

from skmc import _parallel
from skmc._blas import single_threaded_blas

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
# As many threads as the machine would take, whatever runs these tests.
UNBOUND = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}


def answers(completer, X):
    """All that a fit says, in arrays."""
    rows, columns = np.nonzero(np.isnan(X))
    return (
        completer.fit_transform(X),
        completer.transform(X),
        completer.row_factors(X),
        completer.leave_one_out(X),
        completer.predict_entries(rows, columns),
        completer.components_,
        completer.offsets_,
        np.array([completer.score(X), completer.n_iter_, np.square(completer.scale_).sum()]),
        *completer.recommend(X, 5),
    )


def assert_same_bits(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Fits that end early do as well.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("E", EVERY)
def test_threads_and_blocks_change_no_bit(E, form, monkeypatch):
    # Dense tables above half full are held as such, sparse ones as lists of entries.
    X = table_for(E, n=40, m=40, fraction=0.8 if form == "dense" else 0.3, seed=1)
    completer = small(E, max_iter=8, tol=0.5)
    with pytest.MonkeyPatch.context() as serial:
        serial.setattr(_parallel, "WORK_PER_THREAD", np.inf)
        expected = answers(clone(completer).set_params(n_jobs=1), X)
    for n_jobs, per_thread, per_block in ((1, 1.0, 3e2), (2, 1.0, 1e8), (4, 1.0, 2e3)):
        monkeypatch.setattr(_parallel, "WORK_PER_THREAD", per_thread)
        monkeypatch.setattr(_parallel, "WORK_PER_BLOCK", per_block)
        assert_same_bits(answers(clone(completer).set_params(n_jobs=n_jobs), X), expected)


def test_several_threads_fit_at_once_and_leave_blas_alone():
    done = run_python(
        """
        import threading
        import numpy as np
        from threadpoolctl import threadpool_info
        from skmc import ALSCompleter, EntryRegressor, SoftImputeCompleter
        from skmc.datasets import make_low_rank
        from skmc.model_selection import to_entries

        def blas():
            return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

        X = make_low_rank(120, 50, 3, observed=0.6, noise=0.1, random_state=0).X
        entries, y = to_entries(X, random_state=0)
        shared = ALSCompleter(rank=3).fit(X)
        kinds = [
            lambda: shared.transform(X),
            lambda: shared.recommend(X, 5)[1],
            lambda: ALSCompleter(rank=3, n_jobs=2).fit_transform(X),
            lambda: SoftImputeCompleter().fit(X).transform(X),
            lambda: EntryRegressor().fit(entries, y).predict(entries),
        ]
        expected = [kind() for kind in kinds]
        before = blas()
        errors = []

        def work(k):
            try:
                for repetition in range(3):
                    at = (k + repetition) % len(kinds)
                    np.testing.assert_array_equal(kinds[at](), expected[at])
            except BaseException as error:
                errors.append(error)

        for _ in range(3):
            threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            assert not errors, errors
            assert blas() == before, (blas(), before)
        """,
        env=UNBOUND,
    )
    assert done.returncode == 0, done.stderr


def test_the_first_to_enter_may_be_the_first_to_leave():
    done = run_python(
        """
        import threading
        from threadpoolctl import threadpool_info, threadpool_limits
        from skmc._blas import single_threaded_blas

        def blas():
            return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

        threadpool_limits(3, "blas")
        before = blas()
        first, second = single_threaded_blas(), single_threaded_blas()
        entered, leave = threading.Event(), threading.Event()

        def enter_first():
            with first:
                entered.set()
                leave.wait()

        thread = threading.Thread(target=enter_first, daemon=True)
        thread.start()
        entered.wait()
        with second:
            leave.set()
            thread.join()
            inside = blas()
            with single_threaded_blas():
                assert blas() == inside
            assert blas() == inside <= {1}
        assert blas() == before, blas()
        # Limits of the user come back too, and can be set afterwards.
        with threadpool_limits(2, "blas"):
            with single_threaded_blas():
                assert blas() <= {1}
            assert blas() <= {2}
        assert blas() == before
        """,
        env=UNBOUND,
    )
    assert done.returncode == 0, done.stderr


def test_an_error_inside_restores():
    with pytest.raises(OSError, match="inside"), single_threaded_blas():
        raise OSError("inside")
    with single_threaded_blas():
        pass


BUSY = """
import glob, os, threading, time

def state(path):
    try:
        with open(path) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""

def family():
    pids, found = [os.getpid()], []
    while pids:
        pid = pids.pop()
        found.append(pid)
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            try:
                with open(path) as file:
                    pids += map(int, file.read().split())
            except OSError:
                pass
    return found

class Sampler(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.counts, self.ended = [], False
    def run(self):
        own = f"/task/{threading.get_native_id()}/"
        while not self.ended:
            paths = [p for pid in family() for p in glob.glob(f"/proc/{pid}/task/*/stat")]
            self.counts.append(sum(state(p) == "R" for p in paths if own not in p))
            time.sleep(0.01)
    def __enter__(self):
        self.start()
        return self
    def __exit__(self, *error):
        self.ended = True
        self.join()
"""


@linux
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["none", "loky", "threading"])
def test_no_more_busy_threads_than_cores(backend):
    done = run_python(
        f"backend = {backend!r}\n"
        + BUSY
        + """
import joblib
import numpy as np
from skmc import ALSCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank
X = make_low_rank(1500, 400, 5, observed=0.5, noise=0.1, random_state=0).X
def fit(k):
    E = (ALSCompleter, SoftImputeCompleter)[k % 2]
    params = {"rank": 20} if k % 2 == 0 else {}
    return E(max_iter=40, tol=1e-9, **params).fit(X).n_iter_
import warnings
warnings.simplefilter("ignore")
def run(n):
    if backend == "none":
        list(map(fit, range(n)))
    else:
        calls = (joblib.delayed(fit)(k) for k in range(n))
        joblib.Parallel(n_jobs=joblib.cpu_count(), backend=backend)(calls)

run(joblib.cpu_count())  # processes are busy with imports when they start
with Sampler() as sampler:
    run(2 * joblib.cpu_count())
counts = np.array(sampler.counts)
print(len(counts), counts.mean(), np.percentile(counts, 95), counts.max(), joblib.cpu_count())
assert len(counts) > 20
# A thread that ends and one that begins may both be seen.
assert np.percentile(counts, 95) <= joblib.cpu_count() + 1, counts
assert counts.max() <= 2 * joblib.cpu_count() + 2, counts
""",
        warnings="ignore",
        env=UNBOUND,
    )
    assert done.returncode == 0, done.stdout + done.stderr
