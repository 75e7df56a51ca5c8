"""The one page of all reports."""

import numpy as np
import pytest
from registry import EVERY
from suited import small, table_for

from skmc import ALSCompleter, BayesianCompleter, EntryRegressor, ProjectedGDCompleter
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


def test_the_mark_of_holes_is_that_of_the_completer():
    X = table_for(ALSCompleter)
    marked = np.where(np.isnan(X), -99.0, X)
    report = fit_report(ALSCompleter(rank=2, missing_values=-99.0).fit(marked), marked)
    assert report.missingness.fraction == pytest.approx(np.isnan(X).mean())


def test_components_of_a_posterior_are_those_that_stand_out():
    X = table_for(BayesianCompleter)
    completer = BayesianCompleter(10, random_state=0).fit(X)
    report = fit_report(completer, X)
    assert report.completability.rank == completer.effective_rank_
    with pytest.raises(ValueError, match="not what this BayesianCompleter was fitted to"):
        fit_report(completer, X[:-1])


def test_what_is_no_completer_is_refused():
    with pytest.raises(TypeError, match="completer_ of an EntryRegressor"):
        fit_report(EntryRegressor(), np.eye(3))
