"""Scores and single entries: leave-one-out, held-out cells, `predict_entries`."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.metrics import r2_score

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank

DATA = make_low_rank(50, 20, 2, observed=0.6, noise=0.2, offsets=2.0, random_state=0)
X = DATA.X
SEEN = ~np.isnan(X)
EVERY = [
    ALSCompleter(rank=2, alpha=1.0),
    ALSCompleter(rank=2, alpha=1.0, center="both"),
    ALSCompleter(rank=2, alpha=0),
    ALSCompleter(rank=2, alpha=1.0, center=False, scale=False),
    ProjectedGDCompleter(rank=2),
    SoftImputeCompleter(),
]
each = pytest.mark.parametrize("completer", EVERY, ids=str)


def one_at_a_time(model, X):
    """Leave-one-out by brute force: hide one entry, complete its row, look."""
    out = np.full(X.shape, np.nan)
    for i, j in np.argwhere(~np.isnan(X)):
        row = X[i : i + 1].copy()
        row[0, j] = np.nan
        out[i, j] = model.transform(row)[0, j]
    return out


@each
def test_leave_one_out_is_brute_force(completer):
    model = clone(completer).fit(X[:40])
    new = X[40:]
    found = model.leave_one_out(new)
    np.testing.assert_allclose(found, one_at_a_time(model, new), atol=1e-9)
    rows, columns = np.nonzero(~np.isnan(new))
    stored = sparse.coo_array((new[rows, columns], (rows, columns)), shape=new.shape).tocsr()
    as_sparse = model.leave_one_out(stored)
    np.testing.assert_array_equal(as_sparse[rows, columns], found[rows, columns])
    assert as_sparse.nnz == rows.size


@each
def test_score_is_the_r2_of_leave_one_out_against_the_training_means(completer):
    model = clone(completer).fit(X[:40])
    new = X[40:]
    means = np.nanmean(X[:40], axis=0)
    error = np.nansum(((new - one_at_a_time(model, new)) / model.spread_) ** 2)
    total = np.nansum(((new - means) / model.spread_) ** 2)
    score = model.score(new)
    assert type(score) is float
    assert score == pytest.approx(1 - error / total, abs=1e-9)
    assert model.score(new) == score


@each
def test_y_that_says_nothing(completer):
    model = clone(completer).fit(X)
    expected = model.score(X)
    for y in (np.arange(50), ["yes", "no"] * 25, np.arange(50.0)[:, None], list(range(50))):
        assert model.score(X, y) == expected


@each
def test_y_as_the_matrix_scores_what_is_hidden(completer):
    model = clone(completer).fit(X)
    hidden = ~SEEN
    z, truth = (A / model.spread_ for A in (model.transform(X), DATA.truth))
    mean = np.tile(np.nanmean(X, axis=0) / model.spread_, (50, 1))
    error = np.sum((z - truth)[hidden] ** 2) / np.sum((mean - truth)[hidden] ** 2)
    assert model.score(X, DATA.truth) == pytest.approx(1 - error, abs=1e-9)
    # Cells that are missing in y too do not count.
    y = np.where(np.random.default_rng(0).random(X.shape) < 0.5, DATA.truth, np.nan)
    both = hidden & ~np.isnan(y)
    error = np.sum((z - truth)[both] ** 2) / np.sum((mean - truth)[both] ** 2)
    assert model.score(X, y) == pytest.approx(1 - error, abs=1e-9)
    # What is observed in X is not asked for, whatever y says.
    assert model.score(X, np.where(SEEN, 1e6, y)) == model.score(X, y)
    rows, columns = np.nonzero(~np.isnan(y))
    stored = sparse.coo_array((y[rows, columns], (rows, columns)), shape=y.shape)
    assert model.score(X, stored) == pytest.approx(model.score(X, y))


@pytest.mark.parametrize("shape", [(50, 2), (49, 20), (20, 50), (50, 20, 1)])
def test_y_of_another_shape(shape):
    model = ALSCompleter(rank=2).fit(X)
    with pytest.raises(ValueError, match=r"(shape of X|y has shape|dim)"):
        model.score(X, np.ones(shape))


def test_y_with_nothing_to_score():
    model = ALSCompleter(rank=2).fit(X)
    with pytest.raises(ValueError, match="no entries to score"):
        model.score(X, X)
    with pytest.raises(ValueError, match=r"no entries to score|missing"):
        model.score(np.full((3, 20), np.nan))


@each
def test_sample_weight_is_repetition(completer):
    model = clone(completer).fit(X)
    k = np.random.default_rng(0).integers(0, 4, 50)
    repeated = np.repeat(X, k, axis=0)
    assert model.score(X, sample_weight=k) == pytest.approx(model.score(repeated), abs=1e-9)
    truth = np.repeat(DATA.truth, k, axis=0)
    found = model.score(X, DATA.truth, sample_weight=k)
    assert found == pytest.approx(model.score(repeated, truth), abs=1e-9)
    with pytest.raises(ValueError, match="Negative"):
        model.score(X, sample_weight=-np.ones(50))


def test_column_means_score_zero():
    # A penalty above alpha_max leaves nothing but the means: what SimpleImputer predicts.
    alpha = 1.001 * SoftImputeCompleter().fit(X).alpha_max_
    for model in (SoftImputeCompleter(alpha), ALSCompleter(rank=2, alpha=100 * alpha)):
        model.set_params(tol=1e-10).fit(X)
        assert model.score(X) == pytest.approx(0.0, abs=1e-9)
        assert model.score(X, DATA.truth) == pytest.approx(0.0, abs=1e-9)
        expected = SimpleImputer().fit_transform(X)
        np.testing.assert_allclose(model.transform(X), expected, atol=1e-6)


def test_perfect_prediction_scores_one():
    data = make_low_rank(60, 30, 2, observed=0.7, offsets=2.0, random_state=0)
    for model in (ALSCompleter(rank=2, alpha=0), ProjectedGDCompleter(rank=2)):
        model.fit(data.X)
        assert model.score(data.X) == pytest.approx(1.0, abs=1e-6)
        assert model.score(data.X, data.truth) == pytest.approx(1.0, abs=1e-6)


def test_score_sees_that_offsets_are_no_merit():
    # The R^2 against one mean praises column offsets on pure noise; ours does not.
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(60, 30)) + 5 * rng.normal(size=30)
    noise = np.where(rng.random(truth.shape) < 0.4, truth, np.nan)
    model = ALSCompleter(rank=3, alpha=0.1).fit(noise[:40])
    new = noise[40:]
    seen = ~np.isnan(new)
    assert r2_score(new[seen], model.leave_one_out(new)[seen]) > 0.7
    assert model.score(new) < 0


@each
def test_predicted_entries_are_those_of_the_completed_matrix(completer):
    model = clone(completer).set_params(keep_observed=False).fit(X)
    i, j = np.random.default_rng(0).integers(0, [[50], [20]], size=(2, 300))
    dense = model.transform(X)
    np.testing.assert_allclose(model.predict_entries(i, j), dense[i, j], rtol=1e-9, atol=1e-12)
    for kind in (list, np.int32, np.uint8, float):
        rows = list(i) if kind is list else i.astype(kind)
        columns = list(j) if kind is list else j.astype(kind)
        found = model.predict_entries(rows, columns)
        np.testing.assert_array_equal(found, model.predict_entries(i, j))
    assert model.predict_entries([], []).shape == (0,)


@pytest.mark.parametrize("completer", [c for c in EVERY if c.center != "both"], ids=str)
def test_row_factors_and_components_are_the_completion(completer):
    model = clone(completer).set_params(keep_observed=False).fit(X)
    U = model.row_factors(X)
    assert U.shape == (50, model.rank_)
    found = model.offsets_ + model.scale_ * (U @ model.components_)
    np.testing.assert_allclose(found, model.transform(X), atol=1e-12)


@each
def test_rows_do_not_know_of_each_other(completer):
    model = clone(completer).set_params(keep_observed=False).fit(X)
    batch = X[:10].copy()
    alone = model.transform(batch[:1])
    batch[1:] = 1e6
    np.testing.assert_allclose(model.transform(batch)[:1], alone, rtol=1e-12, atol=1e-12)
