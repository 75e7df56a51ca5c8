"""How many threads BLAS may use, whoever asks at the same time."""

import os
import threading
from contextlib import contextmanager
from functools import lru_cache

import threadpoolctl

# It makes one thread at a time the only one that may set the numbers of shared libraries, from 3.8
# on; and sets that of MKL for each thread.
_CONTROLLED = hasattr(
    getattr(threadpoolctl, "OpenBLASController", None), "clear_controlling_thread"
)


@lru_cache(maxsize=1)
def _libraries():
    return threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


def _is_shared(library):
    """Whether the number of threads of a library is that of the process, not of each thread."""
    if library.internal_api == "openblas":
        return library.threading_layer != "openmp"
    return library.internal_api == "mkl" and not _CONTROLLED


def _set_shared(library, number):
    """Set the number of threads of a library that the process shares.

    threadpoolctl leaves that to the first thread which did, as two that save and restore each for
    itself would overwrite each other. Here all share one saved number, which any may put back.
    """
    _give_up_control()
    library.set_num_threads(number)
    _give_up_control()


def _give_up_control():
    if _CONTROLLED:
        threadpoolctl.OpenBLASController.clear_controlling_thread(force=True)


class _SharedLimit:
    """One thread for a library that the process shares, from the first to enter to the last.

    `saved` is what the last to leave puts back, unless someone else has set another number since.
    """

    def __init__(self, library):
        self.library = library
        self.inside = 0
        self.saved = 1

    def enter(self):
        self.inside += 1
        if self.inside == 1:
            self.saved = self.library.num_threads
            if self.saved != 1:
                _set_shared(self.library, 1)

    def leave(self):
        self.inside -= 1
        if self.inside == 0 and self.saved != 1 and self.library.num_threads == 1:
            _set_shared(self.library, self.saved)


class _Limits:
    """The limits of all libraries."""

    def __init__(self):
        self.lock = threading.Lock()
        self.own = threading.local()
        self.shared = None

    def enter(self):
        """Let BLAS use one thread; returns what `leave` takes back."""
        with self.lock:
            if self.shared is None:
                self.shared = [_SharedLimit(lib) for lib in _libraries() if _is_shared(lib)]
            for limit in self.shared:
                limit.enter()
        self.own.depth = getattr(self.own, "depth", 0) + 1
        mine = [(lib, lib.num_threads) for lib in _libraries() if not _is_shared(lib)]
        for library, _ in mine:
            library.set_num_threads(1)
        return mine

    def leave(self, mine):
        for library, before in mine:
            library.set_num_threads(before)
        self.own.depth -= 1
        with self.lock:
            for limit in self.shared:
                limit.leave()

    def after_fork(self):
        """Forget the threads that the parent has and the child has not."""
        self.lock = threading.Lock()
        for limit in self.shared or ():
            gone = limit.inside > 0
            limit.inside = getattr(self.own, "depth", 0)
            if gone and limit.inside == 0:
                limit.inside = 1
                limit.leave()


_limits = _Limits()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _limits.after_fork())


@contextmanager
def single_threaded_blas():
    """Let BLAS use one thread inside the block.

    BLAS threads spend their time waiting for each other on small products, and they compete with
    the threads of the kernels. Blocks may be nested, and overlap in several threads: the number of
    threads is that of before when all have ended.
    """
    mine = _limits.enter()
    try:
        yield
    finally:
        _limits.leave(mine)
