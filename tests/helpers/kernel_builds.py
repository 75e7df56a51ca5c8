"""A copy of the source tree with kernels of its own, and the tests run on that copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("meson", "ninja", "cython")
COPIED = ("skmc", "tests", "meson.build", "pyproject.toml")
# Bytecode is left behind too: its timestamps are those of other sources.
LEFT = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", ".hypothesis")
EXTENSION = "skmc/_kernels/_core"


def missing_tools():
    """Programs that a build needs and this machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class Build:
    """A copy of the source tree in a folder, whose build folder is set up with these options."""

    def __init__(self, folder, *options, environment=None):
        missing = missing_tools()
        if missing:
            raise RuntimeError(f"not found: {', '.join(missing)}; see CONTRIBUTING.md, Set up")
        self.folder = Path(folder).resolve()
        for name in COPIED:
            source, target = ROOT / name, self.folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT)
            else:
                shutil.copy(source, target)
        self._environment = environment or {}
        self._call("meson", "setup", "build", *options)
        self.rebuild()
        self._check_import()

    def rebuild(self):
        """Compile what has changed."""
        self._call("ninja", "-C", "build")
        (built,) = (self.folder / "build").glob(f"{EXTENSION}*.so")
        shutil.copy(built, self.folder / EXTENSION).replace(self.folder / f"{EXTENSION}.abi3.so")

    def python(self, *arguments, **options):
        """Run Python, with the skmc of this copy; returns the completed process."""
        environment = {
            **os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1",
            # The loader of an editable install comes before PYTHONPATH, unless told otherwise.
            "MESONPY_EDITABLE_SKIP": os.pathsep.join(
                finder._build_path for finder in sys.meta_path if hasattr(finder, "_build_path")
            ),
            "SCIPY_ARRAY_API": "1", **self._environment,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            **options,
        )  # fmt: skip

    def pytest(self, *arguments):
        """Run tests; returns the completed process."""
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def _call(self, *command):
        done = subprocess.run(
            command, cwd=self.folder, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")

    def _check_import(self):
        """Tests of another skmc would prove nothing."""
        done = self.python("-c", "import skmc._kernels._core as core; print(core.__file__)")
        found = done.stdout.splitlines()[-1:]
        if done.returncode or not Path(*found).is_relative_to(self.folder):
            raise RuntimeError(f"not the kernels of {self.folder}:\n{done.stdout}")
