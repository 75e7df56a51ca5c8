"""Plant one fault after another in a copy of the sources and see which test catches it.

Usage: python tests/plant_faults.py [--list] [--only NAME ...]

A fault is caught by the tests that are written for its part of the sources or, failing that, by
the whole suite. Ends with status 1 if a fault survives. The faults are in
helpers/planted_faults.py; needs meson, ninja and Cython, and some ten minutes for all.
"""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from kernel_builds import Build
from planted_faults import FAULTS

ALL_TESTS = ("tests",)
CAUGHT = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
CRASH = re.compile(r"^Fatal Python error: (.*)$", re.MULTILINE)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="faults with these names")
    options = parser.parse_args(arguments)
    if options.list:
        print(*(f"{fault.name:32}{fault.file}" for fault in FAULTS), sep="\n")
        return 0
    known = {fault.name: fault for fault in FAULTS}
    unknown = set(options.only or ()) - known.keys()
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; see --list")
    return plant([known[name] for name in options.only or known])


def plant(faults):
    """Print what catches each fault; returns the number of faults that survive, at most 1."""
    survivors = []
    with tempfile.TemporaryDirectory(prefix="skmc-faults-") as folder:
        build = Build(folder, "--buildtype=release")
        check_sound(build, faults)
        for fault in faults:
            started = time.perf_counter()
            caught = catch(build, fault)
            seconds = time.perf_counter() - started
            print(f"{fault.name:32}{caught or 'SURVIVES'}  ({seconds:.0f} s)", flush=True)
            if not caught:
                survivors.append(fault.name)
    print(f"{len(faults) - len(survivors)} of {len(faults)} faults were caught")
    return int(bool(survivors))


def check_sound(build, faults):
    """Raise RuntimeError if a test fails without any fault, and so would prove nothing."""
    tests = sorted({name for fault in faults for name in fault.tests})
    done = build.pytest("-x", *tests)
    if done.returncode:
        raise RuntimeError(f"tests fail without a fault:\n{done.stdout}")


def catch(build, fault):
    """What fails with the fault in place: a test, a crash, or None."""
    take_out = fault.plant(build.folder)
    try:
        build.rebuild()
        return failure(build, fault.tests) or failure(build, ALL_TESTS)
    finally:
        take_out()


def failure(build, tests):
    done = build.pytest("-x", *tests)
    if done.returncode == 0:
        return None
    found = CAUGHT.search(done.stdout)
    if found:
        return found[1]
    crash = CRASH.search(done.stdout)
    if crash or done.returncode < 0:
        return f"crash: {crash[1] if crash else f'signal {-done.returncode}'}"
    raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
