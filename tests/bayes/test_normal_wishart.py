"""Laws drawn given rows, against the conjugate posterior in closed form."""

import numpy as np
import pytest

from skmc._bayes import GaussianLaw, NormalWishart


def test_whitening_and_back():
    rng = np.random.default_rng(0)
    law = GaussianLaw(rng.standard_normal(3), rng.standard_normal((3, 3)))
    w, F = rng.standard_normal((5, 3)), rng.standard_normal((7, 3))
    regressors, level = law.whitened(F)
    np.testing.assert_allclose(w @ regressors.T + level, law.unwhitened(w) @ F.T)
    covariance = law.root @ law.root.T
    np.testing.assert_allclose(law.precisions(), np.diag(np.linalg.inv(covariance)))


def test_mean_and_covariance_given_rows():
    """E[mean] = n x / (k + n), E[covariance] = scatter / (dof + n - q - 1) at fixed spreads."""
    rng = np.random.default_rng(0)
    n, q = 12, 3
    rows = rng.standard_normal((n, q)) @ rng.standard_normal((q, q)) + 1
    prior = NormalWishart(q, dof=6.0, strength=3.0, spread_shape=1e8, spread_rate=1e8 / 2)
    laws = [prior.draw(rng, rows) for _ in range(20_000)]
    middle = rows.mean(axis=0)
    deviations = rows - middle
    scatter = 2 * np.eye(q) + deviations.T @ deviations
    scatter += 3 * n / (3 + n) * np.outer(middle, middle)
    covariances = np.array([law.root @ law.root.T for law in laws])
    found, wanted = covariances.mean(axis=0), scatter / (6 + n - q - 1)
    assert np.abs(found - wanted).max() < 5 * covariances.std(axis=0).max() / np.sqrt(20_000)
    means = np.array([law.mean for law in laws])
    error = np.abs(means.mean(axis=0) - n * middle / (3 + n))
    assert (error < 5 * means.std(axis=0) / np.sqrt(20_000)).all()


def test_mean_of_a_law_varies_with_its_covariance_over_the_strength():
    rng = np.random.default_rng(0)
    prior = NormalWishart(2, dof=8.0, strength=5.0, spread_shape=1e8, spread_rate=1e8)
    laws = [prior.draw(rng) for _ in range(20_000)]
    covariance = np.mean([law.root @ law.root.T for law in laws], axis=0)
    found = np.cov(np.array([law.mean for law in laws]).T)
    np.testing.assert_allclose(found, covariance / 5, atol=0.03 * covariance[0, 0])


def test_spreads_given_a_law():
    """Gamma(a + dof / 2, b + P_kk / 2): seen through the covariance that they lead to."""
    rng = np.random.default_rng(0)
    prior = NormalWishart(1, dof=4.0, spread_shape=3.0, spread_rate=2.0)
    law = GaussianLaw(np.zeros(1), np.array([[0.5]]))
    variances = [prior.draw(rng, law=law).root[0, 0] ** 2 for _ in range(40_000)]
    # The variance is spread / chi2(4), of mean spread / 2.
    wanted = (3 + 2) / (2 + 4 / 2) / 2
    assert np.mean(variances) == pytest.approx(wanted, rel=0.05)


def test_components_without_use_keep_a_positive_variance():
    rows = np.zeros((50, 3))
    rows[:, 0] = np.random.default_rng(0).standard_normal(50)
    rng, law = np.random.default_rng(0), None
    prior = NormalWishart(3)
    for _ in range(2000):
        law = prior.draw(rng, rows, law)
    assert np.isfinite(law.root).all()
    assert np.linalg.matrix_rank(law.root, tol=1e-300) == 3
