"""The one page of all reports."""

import numpy as np
import pytest
from suited import EVERY, small, table_for

from skmc import ALSCompleter, BayesianCompleter, ProjectedGDCompleter
from skmc.diagnostics import fit_report
from skmc.diagnostics._report import Report


@pytest.mark.parametrize("E", EVERY)
def test_every_completer_has_a_report(E):
    X = table_for(E)
    report = fit_report(small(E).fit(X), X)
    assert report.summary["completer"] == E.__name__
    for part in report.parts.values():
        assert isinstance(part, Report) or len(part) > 20
    assert "Completability" in repr(report)
    assert report._repr_html_().count("<table>") >= 3
    assert list(report.to_frame()["quantity"])[:2] == ["completer", "rank"]


def test_what_does_not_apply_is_said():
    X = table_for(BayesianCompleter)
    report = fit_report(small(BayesianCompleter).fit(X), X)
    assert "no single solution" in report.certificate
    assert "no single solution" in repr(report)


def test_other_data_are_an_error():
    X = table_for(ALSCompleter)
    completer = ALSCompleter(rank=2).fit(X)
    with pytest.raises(ValueError, match="not what this ALSCompleter was fitted to"):
        fit_report(completer, 2 * X + 1)


def test_rank_zero_has_nothing_to_report():
    X = np.random.default_rng(0).standard_normal((40, 10))
    report = fit_report(ALSCompleter().fit(X), X)
    assert report.summary["components that matter"] == 0
    assert "offsets alone" in report.completability


def test_page(tmp_path):
    X = table_for(ProjectedGDCompleter)
    page = tmp_path / "report.html"
    fit_report(ProjectedGDCompleter(rank=2).fit(X), X).to_html(page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "ProjectedGDCompleter: report" in text
