"""Completers that choose rank and penalty on held-out entries: what they choose."""

import numpy as np
import pytest
from searching import AUTO, each, each_cv, noise_table, reference, rms, searching, table

from skmc import (
    ALSCompleterCV,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.completers import CROSS_VALIDATED
from skmc.datasets import make_low_rank
from skmc.model_selection import EntryKFold


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]
)
@each
def test_error_against_the_truth(E, seed, monkeypatch):
    monkeypatch.undo()  # as many folds as there are
    data = make_low_rank(500, 100, 5, observed=0.5, noise=0.1, random_state=seed)
    model = E(keep_observed=False)
    if E in AUTO:
        model.set_params(rank="auto")
    completed = model.fit_transform(data.X)
    assert model.rank_ == 5
    assert model.converged_
    # What an oracle that knows the column space would reach is about 0.035.
    assert rms(completed - data.truth) <= 0.042


@each
def test_noise_is_completed_by_column_means(E):
    X = noise_table((150, 40))
    model = searching(E)
    completed = model.fit_transform(X)
    assert rms(completed - np.nanmean(X, axis=0)) <= 0.01
    assert model.rank_ == 0
    if E in AUTO:
        assert model.search_["score"].max() <= 1e-2


@each
def test_exact_matrices_are_recovered(E):
    data = table(80, 30, 3, noise=0.0, observed=0.7, random_state=1)
    model = searching(E)
    if E in CROSS_VALIDATED:
        # The smallest penalty bounds what they can reach.
        smallest = 1e-6 if E is ALSCompleterCV else 1e-4
        model.set_params(alphas=np.geomspace(10.0, smallest, 6), cv=5, max_iter=2000)
    completed = model.fit_transform(data.X)
    assert model.rank_ == 3
    # A gain in R^2 that is no more than rounding does not count.
    accuracy = 1e-5 if E in CROSS_VALIDATED else 1e-6
    assert rms(completed - data.truth) <= accuracy * rms(data.truth)


@each
def test_choice_does_not_depend_on_units_nor_on_the_order_of_the_rows(E):
    X = table().X
    order = np.random.default_rng(0).permutation(60)
    scale, shift = np.geomspace(1e-3, 1e3, 20), np.linspace(-100, 100, 20)
    expected = reference(E)
    for other, units in (
        (searching(E).fit(X[order]), (1.0, 0.0)),
        (searching(E).fit(scale * X + shift), (scale, shift)),
    ):
        assert other.rank_ == expected.rank_
        assert other.alpha_ == pytest.approx(expected.alpha_, rel=1e-6)
        found = (other.transform(units[0] * X + units[1]) - units[1]) / units[0]
        np.testing.assert_allclose(found, expected.transform(X), atol=1e-6)


@each_cv
def test_one_standard_error_is_simpler_and_scores_nearly_as_well(E):
    simpler = []
    for seed in (0, 1):
        X = table(40, 15, 4, observed=0.8, noise=0.4, condition_number=10.0, random_state=seed).X
        best, simple = (
            searching(E, cv=4, n_alphas=8, one_standard_error=one).fit(X) for one in (False, True)
        )
        np.testing.assert_array_equal(simple.score_path_, best.score_path_)
        mean = best.score_path_.mean(axis=2)
        scores = best.score_path_[np.unravel_index(np.nanargmax(mean), mean.shape)]
        error = scores.std(ddof=1) / np.sqrt(scores.size)
        assert mean[best_of(simple)] >= scores.mean() - error
        assert best_of(simple)[0] <= best_of(best)[0]
        simpler.append(best_of(simple)[0] < best_of(best)[0])
    assert any(simpler)


def best_of(model):
    """Position in `score_path_` of what was fitted."""
    alpha = model.alpha_ / getattr(model, "relaxation_", 1.0)
    a = int(np.argmin(np.abs(np.log(model.alphas_ / alpha))))
    assert model.alphas_[a] == pytest.approx(alpha, rel=1e-12)
    if isinstance(model, ALSCompleterCV):
        return int(np.flatnonzero(model.ranks_ == model.rank_)[0]), a
    return a, int(np.flatnonzero(np.sort(model.relaxations)[::-1] == model.relaxation_)[0])


@each_cv
def test_score_path(E):
    model = searching(E, cv=3).fit(table().X)
    scores = model.score_path_
    inner = model.alphas_.size if E is ALSCompleterCV else len(model.relaxations)
    outer = model.ranks_.size if E is ALSCompleterCV else model.alphas_.size
    assert scores.shape == (outer, inner, 3)
    assert (scores[~np.isnan(scores)] <= 1.0).all()
    mean = scores.mean(axis=2)
    assert mean[best_of(model)] >= np.nanmax(mean) - 2e-3 * (1 - np.nanmax(mean))
    assert model.n_path_iter_ > 0


@pytest.mark.parametrize("center", [True, False, "both"])
def test_score_path_is_what_hiding_the_fold_and_fitting_anew_gives(center):
    # The nuclear norm has one solution, whatever it is started from.
    data = table(rank=3)
    X, mask = data.X, data.mask
    entries = np.argwhere(mask)
    folds = list(EntryKFold(2, random_state=0).split(entries))
    precise = {"center": center, "scale": True, "tol": 1e-9, "max_iter": 5000}
    model = SoftImputeCompleterCV(
        alphas=[6.0, 3.0, 1.5], cv=folds, relaxations=[1.0], keep_observed=False, **precise
    ).fit(X)
    spread = np.nanstd(X, axis=0)
    if not center:
        spread = np.sqrt(np.nanmean(X**2, axis=0))
    for a, alpha in enumerate(model.alphas_):
        for f, (_, test) in enumerate(folds):
            i, j = entries[test].T
            hidden = X.copy()
            hidden[i, j] = np.nan
            plain = SoftImputeCompleter(alpha=alpha, keep_observed=False, **precise)
            error, total = (
                np.sum(((X - other)[i, j] / spread[j]) ** 2)
                for other in (plain.fit_transform(hidden), np.nanmean(hidden, axis=0))
            )
            assert model.score_path_[a, 0, f] == pytest.approx(1.0 - error / total, abs=1e-5)
