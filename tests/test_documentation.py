"""What the pages promise: public names are there, formulas can be drawn, links lead somewhere."""

import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import skmc

_ROOT = Path(__file__).parents[1]
_DOCS = _ROOT / "docs"
_PAGES = sorted(_DOCS.glob("*.rst"))
every_page = pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.stem)


def _text(page):
    return page.read_text(encoding="utf-8")


def test_all_public_names_are_in_the_reference():
    sections = re.split(r"\.\. currentmodule:: (\S+)\n", _text(_DOCS / "api.rst"))[1:]
    listed = {}
    for module, text in zip(sections[::2], sections[1::2], strict=True):
        listed.setdefault(module, set()).update(re.findall(r"^   ([A-Za-z]\w*)$", text, re.M))
    # What completers and imputation hold is public as that of skmc itself. For those who write
    # solvers there is a page of its own.
    names = {m.name for m in pkgutil.iter_modules(skmc.__path__)}
    names -= {"completers", "imputation", "solvers"}
    public = ["skmc", *(f"skmc.{name}" for name in sorted(names) if not name.startswith("_"))]
    assert set(listed) == set(public)
    for module in public:
        promised = set(importlib.import_module(module).__all__) - {"__version__"}
        assert promised == listed[module], module


def test_every_page_is_reached_from_the_first():
    reached = set(re.findall(r"^   (\w+)$", _text(_DOCS / "index.rst"), re.M))
    assert {page.stem for page in _PAGES} - {"index"} <= reached


@every_page
def test_examples_and_files_that_a_page_names_exist(page):
    for name in re.findall(r"auto_examples/(plot_\w+)", _text(page)):
        assert (_ROOT / "examples" / f"{name}.py").exists(), name
    for name in re.findall(r"benchmarks/([\w.]+\w)", _text(page)):
        assert (_ROOT / "benchmarks" / name).exists(), name


@every_page
def test_formulas_become_mathml(page):
    pytest.importorskip("latex2mathml")
    spec = importlib.util.spec_from_file_location("mathml", _DOCS / "_ext" / "mathml.py")
    mathml = importlib.util.module_from_spec(spec)
    pytest.importorskip("sphinx")
    spec.loader.exec_module(mathml)
    text = _text(page)
    blocks = re.findall(r"^\.\. math::\n((?:   :\w+:.*\n)*)\n?((?:(?:   .*)?\n)+)", text, re.M)
    formulas = [(latex, "inline") for latex in re.findall(r":math:`([^`]+)`", text)]
    formulas += [(latex.strip(), "block") for _, latex in blocks]
    for latex, display in formulas:
        drawn = mathml._mathml(latex, display)
        assert drawn.startswith("<math"), latex
        # A command that is not known is left as it is.
        assert "\\" not in drawn, latex


def test_the_chart_is_text_and_names_what_there_is():
    chart = _text(_DOCS / "images" / "choose.svg")
    named = set(re.findall(r"\b(\w+Completer(?:CV)?)\b", chart))
    assert named <= set(skmc.__all__)
    assert len(named) >= 12
    assert "<image" not in chart
    assert "http" not in chart.replace("http://www.w3.org/2000/svg", "")
