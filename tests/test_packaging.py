"""The package as a whole: version, public names, and rules that no linter knows."""

import dataclasses
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

import skmc
from skmc import _kernels

_ROOT = Path(__file__).parents[1]
_SOURCES = sorted((_ROOT / "skmc").rglob("*.py"))
# Files that may turn a sparse matrix into a dense one, by their path in skmc/. None needs to.
_MAY_DENSIFY = set()
# The only file that may import the private parts of scikit-learn.
_MAY_USE_PRIVATE = {"_compat.py"}


# For those who write solvers, not for users: documented, but not in full.
_FOR_EXTENDERS = {"solvers"}


def _public_modules():
    """Return skmc and its public subpackages."""
    names = {m.name for m in pkgutil.iter_modules(skmc.__path__) if not m.name.startswith("_")}
    names = sorted(names - _FOR_EXTENDERS)
    return [skmc, *(importlib.import_module(f"skmc.{name}") for name in names)]


def _public_objects():
    for module in _public_modules():
        for name in getattr(module, "__all__", ()):
            item = getattr(module, name)
            if callable(item):
                yield pytest.param(item, id=f"{module.__name__}.{name}")


def _python(code):
    return subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_version_is_that_of_the_metadata():
    assert skmc.__version__ == importlib.metadata.version("skmc")
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    assert skmc.__version__ == project["version"]
    assert f"version: {skmc.__version__}\n" in (_ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("module", _public_modules(), ids=lambda module: module.__name__)
def test_all_is_right(module):
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), f"{module.__name__}.__all__ names {name}, which is not there"


@pytest.mark.parametrize("item", list(_public_objects()))
def test_public_names_are_documented(item):
    text = item.__doc__ or ""
    assert text.strip()
    if inspect.isclass(item) and issubclass(item, Warning):
        return  # it takes what every warning does
    parameters = [p for p in inspect.signature(item).parameters if p not in ("args", "kwargs")]
    if parameters:
        # What a function returns is described by its attributes.
        heading = "Attributes\n" if dataclasses.is_dataclass(item) else "Parameters\n"
        assert heading in text
    missing = [
        p for p in parameters if not re.search(rf"^ *(.*, )?{p}(, .*)? :", text, re.MULTILINE)
    ]
    assert missing == []


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_rules_of_the_source(path):
    text = path.read_text()
    name = str(path.relative_to(_ROOT / "skmc"))
    if name not in _MAY_DENSIFY:
        assert not re.search(r"\.(toarray|todense)\(", text), "sparse input is never made dense"
    if name not in _MAY_USE_PRIVATE:
        private = re.findall(
            r"^ *(?:from|import) sklearn[\w.]*\._.*|from sklearn\S* import _.*", text, re.M
        )
        assert private == []


def test_the_source_folder_says_that_it_is_not_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "skmc._kernels._core", None)
    with pytest.raises(ImportError, match=r"it is the source folder.*CONTRIBUTING\.md") as info:
        runpy.run_path(_kernels.__file__)
    assert not isinstance(info.value, ModuleNotFoundError)
    assert str(Path(_kernels.__file__).parents[1]) in str(info.value)


def test_other_errors_of_the_import_stay_as_they_are(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'other'", name="other")

    core = types.ModuleType("skmc._kernels._core")
    monkeypatch.setitem(sys.modules, "skmc._kernels._core", core)
    with pytest.raises(ImportError, match="cannot import name"):
        runpy.run_path(_kernels.__file__)
    core.__getattr__ = missing
    with pytest.raises(ModuleNotFoundError, match="other"):
        runpy.run_path(_kernels.__file__)


def test_import_is_light():
    heavy = ("pandas", "polars", "pyarrow", "matplotlib", "PIL", "rich", "dask", "pytest")
    found = _python(
        "import sys\n"
        "import sklearn.impute\n"
        "third = set(sys.modules)\n"
        "import skmc\n"
        f"print([m for m in {heavy!r} if m in set(sys.modules) - third])"
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "[]"


def test_import_is_silent():
    found = _python("import warnings; warnings.simplefilter('error'); import skmc")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
