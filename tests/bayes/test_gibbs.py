"""The sampler draws from the posterior: Geweke's test of the joint distribution, and its parts."""

import numpy as np
import pytest

from skmc._bayes import Gibbs, Model, NormalWishart, Sample, effective_sample_size, row_problem
from skmc._observed import observed_from_dense


def tame(size):
    """A prior whose draws have all the moments that are looked at."""
    return NormalWishart(size, dof=size + 8.0, strength=4.0, spread_shape=6.0, spread_rate=1.0)


def tame_model(has_rows=True, has_columns=True, by_column=True):
    priors = tame(2 + has_rows), tame(2 + has_columns)
    return Model(2, has_rows, has_columns, by_column, *priors, 6.0, (6.0, 2.0))


def from_prior(model, n, m, rng):
    row_law, column_law = model.row_prior.draw(rng), model.column_prior.draw(rng)
    U = row_law.unwhitened(rng.standard_normal((n, model.row_prior.size)))
    V = column_law.unwhitened(rng.standard_normal((m, model.column_prior.size)))
    shape, rate = model.level_prior
    level = rng.gamma(shape, 1 / rate)
    precision = rng.gamma(model.noise_shape, 1 / level, m if model.by_column else 1)
    return Sample(U, V, row_law, column_law, precision * np.ones(m))


def data(model, s, mask, rng):
    left, right = model.pair(s.U, s.V)
    X = left @ right.T + rng.standard_normal(mask.shape) / np.sqrt(s.precision)
    return observed_from_dense(np.where(mask, X, np.nan), mask)


def statistics(model, s):
    left, right = model.pair(s.U, s.V)
    Z = left @ right.T
    return [
        Z[0, 0], Z[0, 0] ** 2, Z[0, 0] * Z[0, 1], Z[0, 0] * Z[1, 0],
        s.U[0, 0] ** 2, s.V[0, -1] ** 2,
        np.log(s.precision[0]), np.log(s.precision).mean() ** 2, s.row_law.mean[0] ** 2,
        *np.log(np.linalg.svd(s.row_law.root, compute_uv=False)),
        *np.log(np.linalg.svd(s.column_law.root, compute_uv=False)),
        np.sum(s.U[1] * s.row_law.mean), np.abs(s.V[0, 0] * s.precision[0]),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("by_column", [True, False])
@pytest.mark.parametrize("offsets", [(True, True), (False, True), (False, False)])
def test_joint_distribution(offsets, by_column):
    """Data drawn given parameters and parameters given data, in turn, leave the prior as it is.

    Geweke, J. (2004). Getting it right: joint distribution tests of posterior simulators. JASA
    99(467), 799-804.
    """
    model, rng = tame_model(*offsets, by_column), np.random.default_rng(0)
    mask = rng.random((5, 4)) < 0.7
    mask[0] = False  # a row that is drawn from its law alone
    gibbs = Gibbs(model, data(model, from_prior(model, 5, 4, rng), mask, rng), rng)
    n_draws = 20_000
    prior = np.array([statistics(model, from_prior(model, 5, 4, rng)) for _ in range(n_draws)])
    s, chain = from_prior(model, 5, 4, rng), []
    for _ in range(n_draws):
        gibbs.observed = data(model, s, mask, rng)
        s = gibbs.sweep(s)
        chain.append(statistics(model, s))
    chain = np.array(chain)
    sizes = np.array([effective_sample_size(x[None, :]) for x in chain.T])
    assert sizes.min() > 200
    error = np.sqrt(prior.var(axis=0) / n_draws + chain.var(axis=0) / sizes)
    z = (chain.mean(axis=0) - prior.mean(axis=0)) / error
    assert np.abs(z).max() < 4.5


def test_rows_are_drawn_from_their_conditional_law():
    """Mean and covariance of w in closed form, at a row with two entries of different precision."""
    model, rng = tame_model(), np.random.default_rng(0)
    s = from_prior(model, 3, 4, rng)
    mask = np.array([[1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=bool)
    observed = data(model, s, mask, rng)
    standard, F = row_problem(*s.of_rows(model), s.precision, observed)
    draws = []
    for _ in range(20_000):
        normals = rng.standard_normal((3, 3))
        mean = standard.draw_rows(F, 1.0, normals)
        draws.append(normals)
    draws = np.array(draws)
    regressors, level = s.of_rows(model)
    for i in range(3):
        f = regressors[mask[i]]
        precision = np.eye(3) + (f.T * s.precision[mask[i]]) @ f
        y = observed.values[i, mask[i]] - level[mask[i]]
        wanted = np.linalg.solve(precision, f.T @ (s.precision[mask[i]] * y))
        np.testing.assert_allclose(mean[i], wanted, atol=1e-9)
        covariance = np.linalg.inv(precision)
        np.testing.assert_allclose(np.cov(draws[:, i].T), covariance, atol=0.04)
        np.testing.assert_allclose(draws[:, i].mean(axis=0), wanted, atol=0.03)


def test_a_row_is_level_plus_regressors_times_normals():
    model, rng = tame_model(), np.random.default_rng(1)
    s = from_prior(model, 6, 4, rng)
    w = rng.standard_normal((6, 3))
    U = s.row_law.unwhitened(w)
    left, right = model.pair(U, s.V)
    F, level = s.of_rows(model)
    np.testing.assert_allclose(w @ F.T + level, left @ right.T)
