"""Displays of what is determined, of rates, and of the noise in a spectrum."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.diagnostics import completability
from skmc.plotting import (
    CompletionDisplay,
    ConvergenceDisplay,
    IdentifiabilityDisplay,
    PatternDisplay,
    RateDisplay,
    SpectrumDisplay,
)

X = make_low_rank(60, 25, 3, observed=0.6, noise=0.1, random_state=0).X
SPARSE = make_low_rank(50, 40, 2, observed=0.12, random_state=0).X


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("center", [False, True])
def test_the_map_is_that_of_the_report(center):
    report = completability(SPARSE, 2, center=center)
    determined = report.identifiable.to_matrix()
    assert not determined.all()
    display = IdentifiabilityDisplay.from_matrix(SPARSE, 2, center=center)
    np.testing.assert_array_equal(display.observed, ~np.isnan(SPARSE))
    np.testing.assert_array_equal(display.free, ~determined)
    n_free = np.count_nonzero(~determined)
    assert display.numbers[::2] == (np.count_nonzero(~np.isnan(SPARSE)), n_free)
    assert sum(display.numbers) == SPARSE.size
    np.testing.assert_array_equal(display.lost_rows, report.rows)
    np.testing.assert_array_equal(display.lost_columns, report.columns)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[2] == f"not determined, {n_free / SPARSE.size:.1%}"


def test_marks_at_the_border_are_in_the_legend():
    def labels(table):
        legend = IdentifiabilityDisplay.from_matrix(table, 2).ax_.get_legend()
        return [text.get_text() for text in legend.get_texts()]

    assert labels(SPARSE)[3:] == ["row or column without a hole that is determined"]
    assert len(labels(X)) == 3


def test_names_and_ticks_of_the_map_are_at_the_middles_of_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, :4], columns=list("abcd"))
    display = IdentifiabilityDisplay.from_matrix(frame, 2)
    report = completability(frame, 2)
    given = IdentifiabilityDisplay.from_completability(report, names=frame.columns)
    for ax in (display.ax_, given.ax_):
        assert [label.get_text() for label in ax.get_xticklabels()] == list("abcd")
        np.testing.assert_array_equal(ax.get_xticks(), np.arange(4))
    assert display.image_.get_extent() == [-0.5, 3.5, 59.5, -0.5]


def test_sorted_what_is_not_determined_comes_last():
    display = IdentifiabilityDisplay.from_matrix(SPARSE, 2, sort=True)
    for axis in (0, 1):
        assert (np.diff(display.free.sum(axis=1 - axis)) >= 0).all()
    np.testing.assert_array_equal(
        np.sort(display.observed.sum(axis=1)), np.sort((~np.isnan(SPARSE)).sum(axis=1))
    )


def test_bins_of_the_map_mix_what_is_in_them(monkeypatch):
    report = completability(SPARSE, 2)
    fine = IdentifiabilityDisplay.from_completability(report)
    monkeypatch.setattr("skmc._diagnosis._identifiable.BLOCK", 130)
    coarse = IdentifiabilityDisplay.from_completability(report, max_cells=10)
    assert coarse.free.shape == (10, 10)
    np.testing.assert_allclose(
        coarse.free, fine.free.reshape(10, 5, 10, 4).mean(axis=(1, 3)), atol=1e-12
    )
    assert coarse.numbers == fine.numbers
    image = coarse.image_.get_array()
    assert image.min() >= 0
    assert image.max() <= 1


def test_tables_too_large_to_count_are_drawn_all_the_same(monkeypatch):
    expected = IdentifiabilityDisplay.from_matrix(SPARSE, 2)
    monkeypatch.setattr("skmc._diagnosis._identifiable.CELLS", 10)
    found = IdentifiabilityDisplay.from_matrix(SPARSE, 2)
    assert found.numbers == expected.numbers
    np.testing.assert_array_equal(found.free, expected.free)


def test_only_reports_on_patterns_are_drawn():
    with pytest.raises(TypeError, match="from_matrix"):
        IdentifiabilityDisplay.from_completability(SPARSE)


@pytest.mark.parametrize("E", [ALSCompleter, ProjectedGDCompleter])
def test_plain_iterations_have_the_predicted_rate(E):
    params = {"alpha": 1.0} if E is ALSCompleter else {"step_size": 1.0}
    completer = E(3, scale=True, momentum=None, tol=1e-6, max_iter=2000, **params).fit(X)
    display = RateDisplay.from_estimator(completer, X)
    scheme = display.report.schemes[0]
    assert display.observed_rate == pytest.approx(scheme.rate, abs=0.02)
    line = display.ax_.lines[1]
    slope = np.exp(np.diff(np.log(line.get_ydata())))
    np.testing.assert_allclose(slope, display.report.best.rate)


def test_rates_of_solvers_without_a_formula_are_those_of_another():
    completer = SoftImputeCompleter(alpha=1.0).fit(X)
    with pytest.raises(ValueError, match="no formula for the rate of the solver 'soft_impute'"):
        RateDisplay.from_estimator(completer, X)
    display = RateDisplay.from_estimator(completer, X, method="als")
    assert "predicted, sweeps" in display.ax_.get_legend().get_texts()[1].get_text()


def test_too_few_iterations_have_no_rate():
    report = RateDisplay.from_estimator(ALSCompleter(3, alpha=1.0).fit(X), X).report
    assert np.isnan(RateDisplay(np.array([0.1, 0.0]), report, "short").plot().observed_rate)


def test_the_noise_level_separates_what_was_left_from_what_was_cut_off():
    X = make_low_rank(100, 40, 3, noise=0.3, random_state=0).X
    enough, short = (
        SpectrumDisplay.from_estimator(ALSCompleter(rank, alpha=1.0).fit(X), X) for rank in (3, 2)
    )
    assert enough.gap > 2
    assert enough.residual_singular_values[0] < 1.3 * enough.noise_level
    assert short.residual_singular_values[0] > 1.5 * short.noise_level
    assert short.gap < 1.5
    assert np.isnan(SpectrumDisplay(np.ones(2), np.zeros(0)).gap)


def test_a_list_of_completers_is_named_by_class():
    fits = [ALSCompleter(2, alpha=a).fit(X) for a in (1.0, 2.0)]
    display = ConvergenceDisplay.from_estimators([*fits, SoftImputeCompleter().fit(X)])
    assert list(display.lines_) == ["ALSCompleter 1", "ALSCompleter 2", "SoftImputeCompleter"]
    with pytest.raises(TypeError, match="goes to from_estimator"):
        ConvergenceDisplay.from_estimators(fits[0])


@pytest.mark.parametrize("m", [4, 25])
def test_columns_have_the_names_of_the_features(m):
    pd = pytest.importorskip("pandas")
    names = [f"item {j}" for j in range(m)]
    frame = pd.DataFrame(X[:, :m], columns=names)
    completer = ALSCompleter(2, alpha=1.0).fit(frame)
    panels = [
        *CompletionDisplay.from_estimator(completer, frame).ax_,
        PatternDisplay.from_matrix(frame).ax_,
        IdentifiabilityDisplay.from_matrix(frame, 2).ax_,
    ]
    for ax in panels:
        labels = ax.get_xticklabels()
        assert [label.get_text() for label in labels] == names
        assert labels[0].get_rotation() == (90 if m > 10 else 0)


def test_of_many_names_some_are_shown_in_the_order_of_the_picture():
    pd = pytest.importorskip("pandas")
    table = np.where(np.random.default_rng(0).random((30, 100)) < 0.5, 1.0, np.nan)
    frame = pd.DataFrame(table, columns=[f"c{j}" for j in range(100)])
    ax = PatternDisplay.from_matrix(frame, sort=True).ax_
    order = np.argsort(-(~np.isnan(table)).sum(axis=0), kind="stable")
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert shown == [f"c{j}" for j in order[::4]]


def test_numbers_for_names_are_no_names():
    pd = pytest.importorskip("pandas")
    assert PatternDisplay.from_matrix(pd.DataFrame(X)).names is None


def test_maps_and_rates_draw_where_they_are_told():
    figure, axes = plt.subplots(1, 2)
    completer = ALSCompleter(3, alpha=1.0).fit(X)
    assert IdentifiabilityDisplay.from_matrix(X, 2, ax=axes[0]).ax_ is axes[0]
    assert RateDisplay.from_estimator(completer, X, ax=axes[1]).figure_ is figure
