"""What is fitted once rank and penalty are chosen, and what is told of the search."""

import numpy as np
import pytest
from searching import (
    AUTO,
    QUICK,
    assert_same_bits,
    each,
    each_auto,
    each_cv,
    noise_table,
    reference,
    searching,
    stored,
    table,
)
from sklearn.exceptions import ConvergenceWarning

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.completers import CROSS_VALIDATED
from skmc.datasets import make_low_rank


@pytest.mark.parametrize("scale", ["noise", True, False])
@pytest.mark.parametrize("center", [True, "both"])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_als_fits_what_the_plain_completer_fits(scale, center, form):
    X = table().X if form == "dense" else stored(table().X)
    units = {"scale": scale, "center": center}
    model = ALSCompleterCV(**QUICK, **units).fit(X)
    assert model.rank_ == 2
    assert model.alpha_ in model.alphas_ * (1 + 1e-15 * np.arange(-3, 4)[:, None])
    plain = ALSCompleter(rank=model.rank_, alpha=model.alpha_, **units).fit(X)
    assert_same_fit(model, plain)


@pytest.mark.parametrize("E", [ALSCompleter, SoftImputeCompleter])
@pytest.mark.parametrize("seed", [3, 4])
def test_a_path_by_warm_starts_ends_where_a_cold_start_does(E, seed):
    # Components that a large penalty has made negligible have to come back at a small one.
    X = make_low_rank(60, 30, 5, observed=0.6, noise=0.1, condition_number=5.0, random_state=seed).X
    params = {"scale": True, "tol": 1e-6, "max_iter": 5000}
    warm, cold = (E(alpha=3.0, warm_start=w, **params) for w in (True, False))
    for alpha in (20.0, 12.0, 8.0, 5.0, 3.0):
        warm.set_params(alpha=alpha).fit(X)
    objectives = [model.trace_["objective"][-1] for model in (warm, cold.fit(X))]
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-4)


@pytest.mark.parametrize("scale", ["noise", True, False])
@pytest.mark.parametrize("max_rank", [None, 1, 3])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_soft_impute_fits_what_the_plain_completer_fits(scale, max_rank, form):
    X = table().X if form == "dense" else stored(table().X)
    units = {"scale": scale, "max_rank": max_rank}
    model = SoftImputeCompleterCV(**QUICK, relaxations=[1.0], **units).fit(X)
    plain = SoftImputeCompleter(alpha=model.alpha_, **units).fit(X)
    assert model.relaxation_ == 1.0
    assert model.rank_ <= (max_rank or 20)
    assert_same_fit(model, plain)


def assert_same_fit(model, plain):
    """The same arithmetic on the same problem, up to the rounding of the penalty."""
    assert model.n_iter_ == plain.n_iter_
    for name in ("components_", "offsets_", "scale_", "spread_", "fold_in_alpha_"):
        one, other = getattr(model, name), getattr(plain, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)
    if model.alpha_ == plain.alpha_ and model.scale is not False:
        np.testing.assert_array_equal(model.components_, plain.components_)


def test_refit_relaxes_the_solution_of_the_path():
    X = table().X
    units = {"scale": True, "tol": 1e-8, "max_iter": 5000}
    model = SoftImputeCompleterCV(alphas=[4.0], relaxations=[0.25], cv=2, **units).fit(X)
    assert (model.relaxation_, model.alpha_) == (0.25, 1.0)
    solution = SoftImputeCompleter(alpha=4.0, **units).fit(X)
    assert model.rank_ == solution.rank_
    # As alternating least squares from anywhere at that rank and penalty.
    other = ALSCompleter(rank=model.rank_, alpha=1.0, **units).fit(X)
    np.testing.assert_allclose(model.transform(X), other.transform(X), atol=1e-5)
    assert model.trace_["stage"][-1] == solution.trace_["stage"][-1] + 1
    np.testing.assert_array_equal(np.unique(model.trace_["alpha"]), [1.0, 4.0])
    assert all(values.shape == (model.n_iter_,) for values in model.trace_.values())


@pytest.mark.parametrize(
    ("E", "alpha"), [(ProjectedGDCompleter, {}), *((ALSCompleter, {"alpha": a}) for a in (0, 1.0))]
)
@pytest.mark.parametrize("units", [{}, {"center": "both"}, {"scale": False}], ids=str)
def test_automatic_rank_fits_what_that_rank_fits(E, alpha, units):
    X = table().X
    model = E(rank="auto", **alpha, **units).fit(X)
    assert model.rank_ == 2
    assert model.alpha_ == pytest.approx(alpha.get("alpha", 0.0))
    plain = E(rank=2, **alpha, **units).fit(X)
    for attribute in ("components_", "offsets_", "n_iter_", "alpha_"):
        np.testing.assert_array_equal(getattr(model, attribute), getattr(plain, attribute))


def test_automatic_rank_and_penalty_fit_what_these_fit():
    X = table().X
    precise = {"scale": True, "tol": 1e-4, "keep_observed": False}
    model = ALSCompleter(rank="auto", **precise).fit(X)
    assert model.rank_ == 2
    plain = ALSCompleter(rank=2, alpha=model.alpha_, **precise).fit(X)
    np.testing.assert_allclose(model.transform(X), plain.transform(X), atol=2e-3)


@each_auto
def test_automatic_rank_of_noise_leaves_the_offsets(E):
    X = noise_table((60, 10))
    model = searching(E).fit(X)
    assert model.rank_ == 0
    assert model.components_.shape == (0, 10)
    assert model.row_factors(X).shape == (60, 0)
    np.testing.assert_allclose(model.transform(X), np.tile(np.nanmean(X, axis=0), (60, 1)))
    assert model.predict_entries([3], [4])[0] == pytest.approx(np.nanmean(X[:, 4]))
    assert model.score(X) == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(model.trace_["objective"]).all()


@each_auto
def test_search_tells_what_was_tried(E):
    model = searching(E).fit(table().X)
    search = model.search_
    assert list(search) == ["rank", "relaxation", "score", "n_iter"]
    assert len({values.shape for values in search.values()}) == 1
    assert (search["rank"][0], search["score"][0]) == (0, pytest.approx(0.0, abs=1e-12))
    assert model.rank_ in search["rank"]
    # A rank that is given leaves nothing to tell, not even after one that was not.
    model.set_params(rank=2).fit(table().X)
    assert not hasattr(model, "search_")
    assert not hasattr(E(rank=2).fit(table().X), "search_")


@each
def test_two_fits_are_the_same_to_the_last_bit(E):
    X, model = table().X, searching(E, random_state=0)
    assert_same_bits(model.fit(X), reference(E))
    # What a fit of other data has left does not matter.
    model.fit(noise_table((30, 20)))
    assert_same_bits(model.fit(X), reference(E))


@each
def test_random_state_draws_the_folds(E):
    X = table().X
    drawn, other = (searching(E, random_state=s).fit(X) for s in (np.random.RandomState(0), 1))
    assert_same_bits(drawn, reference(E))
    scores = [m.search_["score"] if E in AUTO else m.score_path_ for m in (drawn, other)]
    assert not np.array_equal(*scores)


@each
def test_threads_give_the_same_bits(E):
    X = make_low_rank(300, 80, 2, observed=0.3, noise=0.1, random_state=0).X
    quick = {"tol": 0.1} | ({"alphas": [3.0, 1.0]} if E in CROSS_VALIDATED else {})
    one, *others = (searching(E, n_jobs=n, **quick).fit(X) for n in (1, 3, None))
    for other in others:
        assert_same_bits(other, one)


@each_cv
@pytest.mark.parametrize("max_iter", [1, 5])
def test_the_last_fit_keeps_to_its_iterations(E, max_iter):
    with pytest.warns(ConvergenceWarning):
        model = searching(E, max_iter=max_iter, tol=1e-9).fit(table().X)
    # A refit with less of the penalty may take as many again.
    assert max_iter <= model.n_iter_ <= (1 + (E is SoftImputeCompleterCV)) * max_iter
