"""Processes of `bench_peers.py`: fits under a limit of time, and which of them to report."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

WORKER = Path(__file__).with_name("_peers.py")
BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
FIGURES = ("cpu", "wall", "added", "peak")
# Gain of the objective in a growth of the iterations by half at which a method has had enough.
STALLED = 1e-6


class Runner:
    """Runs fits of one task.

    Parameters
    ----------
    task : Task
        Data and penalty.
    folder : Path
        Where the data go and the processes may write.
    pythons : dict of str to str
        Interpreters of methods that live elsewhere, by the key of the method.
    programs : str
        Folders to look for programs in, before the search path.
    threads, blas_threads : int
        What a fit may use.
    timeout : float
        Seconds for a process.
    """

    def __init__(self, task, folder, pythons, programs, threads, blas_threads, timeout):
        self.task, self.pythons, self.threads, self.timeout = task, pythons, threads, timeout
        self.folder, self.data = folder, folder / "data.npz"
        np.savez(self.data, **task.arrays)
        counts = dict.fromkeys(BLAS, str(blas_threads)) | {"OMP_NUM_THREADS": str(threads)}
        self.environment = os.environ | counts | {"PEERS_PROGRAMS": programs}

    def fit(self, entrant, count):
        """Figures of a fit, or why there are none, under "absent", "failed" or "over"."""
        settings = entrant.settings | {"iterations": count, "threads": self.threads}
        if self.task.lam is not None:
            settings["lam"] = self.task.lam
        python = self.pythons.get(entrant.method)
        environment = dict(self.environment)
        if python:
            environment.pop("PYTHONPATH", None)
        with tempfile.TemporaryDirectory(dir=self.folder) as own:
            environment["PEERS_FOLDER"] = own
            process = subprocess.Popen(
                [python or sys.executable, WORKER, entrant.method, self.data, json.dumps(settings)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                start_new_session=True,
            )
            try:
                output, errors = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                return {"over": self.timeout}
            finally:
                # Children of the worker are in its session, and outlive it if it is killed.
                end_session(process)
        if process.returncode:
            lines = errors.strip().splitlines() or [f"status {process.returncode}"]
            return {"failed": lines[-1]}
        return json.loads(output.splitlines()[-1]) | {"iterations": count}

    def curve(self, entrant, show):
        """Fits with more and more iterations, until one fails or nothing is gained any more."""
        found = []
        for count in entrant.counts:
            result = self.fit(entrant, count)
            if not done(result):
                return found, result
            found.append(result)
            show(entrant, result)
            if self.task.lam is not None and len(found) > 8 and stalled(found):
                break
        return found, None

    def repeated(self, entrant, first, repeats):
        """Medians over repeats of a fit that was done once."""
        results = [first]
        for _ in range(repeats - 1):
            result = self.fit(entrant, first["iterations"])
            results += [result] if done(result) else []
        medians = {}
        for name in FIGURES:
            values = [x[name] for x in results if x[name] is not None]
            medians[name] = float(np.median(values)) if values else None
        return first | medians | {"repeats": len(results)}


def end_session(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def done(result):
    return not {"absent", "failed", "over"} & result.keys()


def stalled(found):
    if "objective" not in found[-1]:
        return False
    before, after = (result["objective"] for result in found[-2:])
    return before - after <= STALLED * after


def best_error(curve):
    """Fit of the lowest held-out error, rounded, with the fewest iterations."""
    return min(curve, key=lambda x: (round(x["rmse"], 4), x["iterations"]))


def first_within(curve, name, bound):
    """Fit with the fewest iterations whose figure is within a bound, or None."""
    return next((result for result in curve if result[name] <= bound), None)
