import numpy as np
import pytest
from problems import FORMS, low_rank_table, observe

from skmc._linalg import (
    SparsePlusLowRank,
    _quick_basis,
    gram_svd,
    leading_svd,
    leading_triplets,
    low_rank_norm,
    orthonormalize,
    spectral_norm,
    subspace_svd,
)


def sparse_plus_low_rank(form, dtype=np.float64):
    X, mask = low_rank_table(n=30, m=20, dtype=dtype)
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(30, 2)).astype(dtype), rng.normal(size=(20, 2)).astype(dtype)
    observed = observe(X, mask, form=form)
    operator = SparsePlusLowRank(observed, observed.values, 0.7, A, B)
    return operator, 0.7 * np.where(mask, X, 0) + A @ B.T


@pytest.mark.parametrize("form", FORMS)
def test_products_equal_those_of_the_matrix(form):
    operator, M = sparse_plus_low_rank(form)
    rng = np.random.default_rng(0)
    right, left = rng.normal(size=(20, 3)), rng.normal(size=(30, 3))
    np.testing.assert_allclose(operator.matmul(right), M @ right, atol=1e-12)
    np.testing.assert_allclose(operator.rmatmul(left), M.T @ left, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_leading_svd_is_exact_with_a_gap(form):
    operator, M = sparse_plus_low_rank(form)
    U, s, V = leading_svd(operator, 2, n_passes=20)
    expected = np.linalg.svd(M, compute_uv=False)
    np.testing.assert_allclose(s, expected[:2], rtol=1e-6)
    np.testing.assert_allclose(U.T @ M @ V, np.diag(s), atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", [0, 2])
def test_leading_triplets_widen_until_all_wanted_are_there(form, start):
    operator, M = sparse_plus_low_rank(form)
    expected = np.linalg.svd(M, compute_uv=False)
    bound = 0.5 * (expected[7] + expected[8])
    U, kept, V, basis = leading_triplets(
        operator, lambda s: s[s > bound], np.eye(20)[:, :start],
        width=2, limit=20, extra=3, n_passes=30,
    )  # fmt: skip
    np.testing.assert_allclose(kept, expected[:8], rtol=1e-6)
    np.testing.assert_allclose(U.T @ M @ V, np.diag(kept), atol=1e-4)
    assert basis.shape[1] >= 8


@pytest.mark.parametrize("form", FORMS)
def test_subspace_svd_of_the_full_width_is_the_svd(form):
    operator, M = sparse_plus_low_rank(form)
    U, s, V = subspace_svd(operator, np.eye(20))
    np.testing.assert_allclose(s, np.linalg.svd(M, compute_uv=False), rtol=1e-10)
    np.testing.assert_allclose((U * s) @ V.T, M, atol=1e-10)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30), (8, 8)])
def test_gram_svd_keeps_what_is_wanted(shape):
    M = np.random.default_rng(1).normal(size=shape)
    U, kept, V, basis = gram_svd(M, lambda s: s[s > 2.0] - 2.0, extra=2)
    s = np.linalg.svd(M, compute_uv=False)
    np.testing.assert_allclose(kept, s[s > 2.0] - 2.0, rtol=1e-10)
    k = kept.size
    np.testing.assert_allclose(U.T @ M @ V, np.diag(s[:k]), atol=1e-10)
    np.testing.assert_allclose(basis[:, :k], V)


def test_gram_svd_declines_values_that_squares_cannot_show():
    M = np.diag([1.0, 1e-6])
    assert gram_svd(M, lambda s: s, extra=0) is None


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (2, 9), (15, 11)])
def test_spectral_norm(shape):
    X = np.random.default_rng(0).normal(size=shape)
    observed = observe(X, np.ones(shape, bool), form="sparse")
    found = spectral_norm(SparsePlusLowRank(observed, observed.values))
    assert found == pytest.approx(np.linalg.norm(X, 2), rel=1e-12)


def test_spectral_norm_of_zero():
    observed = observe(np.zeros((6, 5)), np.ones((6, 5), bool), form="sparse")
    assert spectral_norm(SparsePlusLowRank(observed, observed.values)) == 0.0


def test_low_rank_norm_sees_changes_far_below_the_root_of_precision():
    rng = np.random.default_rng(0)
    Q = orthonormalize(rng.normal(size=(50, 3)))
    B = rng.normal(size=(40, 3))
    turn = orthonormalize(rng.normal(size=(3, 3)))
    small = 1e-13 * rng.normal(size=(40, 3))
    # The same matrix in another basis, plus a change of relative size 1e-13.
    norm = low_rank_norm([(1.0, Q, B), (-1.0, Q @ turn, (B + small) @ turn)])
    assert norm == pytest.approx(np.linalg.norm(small), rel=0.05)


def test_low_rank_norm_of_a_general_sum():
    rng = np.random.default_rng(1)
    terms = [
        (c, orthonormalize(rng.normal(size=(20, k))), rng.normal(size=(15, k)))
        for c, k in ((1.0, 3), (-1.5, 2), (0.5, 4))
    ]
    expected = np.linalg.norm(sum(c * Q @ B.T for c, Q, B in terms))
    assert low_rank_norm(terms) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smallest", [1.0, 1e-3, 0.0])
def test_quick_basis_is_orthonormal_and_spans(smallest, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(60, 5)) * np.array([1, 1, 1, 1, smallest])).astype(dtype)
    X[:, 4] += X[:, 0]
    Q = _quick_basis(X)
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(Q.T @ Q, np.eye(5), atol=tolerance)
    np.testing.assert_allclose(Q @ (Q.T @ X), X, atol=10 * tolerance)
