"""The additive logistic model of what is observed."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from skmc._propensity import effects_of_rows, fit_propensity


def pattern(n=60, m=40, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    logits = -0.5 + spread * rng.normal(size=(n, 1)) + spread * rng.normal(size=m)
    return rng.random((n, m)) < expit(logits), logits


def fitted(mask, **options):
    return fit_propensity(mask.sum(axis=1), mask.sum(axis=0), **options)


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 10.0])
def test_it_is_the_minimum_of_the_objective(ridge):
    mask, _ = pattern(12, 9)

    def objective(x):
        logits = x[0] + np.add.outer(x[1:13], x[13:])
        loss = np.logaddexp(0, logits).sum() - logits[mask].sum()
        return loss + 0.5 * ridge * x[1:] @ x[1:]

    best = minimize(objective, np.zeros(22), method="BFGS", options={"gtol": 1e-9})
    model = fitted(mask, ridge=ridge)
    x = np.r_[model.intercept, model.rows, model.columns]
    assert objective(x) <= best.fun + 1e-8
    i, j = np.indices(mask.shape)
    np.testing.assert_allclose(
        model.probability(i, j), expit(best.x[0] + np.add.outer(best.x[1:13], best.x[13:])),
        atol=1e-4,
    )  # fmt: skip
    logits = model.intercept + np.add.outer(model.rows, model.columns)
    assert model.log_likelihood == pytest.approx(logits[mask].sum() - np.logaddexp(0, logits).sum())
    np.testing.assert_allclose(model.odds(i, j), np.exp(-logits))


def test_true_chances_are_found():
    mask, logits = pattern(600, 500)
    model = fitted(mask)
    i, j = np.indices(mask.shape)
    error = model.probability(i, j) - expit(logits)
    assert np.sqrt(np.mean(error**2)) < 0.03
    assert model.log_likelihood > model.null_log_likelihood + 1000


def test_expected_counts_are_the_observed_ones():
    mask, _ = pattern()
    model = fitted(mask, ridge=1e-8)
    p = model.probability(*np.indices(mask.shape))
    np.testing.assert_allclose(p.sum(axis=1), mask.sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(p.sum(axis=0), mask.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("value", [True, False])
def test_full_and_empty_lines_stay_finite(value):
    mask, _ = pattern()
    mask[3], mask[:, 5] = value, value
    for every in (mask, np.full((6, 5), value)):
        model = fitted(every)
        assert np.isfinite([model.intercept, model.log_likelihood]).all()
        p = model.probability(*np.indices(every.shape))
        assert ((p > 0) & (p < 1)).all()


def test_lines_with_equal_counts_are_equal_whatever_their_order():
    mask, _ = pattern()
    order = np.random.default_rng(1).permutation(60)
    first, second = fitted(mask), fitted(mask[order])
    np.testing.assert_array_equal(first.rows[order], second.rows)
    np.testing.assert_array_equal(first.columns, second.columns)


def test_effects_of_rows_take_little_memory(monkeypatch):
    """With columns that all differ, as in a file, a few counts are looked at at a time."""
    mask, _ = pattern(600, 500)
    model = replace(fitted(mask), columns=np.random.default_rng(0).normal(size=500))
    counts = np.arange(501)
    expected = effects_of_rows(model, counts)
    monkeypatch.setattr("skmc._propensity.CELLS", 5000)
    tracemalloc.start()
    found = effects_of_rows(model, counts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert peak < 500 * 501 * 8 / 2


def test_a_large_pattern_is_as_cheap_as_its_counts():
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 200, 100_000), rng.integers(1000, 1200, 10_000)
    rows = (rows * (columns.sum() / rows.sum())).astype(int)
    rows[0] += columns.sum() - rows.sum()
    model = fit_propensity(rows, columns)
    assert np.isfinite(model.log_likelihood)
    assert model.log_likelihood >= model.null_log_likelihood
