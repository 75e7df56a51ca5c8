"""Fixtures and settings for all tests."""

import os

# Before anybody imports pyplot: no test opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")
# Before anybody imports NumPy: workers that share the cores (pytest -n) would wait for the threads
# that BLAS has in each of them. What tests the number of threads does so in processes without this.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
