import numpy as np
import pytest
from problems import FORMS, make_problem, observe

from skmc._offsets import OffsetModel


def dense(problem, entries):
    observed = problem.observed
    out = np.zeros(observed.shape)
    out[observed.rows_and_columns()] = entries[observed.mask] if entries.ndim == 2 else entries
    return out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
def test_column_offsets_are_weighted_means(form, weighted):
    problem = make_problem(form=form, weighted=weighted, row_scale=True)
    observed, model = problem.observed, problem.offsets
    entries, offsets = model.project(observed.values)
    weighted_residual = observed.weighted(entries)
    np.testing.assert_allclose(observed.column_sums(weighted_residual, model.design), 0, atol=1e-11)
    a = model.row_scale
    shift = dense(problem, observed.values) - dense(problem, entries)
    seen = dense(problem, np.ones_like(entries)) > 0
    np.testing.assert_allclose(shift, np.where(seen, np.outer(a, offsets.columns), 0), atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("row_effects", [0.0, 2.0])
def test_row_and_column_offsets_are_the_minimiser(form, row_effects):
    options = {"weighted": True, "row_scale": True, "row_effects": row_effects}
    problem = make_problem(kind="both", form=form, **options)
    observed, model = problem.observed, problem.offsets
    entries, offsets = model.project(observed.values)
    assert (np.std(offsets.rows) > 0.5) == (row_effects > 0)
    weighted = observed.weighted(entries)
    np.testing.assert_allclose(observed.column_sums(weighted, model.design), 0, atol=1e-8)
    np.testing.assert_allclose(
        observed.row_sums(weighted), model.row_penalty * offsets.rows, atol=1e-7
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["none", "column", "both"])
@pytest.mark.parametrize("row_scale", [False, True])
def test_projection_in_place(form, kind, row_scale):
    problem = make_problem(kind=kind, form=form, row_scale=row_scale)
    values = problem.observed.values
    before, in_place = values.copy(), values.copy()
    wanted, offsets = problem.offsets.project(values)
    found, again = problem.offsets.project(in_place, overwrite=True)
    assert found is in_place
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(again.columns, offsets.columns)
    np.testing.assert_array_equal(values, before)


def test_projection_is_idempotent_and_no_longer_than_its_argument():
    problem = make_problem(weighted=True)
    observed, model = problem.observed, problem.offsets
    once, _ = model.project(observed.values)
    twice, again = model.project(once)
    np.testing.assert_allclose(twice, once, atol=1e-12)
    np.testing.assert_allclose(again.columns, 0, atol=1e-12)
    norms = [observed.dot(observed.weighted(e), e) for e in (once, observed.values)]
    assert norms[0] <= norms[1]


def test_row_penalty_is_the_variance_ratio():
    rng = np.random.default_rng(0)
    X = 0.5 * rng.normal(size=(4000, 1)) + rng.normal(size=(4000, 20)) + rng.normal(size=20)
    observed = observe(X, rng.random(X.shape) < 0.5)
    assert OffsetModel(observed, "both").row_penalty == pytest.approx(4.0, rel=0.1)


def test_without_row_effects_the_row_offsets_vanish():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 30))
    X -= X.mean(axis=1, keepdims=True)
    model = OffsetModel(observe(X, np.ones(X.shape, bool)), "both")
    _, offsets = model.project(model.observed.values)
    assert np.abs(offsets.rows).max() < 1e-4
