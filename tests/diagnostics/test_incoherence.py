"""Coherence of subspaces against its definition."""

import numpy as np
import pytest
from problems import low_rank_table, symmetric_table

from skmc import ALSCompleter, BayesianCompleter, SymmetricGDCompleter
from skmc.diagnostics import _incoherence, incoherence


@pytest.mark.parametrize("block", [1 << 20, 7])
def test_numbers_are_those_of_the_definition(block, monkeypatch):
    monkeypatch.setattr(_incoherence, "BLOCK", block)
    rng = np.random.default_rng(0)
    U, V = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    Z = U @ V.T
    P, s, Qt = (F[..., :3] if k != 2 else F[:3] for k, F in enumerate(np.linalg.svd(Z)))
    report = incoherence((U, V))
    np.testing.assert_allclose(report.row_leverage, 10 * (P**2).sum(axis=1))
    np.testing.assert_allclose(report.column_leverage, 20 / 3 * (Qt**2).sum(axis=0))
    assert report.row_leverage.mean() == pytest.approx(1.0)
    assert report.mu_rows == report.row_leverage.max()
    assert report.mu_columns == report.column_leverage.max()
    assert report.mu_joint == pytest.approx(np.sqrt(200) * np.abs(P @ Qt).max())
    spikiness = np.sqrt(600) * np.abs(Z).max() / np.linalg.norm(s)
    assert report.spikiness == pytest.approx(spikiness)


def test_extremes():
    even = incoherence((np.ones((8, 1)), np.ones((5, 1))))
    assert (even.mu_rows, even.mu_columns) == (pytest.approx(1.0),) * 2
    assert (even.mu_joint, even.spikiness) == (pytest.approx(1.0),) * 2
    one = np.zeros((8, 1))
    one[3] = 1.0
    spike = incoherence((one, one[:5]))
    assert (spike.mu_rows, spike.mu_columns) == (pytest.approx(8.0), pytest.approx(5.0))
    assert spike.spikiness == pytest.approx(np.sqrt(40))


def test_columns_to_spare_do_not_count():
    rng = np.random.default_rng(0)
    U, V = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    padded = incoherence((np.hstack([U, U[:, :1]]), np.hstack([V, 0 * V[:, :1]])))
    assert padded.rank == 2
    assert padded.mu_rows == pytest.approx(incoherence((U, V)).mu_rows)
    with pytest.raises(ValueError, match="zero, or of rank 0"):
        incoherence((0 * U, V))


def test_completers():
    X, mask = low_rank_table()
    X = np.where(mask, X, np.nan)
    completer = ALSCompleter(3, alpha=1.0).fit(X)
    Z = completer.row_factors(X) @ completer.components_
    P, _, Qt = np.linalg.svd(Z, full_matrices=False)
    report = incoherence(completer, X)
    assert report.n_entries == mask.sum()
    assert report.mu_rows == pytest.approx(40 / 3 * (P[:, :3] ** 2).sum(axis=1).max())
    assert report.mu_columns == pytest.approx(25 / 3 * (Qt[:3] ** 2).sum(axis=0).max())
    assert "observed entries" in repr(report)
    with pytest.raises(ValueError, match="X has shape"):
        incoherence(completer, X[:5])
    Y, mask = symmetric_table()
    symmetric = SymmetricGDCompleter(3).fit(np.where(mask, Y, np.nan))
    report = incoherence(symmetric)
    np.testing.assert_allclose(report.row_leverage, report.column_leverage, rtol=1e-6)
    frame = pytest.importorskip("pandas") and report.to_frame()
    assert len(frame) == 80


def test_a_posterior_mean_has_incoherence_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 20)) + 0.1 * rng.normal(size=(60, 20))
    X[3] = np.nan
    completer = BayesianCompleter(rank=3, n_draws=10, random_state=0).fit(X)
    report = incoherence(completer)
    assert report.row_leverage.shape == (60,)
    assert report.row_leverage[3] < 1e-12
