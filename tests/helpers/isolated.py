"""Cases of a test in a process apart: a crash or a hang there is the failure of one case."""

import faulthandler
import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from skmc.exceptions import UndeterminedWarning


def check_each(function, cases, *, limit=60):
    """Call a function of a test module with each of the cases in another process.

    Fails naming the cases in which it raised an exception, ended the process, or took longer than
    `limit` seconds; the other cases are tried all the same. Warnings are errors there, but for
    those of entries that are not determined, which tables with little in them are full of.
    """
    failed = failures(function, cases, limit)
    assert not failed, "\n".join(f"{case}: {reason}" for case, reason in failed)


def failures(function, cases, limit):
    """Pairs of the case and the reason, for the cases that failed."""
    cases, failed = list(cases), []
    while cases:
        notes, process = _run(function, cases, limit)
        failed += [(str(cases[at]), reason) for at, reason in notes if reason is not None]
        if len(notes) == len(cases):
            break
        culprit, how = cases[len(notes)], f"ended the process with status {process.returncode}"
        failed.append((str(culprit), f"{how}\n{process.stderr[-2000:]}"))
        cases = cases[len(notes) + 1 :]
    return failed


def _run(function, cases, limit):
    """What the process has noted of the cases, and how it ended."""
    command = [sys.executable, "-P", "-W", "error", __file__, inspect.getfile(function)]
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes")
        notes.touch()
        Path(folder, "cases").write_bytes(pickle.dumps(cases))
        process = subprocess.run(
            [*command, function.__name__, folder, str(limit)],
            capture_output=True, text=True, timeout=limit * len(cases) + 120, check=False,
        )  # fmt: skip
        return [json.loads(line) for line in notes.read_text().splitlines()], process


def _main(path, name, folder, limit):
    sys.path.insert(0, os.path.dirname(__file__))
    spec = importlib.util.spec_from_file_location("isolated_cases", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    faulthandler.enable()
    warnings.simplefilter("ignore", UndeterminedWarning)
    with open(Path(folder, "notes"), "a", buffering=1) as notes:
        for at, case in enumerate(pickle.loads(Path(folder, "cases").read_bytes())):
            # A thread of C ends the process, whoever holds the lock of the interpreter.
            faulthandler.dump_traceback_later(float(limit), exit=True)
            reason = None
            try:
                getattr(module, name)(case)
            except BaseException:
                reason = traceback.format_exc()
            faulthandler.cancel_dump_traceback_later()
            notes.write(json.dumps([at, reason]) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
