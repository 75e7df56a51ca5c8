"""Displays show what the fits and the data say, wherever they are drawn."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import sparse
from sklearn.impute import SimpleImputer

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    BayesianCompleter,
    ConformalCompleter,
    SoftImputeCompleterCV,
)
from skmc.completers import COMPLETERS, CROSS_VALIDATED, SAMPLERS
from skmc.datasets import hide_entries, make_low_rank, make_ratings
from skmc.plotting import (
    CalibrationDisplay,
    CompletionDisplay,
    ConvergenceDisplay,
    PathDisplay,
    PatternDisplay,
    SpectrumDisplay,
)

DATA = make_low_rank(60, 25, 3, observed=0.6, noise=0.1, random_state=0)
X = DATA.X
TEXTBOOK = {"alpha": 1.0, "scale": True, "tol": 1e-8}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fits():
    return {str(m): ALSCompleter(6, momentum=m, **TEXTBOOK).fit(X) for m in ("nesterov", None)}


@pytest.fixture(scope="module")
def path():
    return ALSCompleterCV(ranks=[1, 3, 5], n_alphas=6, cv=3).fit(X)


def test_gaps_are_above_the_lowest_objective(fits):
    display = ConvergenceDisplay.from_estimators(fits)
    for name, fit in fits.items():
        objective = fit.trace_["objective"][fit.trace_["stage"] == fit.trace_["stage"][-1]]
        (line,) = display.lines_[name]
        gap = objective - objective.min()
        np.testing.assert_array_equal(line.get_ydata(), np.where(gap > 0, gap, np.nan))
        assert line.get_xdata()[-1] == fit.n_iter_
    assert display.ax_.get_yscale() == "log"


def test_a_shared_reference_is_the_lowest_of_all(fits):
    display = ConvergenceDisplay.from_estimators(fits, reference="shared")
    n_at_zero = sum(np.isnan(line.get_ydata()).sum() for (line,) in display.lines_.values())
    lowest = [fit.trace_["objective"].min() for fit in fits.values()]
    assert n_at_zero == sum(np.sum(fit.trace_["objective"] == min(lowest)) for fit in fits.values())


def test_only_the_last_stage_is_comparable():
    completer = ALSCompleter().fit(X)
    stage = completer.trace_["stage"]
    assert stage[-1] > 0
    display = ConvergenceDisplay.from_estimator(completer, quantity="objective", x="time")
    (line,) = display.lines_["ALSCompleter"]
    np.testing.assert_array_equal(line.get_xdata(), completer.trace_["time"][stage == stage[-1]])
    left = np.count_nonzero(stage != stage[-1])
    assert f"\nlast stage; {left} iterations" in display.ax_.get_xlabel()
    several = ConvergenceDisplay.from_estimators([completer, completer])
    assert several.ax_.get_xlabel().startswith("iteration\nlast stage of each")
    display = ConvergenceDisplay.from_estimator(completer, quantity="alpha", name="a")
    assert display.ax_.get_xlabel() == "iteration"
    np.testing.assert_array_equal(display.lines_["a"][0].get_ydata(), completer.trace_["alpha"])


def test_each_chain_is_a_line():
    sampler = BayesianCompleter(4, n_chains=2, n_samples=100, random_state=0).fit(X)
    display = ConvergenceDisplay.from_estimator(sampler, quantity="noise")
    lines = display.lines_["BayesianCompleter"]
    assert len(lines) == 2
    np.testing.assert_array_equal(lines[1].get_ydata(), sampler.trace_["noise"][1])
    display = ConvergenceDisplay.from_estimator(sampler, quantity="noise", x="time")
    seconds = display.lines_["BayesianCompleter"][1].get_xdata()
    np.testing.assert_array_equal(seconds, sampler.trace_["time"][1])
    with pytest.raises(ValueError, match="has no 'objective'"):
        ConvergenceDisplay.from_estimator(sampler)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"x": "iter"}, "x must be"), ({"reference": "best"}, "reference must be")],
)
def test_wrong_options_are_named(fits, wrong, message):
    with pytest.raises(ValueError, match=message):
        ConvergenceDisplay.from_estimators(fits, **wrong)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_spectrum_is_that_of_the_model_and_of_what_it_leaves(as_sparse):
    completer = ALSCompleter(3, **TEXTBOOK, keep_observed=False).fit(X)
    mask = ~np.isnan(X)
    given = sparse.csr_array((X[mask], np.nonzero(mask)), shape=X.shape) if as_sparse else X
    display = SpectrumDisplay.from_estimator(completer, given)
    Z = completer.row_factors(X) @ completer.components_
    expected = np.linalg.svd(Z, compute_uv=False)
    np.testing.assert_allclose(display.singular_values, expected[:3], rtol=1e-10)
    residual = np.where(mask, (X - completer.transform(X)) / completer.scale_, 0)
    expected = np.linalg.svd(residual, compute_uv=False)[:10] / mask.mean()
    np.testing.assert_allclose(display.residual_singular_values, expected, rtol=1e-3)


def test_the_effective_rank_counts_equal_components():
    assert SpectrumDisplay(np.full(4, 2.5), np.zeros(0)).effective_rank == pytest.approx(4)
    assert SpectrumDisplay(np.array([1.0, 0.0]), np.zeros(0)).effective_rank == pytest.approx(1)
    assert SpectrumDisplay(np.zeros(0), np.zeros(0)).effective_rank == 0


@pytest.mark.parametrize("shape", [(40, 1), (1, 40)])
def test_a_single_line_has_a_spectrum(shape):
    table = np.random.default_rng(0).normal(size=shape)
    completer = ALSCompleter(1, alpha=1.0).fit(table)
    assert SpectrumDisplay.from_estimator(completer, table).residual_singular_values.size == 0


def test_the_pattern_of_a_small_table_is_its_mask():
    table = X.copy()
    table[3], table[:, 4] = np.nan, np.nan
    table[3, 0] = 1.0
    display = PatternDisplay.from_matrix(table)
    np.testing.assert_array_equal(display.density, ~np.isnan(table))
    assert display.weak_rows.tolist() == [3]
    assert display.weak_columns.tolist() == [4]


def test_bins_count_every_entry_once():
    ratings = make_ratings(130, 77, 2000, random_state=0).X
    display = PatternDisplay.from_matrix(ratings, max_cells=30, sort=True)
    assert display.density.shape == (30, 30)
    sizes = [np.bincount(np.arange(size) * 30 // size) for size in (130, 77)]
    assert (display.density * np.outer(*sizes)).sum() == pytest.approx(2000)
    # Sorted: the fullest rows and columns come first.
    assert display.density[0].mean() > display.density[-1].mean()
    assert display.density[:, 0].mean() > display.density[:, -1].mean()


def test_weak_lines_follow_the_order_of_the_picture():
    table = np.ones((5, 4))
    table[1, 1:] = np.nan
    assert PatternDisplay.from_matrix(table).weak_rows.tolist() == [1]
    assert PatternDisplay.from_matrix(table, sort=True).weak_rows.tolist() == [4]


def shuffled_blocks():
    """Two blocks, the smaller one fuller, in rows and columns of any order."""
    rng = np.random.default_rng(0)
    table = np.full((50, 20), np.nan)
    table[:30, :12], table[30:, 12:] = 1.0, 2.0
    table[:30, :12][rng.random((30, 12)) < 0.3] = np.nan
    return table[rng.permutation(50)][:, rng.permutation(20)]


def test_sorting_brings_blocks_to_light():
    density = PatternDisplay.from_matrix(shuffled_blocks(), sort=True).density
    # Some 250 entries of 30 x 12, and then all of 20 x 8.
    assert density[:30, 12:].sum() + density[30:, :12].sum() == 0
    assert density[30:, 12:].all()
    for axis in (0, 1):
        assert (np.diff(density[:30, :12].sum(axis=axis)) <= 0).all()


def test_the_pattern_says_which_colour_is_observed():
    table = np.array([[1.0, 2.0], [3.0, np.nan], [np.nan, np.nan]])
    display = PatternDisplay.from_matrix(table, min_entries=2)
    (key,) = (ax for ax in display.figure_.axes if ax is not display.ax_)
    assert [t.get_text() for t in key.get_yticklabels()] == ["missing\n50.0%", "observed\n50.0%"]
    cmap = display.image_.get_cmap()
    assert display.image_.to_rgba(0.0) == cmap(0.25)
    assert display.image_.to_rgba(1.0) == cmap(0.75)
    label = display.ax_.get_xlabel()
    assert label == "column\nfewer than 2 entries (red ticks): 2 rows, 1 column"
    one = PatternDisplay.from_matrix(table, min_entries=1).ax_.get_xlabel()
    assert one == "column\nfewer than 1 entry (red ticks): 1 row, 0 columns"


def test_ticks_are_at_the_middles_of_rows_and_columns():
    display = PatternDisplay.from_matrix(X[:4, :3])
    left, right, below, above = display.image_.get_extent()
    assert (left, right, below, above) == (-0.5, 2.5, 3.5, -0.5)
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        assert np.array_equal(axis.get_majorticklocs() % 1, np.zeros(axis.get_majorticklocs().size))


def test_the_path_marks_what_was_chosen(path):
    display = PathDisplay.from_estimator(path)
    name, at = display.chosen
    assert name == f"rank {path.rank_}"
    assert path.alphas_[at] == pytest.approx(path.alpha_)
    error = 1 - path.score_path_[list(path.ranks_).index(path.rank_), at]
    np.testing.assert_array_equal(display.errors[name][at], error)


def test_the_path_of_soft_impute_has_a_line_for_each_fraction():
    search = SoftImputeCompleterCV(n_alphas=5, cv=3, relaxations=(0.25, 1.0)).fit(X)
    display = PathDisplay.from_estimator(search)
    assert list(display.errors) == ["penalty x 1", "penalty x 0.25"]
    name, at = display.chosen
    assert search.alphas_[at] * search.relaxation_ == pytest.approx(search.alpha_)
    assert name == f"penalty x {search.relaxation_:.3g}"


def test_offsets_that_suffice_leave_nothing_to_mark():
    noise = np.random.default_rng(0).normal(size=(60, 20))
    search = ALSCompleterCV(ranks=[1, 2], n_alphas=4, cv=3).fit(noise)
    assert search.rank_ == 0
    assert PathDisplay.from_estimator(search).chosen is None


def test_only_paths_are_drawn(fits):
    with pytest.raises(TypeError, match="has no path"):
        PathDisplay.from_estimator(fits["None"])


@pytest.mark.parametrize("kind", ["array", "pandas", "sparse", "masked"])
def test_completion_shows_holes_values_and_errors(kind):
    completer = ALSCompleter(3, **TEXTBOOK).fit(X)
    given = X
    if kind == "pandas":
        given = pytest.importorskip("pandas").DataFrame(X)
        completer.fit(given)
    elif kind == "sparse":
        given = sparse.coo_array((X[DATA.mask], np.nonzero(DATA.mask)), shape=X.shape)
    elif kind == "masked":
        given = np.ma.masked_array(np.nan_to_num(X, nan=-99.0), ~DATA.mask)
    display = CompletionDisplay.from_estimator(completer, given, DATA.truth)
    np.testing.assert_array_equal(display.before, X)
    expected = completer.transform(given)
    np.testing.assert_allclose(display.after, expected)
    np.testing.assert_allclose(display.error[~DATA.mask], (expected - DATA.truth)[~DATA.mask])
    assert np.isnan(display.error[DATA.mask]).all()
    assert len(display.ax_) == 3


def test_holes_have_a_colour_that_no_value_has():
    before, after, error = CompletionDisplay.from_estimator(
        ALSCompleter(3, **TEXTBOOK).fit(X), X, DATA.truth
    ).ax_
    image = before.images[0]
    hole = np.array(image.to_rgba(np.ma.masked_invalid(X))[~DATA.mask][0])
    colours = image.get_cmap()(np.linspace(0, 1, 256))
    assert np.abs(colours - hole).max(axis=1).min() > 0.1
    assert before.get_xlabel() == "column\ngrey: missing"
    assert after.get_xlabel() == "column"
    assert error.get_xlabel() == "column\ngrey: observed, or truth not known"


def test_completion_standardises_columns_by_what_is_observed():
    display = CompletionDisplay.from_estimator(ALSCompleter(3).fit(X), X * 1.0)
    np.testing.assert_allclose(display.center, np.nanmean(X, axis=0))
    np.testing.assert_allclose(display.spread, np.nanstd(X, axis=0))
    assert len(display.ax_) == 2


def test_completion_draws_any_imputer_and_its_own_mark():
    marked = np.where(np.isnan(X), -1.0, X)
    imputer = SimpleImputer(missing_values=-1.0).fit(marked)
    display = CompletionDisplay.from_estimator(imputer, marked, standardize=False)
    np.testing.assert_array_equal(display.before, X)
    with pytest.raises(ValueError, match="without indicators"):
        CompletionDisplay.from_estimator(
            SimpleImputer(add_indicator=True).fit(X), X, standardize=False
        )
    with pytest.raises(ValueError, match="X_true has shape"):
        CompletionDisplay.from_estimator(SimpleImputer().fit(X), X, X[:5])


def test_exact_intervals_are_calibrated():
    rng = np.random.default_rng(0)
    std = rng.uniform(0.5, 2.0, 20_000)
    error = std * rng.normal(size=std.size)
    exact = CalibrationDisplay.from_predictions(error, np.zeros_like(error), std)
    assert abs(exact.observed - exact.nominal).max() < 0.02
    wide = CalibrationDisplay.from_predictions(error, np.zeros_like(error), 2 * std, ax=exact.ax_)
    assert (wide.observed > wide.nominal).all()
    assert wide.ax_ is exact.ax_


def test_calibration_looks_at_held_out_entries_alone():
    X_train, hidden = hide_entries(X, 0.2, random_state=0)
    sampler = BayesianCompleter(5, n_samples=100, random_state=0).fit(X_train)
    display = CalibrationDisplay.from_estimator(sampler, X_train, X, levels=[0.5, 0.9])
    mean, std = sampler.transform(X_train, return_std=True)
    inside = np.abs(mean - X)[hidden] <= 1.6448536269514722 * std[hidden]
    assert display.observed[1] == inside.mean()
    assert display.n_entries == hidden.sum()
    with pytest.raises(ValueError, match="no held-out entries"):
        CalibrationDisplay.from_estimator(sampler, X_train, X_train)
    with pytest.raises(ValueError, match="levels must be"):
        CalibrationDisplay.from_estimator(sampler, X_train, X, levels=[0.5, 1.0])


@pytest.mark.parametrize("container", ["default", "pandas"])
def test_calibration_of_conformal_intervals(container):
    whole = make_low_rank(120, 100, 3, noise=0.3, random_state=0).X
    X_train, hidden = hide_entries(whole, 0.4, random_state=0)
    marked = np.where(np.isnan(X_train), -99.0, X_train)
    conformal = ConformalCompleter(ALSCompleter(3, missing_values=-99.0), random_state=0)
    conformal.set_output(transform=container).fit(marked)
    display = CalibrationDisplay.from_estimator(conformal, marked, whole, levels=[0.5, 0.9])
    # Rows are folded in with the entries that calibrate, which makes intervals a little wide.
    assert (display.observed > display.nominal - 0.01).all()
    assert (display.observed < display.nominal + 0.06).all()
    lower, upper = (np.asarray(end) for end in conformal.predict_interval(marked, alpha=0.1))
    assert display.observed[1] == np.mean((lower <= whole) & (whole <= upper), where=hidden)
    assert display.n_entries == hidden.sum()
    with pytest.raises(TypeError, match=r"ALSCompleter does not say .* ConformalCompleter\("):
        CalibrationDisplay.from_estimator(ALSCompleter(3).fit(X_train), X_train, whole)
    with pytest.raises(ValueError, match="must agree"):
        CalibrationDisplay.from_estimator(conformal, marked, whole[:5])


@pytest.mark.parametrize("E", COMPLETERS + CROSS_VALIDATED + SAMPLERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_completer_can_be_drawn(E):
    # Positive and symmetric, so that it suits all.
    table = np.abs(make_low_rank(25, 25, 3, observed=0.7, random_state=0).X)
    table = np.where(np.isnan(table), table.T, table)
    table = (table + table.T) / 2
    completer = E(**E._test_settings).fit(table)
    spectrum = SpectrumDisplay.from_estimator(completer, table)
    assert spectrum.singular_values.size == completer.rank_
    assert (np.diff(spectrum.singular_values) <= 0).all()
    # Cross-validation may leave nothing but offsets.
    assert (spectrum.effective_rank > 0) == (completer.rank_ > 0)
    assert spectrum.effective_rank <= completer.rank_ + 1e-9
    course = ConvergenceDisplay.from_estimator(completer, quantity=next(iter(completer.trace_)))
    assert all(len(line.get_xdata()) == completer.n_iter_ for line in course.lines_[E.__name__])
    assert CompletionDisplay.from_estimator(completer, table).after.shape == table.shape


def test_displays_draw_where_they_are_told(fits, path):
    figure, axes = plt.subplots(1, 6)
    completer = fits["nesterov"]
    displays = [
        ConvergenceDisplay.from_estimator(completer, ax=axes[0]),
        SpectrumDisplay.from_estimator(completer, X, ax=axes[1]),
        PatternDisplay.from_matrix(X, ax=axes[2]),
        PathDisplay.from_estimator(path, ax=axes[3]),
    ]
    for display, ax in zip(displays, axes, strict=False):
        assert display.ax_ is ax
        assert display.figure_ is figure
    assert CompletionDisplay.from_estimator(completer, X, ax=axes[4:]).figure_ is figure
    with pytest.raises(ValueError, match="draws 2 panels"):
        CompletionDisplay.from_estimator(completer, X, ax=axes)


def test_data_are_left_alone(fits):
    given = X.copy()
    CompletionDisplay.from_estimator(fits["nesterov"], given, DATA.truth)
    PatternDisplay.from_matrix(given, sort=True)
    SpectrumDisplay.from_estimator(fits["nesterov"], given)
    np.testing.assert_array_equal(given, X)


def test_matplotlib_is_imported_when_something_is_drawn():
    code = """
import sys
sys.modules["matplotlib"] = None
import numpy as np
from skmc.plotting import PatternDisplay
try:
    PatternDisplay.from_matrix(np.ones((2, 2)))
except ImportError as error:
    print(error)
"""
    # -P: what is imported is the installed package, not the folder.
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.startswith("PatternDisplay.plot needs matplotlib")
