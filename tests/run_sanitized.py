"""Run tests with kernels that look for addresses out of bounds and for undefined behaviour.

Usage: python tests/run_sanitized.py [PYTEST_ARGUMENT ...]

Builds the kernels with GCC's AddressSanitizer and UndefinedBehaviorSanitizer in a folder of their
own, sees that a read out of bounds is found, and runs the tests, those of the kernels if nothing
else is asked for. Python itself is not instrumented, hence the library is loaded before it. Needs
meson, ninja, Cython and GCC.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from kernel_builds import Build

OPTIONS = (
    "--buildtype=debugoptimized",
    "-Db_sanitize=address,undefined",
    "-Db_lundef=false",  # what the sanitizers call is in the library that is loaded first
    "-Dc_args=-fno-sanitize-recover=undefined -fno-omit-frame-pointer",
)
OUT_OF_BOUNDS = """
import numpy as np
from skmc import _kernels
indptr, indices = np.array([0, 1]), np.array([{column}], np.int32)
_kernels.spmm_rows(0, 1, indptr, indices, np.ones((4, 3)), np.ones(1), np.ones((1, 3)))
"""


def sanitizer_environment():
    """Variables under which an ordinary Python loads instrumented kernels."""
    compiler = os.environ.get("CC", "gcc")
    command = [compiler, "-print-file-name=libasan.so"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if not Path(found).is_absolute():
        raise RuntimeError(f"{compiler} has no libasan.so; the sanitizers need GCC and its library")
    return {
        "LD_PRELOAD": found,
        # Python keeps memory until it ends, and a failed allocation is to raise MemoryError.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def check_vigilance(build):
    """Raise RuntimeError if the sanitizers miss a read out of bounds, or find one where none is."""
    for column, expected in ((3, False), (4, True)):
        done = build.python("-c", OUT_OF_BOUNDS.format(column=column))
        found = "AddressSanitizer: heap-buffer-overflow" in done.stdout
        if found != expected or (done.returncode == 0) == expected:
            raise RuntimeError(f"column {column} of 4:\n{done.stdout}")


def main(arguments):
    with tempfile.TemporaryDirectory(prefix="skmc-sanitized-") as folder:
        build = Build(folder, *OPTIONS, environment=sanitizer_environment())
        check_vigilance(build)
        done = build.pytest(*(arguments or ["tests/kernels"]))
    print(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
