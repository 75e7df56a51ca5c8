"""What the benchmarks share: timing, and printing a table."""

import json
import os
import platform
import subprocess
import sys
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info


def cpu_seconds(function, repeats):
    """Median CPU seconds of calls, all threads added up, and the result of the last."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds)), result


def per_iteration(fit, repeats, few=2, more=6):
    """Median CPU seconds per iteration of fit(n_iterations)."""
    slopes = []
    for _ in range(repeats):
        seconds = []
        for n_iterations in (few, more):
            start = time.process_time()
            fit(n_iterations)
            seconds.append(time.process_time() - start)
        slopes.append((seconds[1] - seconds[0]) / (more - few))
    return float(np.median(slopes))


def gemm_rate(dtype, size=1024, repeats=5):
    """Multiply-adds per CPU second of the product of two square matrices."""
    A = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        A @ A
        seconds.append(time.process_time() - start)
    return size**3 / np.median(seconds)


def ridge_work(lengths, rank):
    """Multiply-adds of one triangle of the Gram matrix of each row and of its Cholesky factor.

    A row with fewer entries than the rank is cheaper in its dual form.
    """
    small, large = np.minimum(lengths, rank), np.maximum(lengths, rank)
    return float(np.sum(small**2.0 * large / 2 + small**3.0 / 6))


def rmse(difference):
    return float(np.sqrt(np.mean(np.square(difference))))


def quiet():
    """Silence what would stand between the lines of a table."""
    warnings.simplefilter("ignore", ConvergenceWarning)


def print_machine():
    """Print what the figures depend on."""
    libraries = [
        f"{x['internal_api']} ({x.get('architecture')}), {x['num_threads']} thread(s)"
        for x in threadpool_info()
        if x["user_api"] == "blas"
    ]
    print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"numpy {np.__version__}, BLAS: {', '.join(sorted(set(libraries))) or 'unknown'}"
    )


class Table:
    """A table printed row by row, so that a long run shows how far it is."""

    def __init__(self, *columns):
        self.widths = [max(len(column), 7) for column in columns]
        self.row(*columns)
        print("| " + " | ".join("-" * width for width in self.widths) + " |")

    def row(self, *cells):
        texts = [f"{cell:>{width}}" for cell, width in zip(cells[1:], self.widths[1:], strict=True)]
        print("| " + " | ".join([f"{cells[0]:<{self.widths[0]}}", *texts]) + " |", flush=True)


def run_python(code, *arguments):
    """Run code in a process of its own; return the JSON that it prints last."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])
