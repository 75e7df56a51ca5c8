"""One split: the score against NumPy, nothing leaks, units of the noise."""

import numpy as np
import pytest
from problems import FORMS, low_rank_table, observe

from skmc._search import entry_folds, make_folds
from skmc.solvers import AlternatingLeastSquares, offsets_only, resized

PRECISE = {"max_iter": 5000, "tol": 1e-10}


def solve(problem, alpha=1.0, rank=3, **options):
    problem = problem.with_alpha(alpha, rank=rank)
    start = resized(problem, None, rank)
    return AlternatingLeastSquares().solve(problem, start, **{**PRECISE, **options})


def folds_of(X, mask, n_folds=3, *, center=True, scale=True, form="dense", w=None, a=None):
    observed = observe(X, mask, w, form)
    splits = entry_folds(observed, n_folds, 0, sample_weight=a)
    return make_folds(observed, a, splits, center=center, scale=scale), splits


def column_mean(X, weight):
    return (weight * X).sum(axis=0) / weight.sum(axis=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("center", [True, False, "both"])
@pytest.mark.parametrize("scale", [True, False, "noise"])
@pytest.mark.parametrize("weighted", [False, True])
def test_score_is_r2_on_the_held_out_entries(form, center, scale, weighted):
    X, mask = low_rank_table(n=60)
    rng = np.random.default_rng(1)
    w = rng.uniform(0.2, 2.0, X.shape) if weighted else None
    a = rng.integers(1, 4, 60).astype(float) if weighted else None
    folds, splits = folds_of(X, mask, center=center, scale=bool(scale), form=form, w=w, a=a)
    if scale == "noise":
        folds = [fold.knowing_noise(100, 1e-2, units=True) for fold in folds]
    weight = mask.astype(float)
    if weighted:
        weight *= w * a[:, None]
    # Deviations of all observed entries, from zero if nothing is centred.
    middle = column_mean(X, weight) if center else 0.0
    spread = np.sqrt(column_mean((X - middle) ** 2, weight))
    if not scale:
        count = (mask * (1.0 if a is None else a[:, None])).sum(axis=0)
        spread = np.sqrt(np.average(spread**2, weights=count))
    for fold, (_, test) in zip(folds, splits, strict=True):
        i, j = (index[test] for index in np.nonzero(mask))
        train = mask.copy()
        train[i, j] = False
        result = solve(fold.problem)
        units, offsets = fold.training.units, result.residual.offsets
        Z = result.factors.U @ result.factors.V.T
        if weighted:
            Z /= np.sqrt(a)[:, None]
        Z += offsets.columns
        if center == "both":
            Z += (offsets.rows / (np.sqrt(a) if weighted else 1.0))[:, None]
        prediction = units.center + units.scale * Z
        means = column_mean(X, weight * train)
        held_out = np.zeros_like(mask)
        held_out[i, j] = True
        error, total = (
            np.sum((weight * ((X - other) / spread) ** 2)[held_out])
            for other in (prediction, means)
        )
        assert fold.score(result) == pytest.approx(1.0 - error / total, abs=1e-6)
        assert type(fold.score(result)) is float


@pytest.mark.parametrize("scale", [True, False])
def test_offsets_alone_score_zero(scale):
    for fold in folds_of(*low_rank_table(), scale=scale)[0]:
        assert fold.score(offsets_only(fold.problem)) == pytest.approx(0.0, abs=1e-12)


def test_what_is_predicted_exactly_scores_one():
    X, mask = low_rank_table(noise=0.0, fraction=0.9)
    for fold in folds_of(X, mask)[0]:
        assert fold.score(solve(fold.problem, alpha=1e-9)) == pytest.approx(1.0, abs=1e-10)
    # Nothing to explain, and explained.
    for fold in folds_of(np.full((8, 5), 3.0), np.ones((8, 5), bool))[0]:
        assert fold.score(offsets_only(fold.problem)) == 1.0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("center", [True, False, "both"])
def test_hidden_values_leave_the_training_part_bit_identical(form, center):
    X, mask = low_rank_table()
    observed = observe(X, mask, form=form)
    splits = entry_folds(observed, 3, 0)
    for train, test in splits:
        i, j = (index[test] for index in np.nonzero(mask))
        other = X.copy()
        other[i, j] += 1e6
        sets = observed, observe(other, mask, form=form)
        one, two = (
            make_folds(o, None, [(train, test)], center=center, scale=True)[0].knowing_noise(
                100, 1e-2, units=True
            )
            for o in sets
        )
        for name in ("center", "scale", "mean"):
            first, second = (getattr(fold.training.units, name) for fold in (one, two))
            np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(one.problem.observed.values, two.problem.observed.values)
        assert one.n_iter == two.n_iter
        results = [solve(fold.problem, max_iter=20, tol=1e-2) for fold in (one, two)]
        for name in ("U", "V"):
            np.testing.assert_array_equal(*(getattr(r.factors, name) for r in results))
        # What is hidden does make the score.
        assert two.score(results[1]) != one.score(results[0])


@pytest.mark.parametrize("form", FORMS)
def test_columns_without_training_data_do_not_count(form):
    X, mask = low_rank_table()
    i, j = np.nonzero(mask)
    test = np.flatnonzero((j == 4) | (i % 5 == 0))
    split = [(np.setdiff1d(np.arange(i.size), test), test)]
    other = X.copy()
    other[:, 4] *= -1e6
    scores = []
    for values in (X, other):
        observed = observe(values, mask, form=form)
        fold = make_folds(observed, None, split, center=True, scale=True)[0]
        scores.append(fold.score(solve(fold.problem)))
        assert not fold.training.learned[4]
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)
    assert 0 < scores[0] < 1


def test_units_of_the_noise_change_the_problem_and_not_the_measure():
    rng = np.random.default_rng(0)
    X, mask = low_rank_table(n=200, m=80, noise=0.0)
    level = np.repeat([0.1, 0.5], 40)
    for plain in folds_of(X + level * rng.normal(size=X.shape), mask)[0]:
        fold = plain.knowing_noise(200, 1e-2, units=True)
        ratio = fold.training.units.scale / plain.training.units.scale
        # 5 in truth; the residual holds signal too, and levels are drawn towards the common one.
        assert np.median(ratio[40:]) > 1.4 * np.median(ratio[:40])
        np.testing.assert_allclose(
            fold.problem.observed.values * ratio, plain.problem.observed.values, atol=1e-12
        )
        np.testing.assert_array_equal(fold.spread, plain.spread)
        assert fold.n_iter > 0
        same = plain.knowing_noise(200, 1e-2, units=False)
        assert same.training is plain.training
        assert same.problem is plain.problem
