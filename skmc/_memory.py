"""Refuse what cannot fit before allocating it."""

import os
import sys

import numpy as np
from scipy import sparse

# Fewer bytes are allocated without asking, as the answer takes longer than the completion of a row.
UNASKED = 2**20


def available_bytes():
    """Memory that may still be allocated, in bytes, or None where the system does not tell."""
    limits = []
    try:
        with open("/proc/meminfo", encoding="ascii") as meminfo:
            for line in meminfo:
                if line.startswith("MemAvailable:"):
                    limits.append(int(line.split()[1]) * 1024)
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft - _used_bytes())
    return min(limits, default=None)


def _used_bytes():
    """Address space of this process, 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def check_dense_fits(X, n_indicators=0):
    """Raise MemoryError if X is sparse and its dense completion does not fit in memory.

    With indicator columns the completion is copied once.
    """
    if not sparse.issparse(X):
        return
    shape, itemsize = X.shape, 4 if X.dtype == np.float32 else 8
    columns = shape[1] + (shape[1] + 2 * n_indicators if n_indicators else 0)
    check_fits(
        shape[0] * columns * itemsize,
        f"The completed {shape[0]} x {shape[1]} matrix",
        "Transform slices of the rows, or ask for single entries with predict_entries.",
    )


def check_fits(needed, what, advice):
    """Raise MemoryError if a result does not fit in memory.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        What takes them, the subject of the message.
    advice : str
        What to do instead, a sentence.
    """
    if needed < UNASKED:
        return
    available = available_bytes()
    if available is not None and needed > available:
        raise MemoryError(
            f"{what} takes {needed / 1e9:.3g} GB and {available / 1e9:.3g} GB are available. "
            f"{advice}"
        )
