import numpy as np
import pytest

from skmc._factors import Factors


@pytest.fixture
def factors():
    rng = np.random.default_rng(0)
    return Factors(rng.normal(size=(12, 4)) * [1e3, 1, 1, 1], rng.normal(size=(9, 4)))


def test_svd_and_norm(factors):
    Z = factors.U @ factors.V.T
    P, s, Q = factors.svd()
    np.testing.assert_allclose((P * s) @ Q.T, Z, atol=1e-9)
    np.testing.assert_allclose(s, np.linalg.svd(Z, compute_uv=False)[:4], rtol=1e-10)
    assert factors.norm() == pytest.approx(np.linalg.norm(Z))
    assert (Q[np.abs(Q).argmax(axis=0), np.arange(4)] > 0).all()


def test_balanced_factors_have_equal_gram_matrices_and_the_least_norm(factors):
    balanced = factors.balanced()
    np.testing.assert_allclose(balanced.U @ balanced.V.T, factors.U @ factors.V.T, atol=1e-9)
    np.testing.assert_allclose(balanced.U.T @ balanced.U, balanced.V.T @ balanced.V, atol=1e-9)
    nuclear = factors.singular_values().sum()
    half = 0.5 * (np.sum(balanced.U**2) + np.sum(balanced.V**2))
    assert half == pytest.approx(nuclear)
    assert half < 0.5 * (np.sum(factors.U**2) + np.sum(factors.V**2))


def test_distance(factors):
    rng = np.random.default_rng(1)
    other = Factors(rng.normal(size=(12, 4)), rng.normal(size=(9, 4)))
    expected = np.linalg.norm(factors.U @ factors.V.T - other.U @ other.V.T)
    assert factors.distance(other) == pytest.approx(expected, rel=1e-12)
    assert other.distance(factors) == pytest.approx(expected, rel=1e-12)
    assert factors.distance(factors) == 0


def test_distance_keeps_the_digits_of_tiny_differences(factors):
    # Sums of squares of both factors keep nothing below the root of the machine precision.
    near = Factors(factors.U * (1 + 1e-9), factors.V * (1 + 2e-9))
    assert near.distance(factors) == pytest.approx(3e-9 * factors.norm(), rel=1e-6)
    assert factors.distance(near) == pytest.approx(3e-9 * factors.norm(), rel=1e-6)


def test_entries(factors):
    rows, columns = np.array([0, 11, 3]), np.array([8, 0, 3])
    expected = (factors.U @ factors.V.T)[rows, columns]
    np.testing.assert_allclose(factors.entries(rows, columns), expected)


def test_rank_zero():
    P, s, Q = Factors(np.zeros((5, 0)), np.zeros((4, 0))).svd()
    assert (P.shape, s.shape, Q.shape) == ((5, 0), (0,), (4, 0))
