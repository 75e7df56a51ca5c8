"""Blocks of rows on threads.

The compiled kernels run without the GIL on a range of rows, each row on its own,
so that threads on blocks of rows give bitwise the same result as one call.
Threads live for one call only: nothing is left to go stale after a fork, and
starting one costs far less than the smallest share of work it is given.
"""

import operator
import os
import threading
from bisect import bisect_left
from functools import lru_cache

import joblib
from joblib.parallel import get_active_backend

from skmc._blas import single_threaded_blas

# A call of a kernel cannot be interrupted. At a pessimistic 1 GFLOP/s a block lasts 0.1 s; at 100
# GFLOP/s it still takes many times as long as its call.
WORK_PER_BLOCK = 1e8
# Least work that pays for starting a thread.
WORK_PER_THREAD = 3e7
# Blocks per thread when work is scarce, so that no thread waits long for another.
BLOCKS_PER_THREAD = 4
# Seconds within which a thread begins that Ctrl-C has found at its start.
STARTING = 0.2

_inside = threading.local()


def effective_threads(n_jobs=None):
    """Number of threads for `n_jobs`.

    Parameters
    ----------
    n_jobs : int or None, default=None
        Positive: that many. Negative: that many less than all cores plus one, so
        -1 is all cores. None: all cores this process may use, but no more than
        the environment variables ``SKMC_NUM_THREADS`` and ``OMP_NUM_THREADS``
        say, and one in a thread of an outer joblib loop.

    Returns
    -------
    int
        At least one.
    """
    if n_jobs is None:
        if _in_joblib_thread():
            return 1
        limits = map(_environment_limit, ("SKMC_NUM_THREADS", "OMP_NUM_THREADS"))
        return min([_cpu_count(), *filter(None, limits)])
    n_jobs = operator.index(n_jobs)
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0: use 1 for one thread, -1 for all cores.")
    return n_jobs if n_jobs > 0 else max(1, _cpu_count() + 1 + n_jobs)


def _cpu_count():
    """CPUs that this process may use."""
    # joblib reads quotas from files, which takes as long as completing a row. What a process may
    # set for itself is looked up every time; a quota from outside, once in a process.
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    limit = os.environ.get("LOKY_MAX_CPU_COUNT")
    return _ask_once(joblib.cpu_count, os.getpid(), affinity, limit)


@lru_cache(maxsize=1)
def _ask_once(count, *_where):
    return count()


def _in_joblib_thread():
    # A worker process also reports a nesting level, but works in its main thread,
    # and joblib bounds the threads of worker processes by OMP_NUM_THREADS.
    if threading.current_thread() is threading.main_thread():
        return False
    return (get_active_backend()[0].nesting_level or 0) > 0


def _environment_limit(name):
    """The positive integer in an environment variable, else None."""
    # OMP_NUM_THREADS may be a list, one number per level of nesting.
    text = os.environ.get(name, "").split(",")[0].strip()
    return int(text) if text.isdecimal() and int(text) > 0 else None


def for_each_block(kernel, indptr, n_threads=1, *, work_per_entry=1.0):
    """Call ``kernel(start, stop)`` on blocks that together cover all rows once.

    Parameters
    ----------
    kernel : callable
        Must give the same result for any blocks, in any order, at the same time.
    indptr : int64 array of shape (n_rows + 1,) or int
        Row pointers of a sparse matrix, or a number of rows of one entry each.
    n_threads : int, default=1
        Number of threads at most; fewer if there is little to do, and one in a
        call made from within a kernel.
    work_per_entry : float
        Floating-point operations per entry, within a factor of ten; a row counts
        as one entry more.

    Notes
    -----
    The first exception of a kernel is raised once all threads have ended; so is
    `KeyboardInterrupt`, within the time of one block.
    """
    n_rows, work_until = _cumulated_work(indptr, work_per_entry)
    if n_rows == 0:
        return
    total = work_until(n_rows)
    n_threads = _useful_threads(n_threads, total)
    n_blocks = int(total / WORK_PER_BLOCK) + 1
    if n_threads > 1:
        n_blocks = max(n_blocks, BLOCKS_PER_THREAD * n_threads)

    def steps(start, stop):
        yield kernel(start, stop)

    _Run(steps, _blocks(n_rows, n_blocks, work_until), n_threads).run()


def for_each_slice(kernel, n, step, n_threads=1, *, work):
    """Call ``kernel(block)`` with slices of `step` of n numbers.

    The slices are the same for any number of threads, and with them what BLAS makes of them, to the
    last bit.

    Parameters
    ----------
    kernel : callable
        Must give the same result in any order, at the same time.
    n, step : int
        How many numbers, and how many at a time.
    n_threads : int, default=1
        Number of threads at most.
    work : float
        Floating-point operations of a slice, within a factor of ten.
    """

    def slices(first, last):
        for start in range(first * step, min(last * step, n), step):
            kernel(slice(start, min(start + step, n)))

    for_each_block(slices, -(-n // step), n_threads, work_per_entry=0.5 * work)


def for_each_column_part(kernel, indptr, column_indptr, n_threads=1, *, work_per_entry=1.0):
    """Call ``kernel(start, stop, first, last)`` on blocks of rows cut to parts of the columns.

    The parts are as many as threads; the blocks of a part follow each other in order, so that what
    is added up in a column comes in the order of the rows, whatever the parts are.

    Parameters
    ----------
    kernel : callable
        Works on the rows [start, stop) and the columns [first, last).
    indptr, column_indptr : int64 arrays of shapes (n_rows + 1,) and (n_columns + 1,)
        Row and column pointers of a sparse matrix.
    n_threads : int, default=1
        Number of threads at most.
    work_per_entry : float
        As for `for_each_block`.
    """
    n_rows, work_until = _cumulated_work(indptr, work_per_entry)
    n_columns, column_work_until = _cumulated_work(column_indptr, work_per_entry)
    if n_rows == 0 or n_columns == 0:
        return
    total = work_until(n_rows)
    n_threads = _useful_threads(n_threads, total)
    n_blocks = int(total / WORK_PER_BLOCK / n_threads) + 1

    def steps(first, last):
        for start, stop in _blocks(n_rows, n_blocks, work_until):
            yield kernel(start, stop, first, last)

    _Run(steps, _blocks(n_columns, n_threads, column_work_until), n_threads).run()


def _useful_threads(n_threads, work):
    if getattr(_inside, "flag", False):
        return 1
    return max(1, min(n_threads, int(work / WORK_PER_THREAD)))


def _cumulated_work(indptr, work_per_entry):
    """Number of rows and the function row -> work of the rows before it."""
    if isinstance(indptr, int):
        return indptr, lambda row: 2 * row * work_per_entry
    first = int(indptr[0])

    def work_until(row):
        return (int(indptr[row]) - first + row) * work_per_entry

    return len(indptr) - 1, work_until


def _blocks(n_rows, n_blocks, work_until):
    """Yield ranges of rows of about equal work; a long row is a block by itself."""
    total, start = work_until(n_rows), 0
    for b in range(1, n_blocks + 1):
        stop = n_rows
        if b < n_blocks:
            stop = bisect_left(range(n_rows), total * b / n_blocks, lo=start, key=work_until)
        if stop > start:
            yield start, stop
            start = stop


class _Run:
    """One parallel loop; the calling thread works like the others.

    ``steps(start, stop)`` iterates over the steps of a block, between which the loop can end.
    """

    def __init__(self, steps, blocks, n_threads):
        self.steps = steps
        self.blocks = blocks
        self.n_threads = n_threads
        self.lock = threading.Lock()
        self.stopped = False
        self.error = None

    def next_block(self):
        with self.lock:
            return None if self.stopped else next(self.blocks, None)

    def work(self):
        outer = getattr(_inside, "flag", False)
        _inside.flag = True
        try:
            while (block := self.next_block()) is not None:
                for _ in self.steps(*block):
                    if self.stopped:
                        return
        finally:
            _inside.flag = outer

    def work_in_thread(self, ended):
        try:
            # Where it is a matter of each thread.
            with single_threaded_blas():
                self.work()
        except BaseException as error:
            with self.lock:
                self.stopped = True
                self.error = self.error or error
        finally:
            ended.set()

    def run(self):
        threads = []
        try:
            for _ in range(self.n_threads - 1):
                ended = threading.Event()
                thread = threading.Thread(
                    target=self.work_in_thread, args=(ended,), name="skmc", daemon=True
                )
                # Ctrl-C may come before `start` returns.
                threads.append((thread, ended))
                try:
                    thread.start()
                except RuntimeError:  # the system refuses more threads
                    threads.pop()
                    break
            self.work()
            for _, ended in threads:
                ended.wait()
        finally:
            self.stopped = True  # after an error or Ctrl-C; no lock, it may be held
            for thread, ended in threads:
                _await(thread, ended)
        if self.error is not None:
            raise self.error


def _await(thread, ended):
    """Wait for the end of a thread, unless Ctrl-C has kept it from beginning."""
    # Not by `join`: interrupted, it takes the thread for ended, in Python 3.11.
    while not ended.wait(STARTING):
        if thread.ident is None:
            return
    thread.join()
