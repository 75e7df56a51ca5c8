"""The one page of all reports."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from registry import EVERY
from suited import small, table_for

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    EntryRegressor,
    ProjectedGDCompleter,
    SoftImputeCompleter,
)
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
    # Well formed, with the summary before the first of the tables.
    body = ElementTree.fromstring(re.search(r"<body>.*</body>", text, re.S)[0])
    assert [part.tag for part in body][:4] == ["h1", "p", "ul", "h2"]
    assert len(body.find("ul")) == 5


def test_the_page_is_returned_if_there_is_no_file():
    X = table_for(ALSCompleter)
    report = ALSCompleter(rank=2).fit(X).report(X)
    assert report.to_html().startswith("<!doctype html>")


def test_the_method_is_the_function():
    X = table_for(ALSCompleter)
    weights = np.arange(X.shape[0]) % 3 + 1.0
    completer = ALSCompleter(rank=2, alpha=1.0).fit(X, sample_weight=weights)
    report = completer.report(X, sample_weight=weights)
    assert repr(report) == repr(fit_report(completer, X, sample_weight=weights))


def test_the_summary_says_what_matters():
    X = table_for(ProjectedGDCompleter, rank=2)
    X[7, 1:] = np.nan
    X[7, 0] = 1.0
    completer = ProjectedGDCompleter(rank=2, check="off").fit(X)
    marks = {name: (mark, text) for mark, name, text in completer.report(X).summary_marks}
    mark, text = marks["Determined by the pattern"]
    assert mark == "poor"
    assert text.startswith(f"24 of {np.isnan(X).sum()} missing entries are not, at rank 2")
    assert text.endswith("rows without one that is: 7")
    assert marks["Rate of convergence"][0] == "poor"
    shrunk = ALSCompleter(rank=2, alpha=1.0).fit(X).report(X).summary_marks
    assert shrunk[0][:2] == ("poor", "Determined by the pattern")
    assert shrunk[0][2].endswith("there the penalty and the offsets decide")
    # A few of many holes are not the main thing, with a penalty.
    X[8:30] = np.nan
    X[8:30, :8] = np.random.default_rng(0).normal(size=(22, 8))
    shrunk = ALSCompleter(rank=2, alpha=1.0).fit(X).report(X).summary_marks
    assert ("open", "Determined by the pattern") in [mark[:2] for mark in shrunk]
    X = table_for(ALSCompleter)
    marks = ALSCompleter(rank=25, alpha=20.0, tol=1e-5).fit(X).report(X).summary_marks
    assert ("good", "Optimality") in [mark[:2] for mark in marks]


def test_offsets_are_part_of_what_is_to_be_determined():
    X = table_for(ALSCompleter, rank=2)
    for center in (False, True, "both"):
        report = ALSCompleter(rank=2, alpha=1.0, center=center).fit(X).report(X)
        assert report.completability.center == bool(center)


def test_rows_of_weight_zero_are_not_missed():
    X = table_for(ALSCompleter, rank=2)
    X[1:, 3] = np.nan
    X[0, 3] = 1.0
    weights = np.ones(X.shape[0])
    weights[0] = 0
    with pytest.warns(UserWarning, match="no observed entry: 3"):
        completer = ALSCompleter(rank=2, alpha=1.0).fit(X, sample_weight=weights)
    assert completer.report(X, sample_weight=weights).shape == X.shape
    with pytest.raises(ValueError, match="not what this"):
        completer.report(X)


def test_what_has_no_rate_of_its_own_says_what_there_is():
    X = table_for(SoftImputeCompleter)
    report = SoftImputeCompleter(alpha=1.0).fit(X).report(X)
    assert "no formula for the rate of the solver 'soft_impute'" in report.local_convergence
    assert "contraction measures" in report.local_convergence


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
