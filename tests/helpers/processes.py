"""Python code in a process of its own."""

import subprocess
import sys
import textwrap


def run_python(code, *, warnings="error", timeout=120, **options):
    """Run code in another process, warnings being errors unless said otherwise.

    The working directory stays off the path (``-P``): the sources there are not built.
    """
    command = [sys.executable, "-P", "-W", warnings, "-c", textwrap.dedent(code)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, **options
    )
