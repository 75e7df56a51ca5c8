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


def run_python(code, *arguments):
    """Run code in a process of its own; return the JSON that it prints last."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])
