"""Blocks on threads: coverage, equality, errors, interrupts and forks."""

import itertools
import os
import signal
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from processes import run_python

from skmc import _kernels, _parallel
from skmc._parallel import effective_threads, for_each_block

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def skewed_indptr(n_rows, seed=0):
    counts = np.random.default_rng(seed).pareto(1.0, n_rows).astype(np.int64)
    return np.concatenate([[0], np.cumsum(counts)])


def collect_blocks(indptr, n_threads, **work):
    blocks, lock = [], threading.Lock()

    def kernel(start, stop):
        with lock:
            blocks.append((start, stop))

    for_each_block(kernel, indptr, n_threads, **work)
    return sorted(blocks)


def test_blocks_cover_all_rows_once():
    empty = np.zeros(1001, np.int64)
    one_long = np.concatenate([np.zeros(500, np.int64), np.full(501, 10**4)])
    for indptr in (skewed_indptr(2000), empty, one_long, 1, 12345):
        n_rows = indptr if isinstance(indptr, int) else len(indptr) - 1
        for work in (1.0, 1e4, 1e6):
            for n_threads in (1, 3):
                blocks = collect_blocks(indptr, n_threads, work_per_entry=work)
                assert blocks[0][0] == 0
                assert blocks[-1][1] == n_rows
                assert all(a[1] == b[0] for a, b in itertools.pairwise(blocks))
    assert collect_blocks(0, 2) == collect_blocks(np.zeros(1, np.int64), 2) == []


def test_blocks_are_small_and_even():
    indptr = np.arange(0, 10**6 + 1, 100)
    blocks = collect_blocks(indptr, 1, work_per_entry=1e3)
    sizes = np.array([stop - start for start, stop in blocks])
    assert np.all(sizes * 101 * 1e3 <= 1.1 * _parallel.WORK_PER_BLOCK)
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_give_the_same_bits(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    indptr = np.minimum(skewed_indptr(3000), 10**5)
    nnz = int(indptr[-1])
    indices = rng.integers(0, 500, nnz).astype(np.int32)
    values = rng.normal(size=nnz).astype(dtype)
    F = rng.normal(size=(500, 13)).astype(dtype)
    results = []
    for n_threads, work in ((1, 1e-9), (2, 1e3), (4, 1e5), (1, 1e5)):
        out = np.empty((3000, 13), dtype)

        def kernel(start, stop, out=out):
            _kernels.ridge_rows(start, stop, indptr, indices, values, None, F,
                                np.full(13, 0.1, dtype), None, None, None, None, None,
                                out, None, None)  # fmt: skip

        for_each_block(kernel, indptr, n_threads, work_per_entry=work)
        results.append(out)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_threads_work_at_the_same_time():
    meet = threading.Barrier(3, timeout=10)
    for_each_block(lambda start, stop: meet.wait(), 12, 3, work_per_entry=1e8)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_exceptions_propagate(n_threads):
    def kernel(start, stop):
        if stop == 40:
            raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire"):
        for_each_block(kernel, 40, n_threads, work_per_entry=1e6)
    assert not any(thread.name == "skmc" for thread in threading.enumerate())


def test_a_nested_call_is_serial():
    def outer(start, stop):
        thread = threading.get_ident()
        for_each_block(lambda a, b: inner.append(threading.get_ident() == thread), 40, 4,
                       work_per_entry=1e6)  # fmt: skip

    inner = []
    for_each_block(outer, 8, 2, work_per_entry=1e6)
    assert inner
    assert all(inner)


def test_several_callers_at_once():
    totals = np.zeros(4)

    def call(caller):
        counts = np.zeros(1000)

        def kernel(start, stop):
            counts[start:stop] += 1

        for _ in range(20):
            for_each_block(kernel, 1000, 2, work_per_entry=1e5)
        totals[caller] = counts.sum()

    callers = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert np.all(totals == 20000)


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt, also where a shell started the tests in the background."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_interrupt(n_threads, interruptible):
    def kernel(start, stop):
        # Numbers are given out once, so that one thread alone sends one signal.
        number = next(calls)
        time.sleep(0.02)
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)

    calls = itertools.count()
    with pytest.raises(KeyboardInterrupt):
        for_each_block(kernel, 500, n_threads, work_per_entry=1e7)
    assert next(calls) < 50
    assert not any(thread.name == "skmc" for thread in threading.enumerate())


@needs_fork
def test_fork_after_use():
    done = run_python("""
        import os, warnings
        from skmc._parallel import for_each_block
        warnings.simplefilter("ignore", DeprecationWarning)  # forks with threads about
        def use():
            seen = []
            for_each_block(lambda a, b: seen.append(b - a), 1000, 3, work_per_entry=1e5)
            return sum(seen)
        assert use() == 1000
        child = os.fork()
        if child == 0:
            os._exit(0 if use() == 1000 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert use() == 1000
    """)
    assert done.returncode == 0, done.stderr


def test_effective_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("SKMC_NUM_THREADS", raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    assert effective_threads() == effective_threads(-1) == 8
    assert effective_threads(3) == effective_threads(np.int64(3)) == 3
    assert effective_threads(-2) == 7
    assert effective_threads(-100) == 1
    with pytest.raises(ValueError, match="n_jobs"):
        effective_threads(0)
    with pytest.raises(TypeError):
        effective_threads(1.5)
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert effective_threads() == 4
    monkeypatch.setenv("SKMC_NUM_THREADS", "2")
    assert effective_threads() == 2
    monkeypatch.setenv("SKMC_NUM_THREADS", "many")
    assert effective_threads() == 4


def test_cpus_are_counted_anew_where_limits_have_changed(monkeypatch):
    for name in ("SKMC_NUM_THREADS", "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)
    counts = iter((8, 4, 3, 2))
    monkeypatch.setattr(joblib, "cpu_count", lambda: next(counts))
    assert [effective_threads(), effective_threads(-1), effective_threads(-2)] == [8, 8, 7]
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "4")
    assert [effective_threads(), effective_threads()] == [4, 4]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5}, raising=False)
    assert [effective_threads(), effective_threads()] == [3, 3]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert [effective_threads(), effective_threads()] == [2, 2]


def test_effective_threads_within_joblib(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    parallel = joblib.Parallel(n_jobs=2, backend="threading")
    assert parallel(joblib.delayed(effective_threads)() for _ in range(4)) == [1] * 4
    assert effective_threads() == 8
