"""Predicted rates of convergence against those that plain iterations show."""

import numpy as np
import pytest
from problems import low_rank_table, symmetric_table

from skmc import (
    ALSCompleter,
    FactorizedGDCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SymmetricGDCompleter,
)
from skmc._diagnosis import _alternation, _spectrum
from skmc.diagnostics import local_convergence
from skmc.diagnostics._point import in_double, point_of

# Size of the errors that are followed, small enough for the linear part alone.
SMALL = 1e-6


def instance(n=40, m=30, rank=2, fraction=0.45, condition=4.0, seed=0):
    """Balanced factors of a matrix, and which of its entries are observed."""
    rng = np.random.default_rng(seed)
    P, Q = (np.linalg.qr(rng.normal(size=(size, rank)))[0] for size in (n, m))
    root = np.sqrt(np.geomspace(1.0, 1.0 / condition, rank) * np.sqrt(n * m))
    mask = rng.random((n, m)) < fraction
    return P * root, Q * root, mask


def truncated(Z, rank):
    P, s, Qt = np.linalg.svd(Z, full_matrices=False)
    return P[:, :rank] * np.sqrt(s[:rank]), Qt[:rank].T * np.sqrt(s[:rank])


def observed_rate(M, rank, step, n_iter=1200, memory=1, seed=0):
    """Mean factor by which errors of the last iterates shrink, each time scaled up to one size."""
    rng = np.random.default_rng(seed)
    size = SMALL * np.linalg.norm(M)
    E = rng.normal(size=(memory, *M.shape))
    factors = []
    for _ in range(n_iter):
        E *= size / np.linalg.norm(E)
        states = []
        for e in E:
            U, V = truncated(M + e, rank)
            states.append(U @ V.T)
        before = np.linalg.norm([Z - M for Z in states])
        new = step(*states)
        E = np.stack([new - M, *(Z - M for Z in states[:-1])])
        factors.append(np.linalg.norm(E) / before)
    return float(np.exp(np.mean(np.log(factors[n_iter // 2 :]))))


def masked_table(U, V, mask):
    return np.where(mask, U @ V.T, np.nan)


def solve_rows(M, mask, V):
    return np.stack(
        [np.linalg.lstsq(V[seen], x[seen], rcond=None)[0] for x, seen in zip(M, mask, strict=True)]
    )


def projected(M, mask, rank, length, momentum=0.0, kind="heavy_ball"):
    def step(Z, *before):
        ahead = Z + momentum * (Z - before[0]) if before else Z
        at = ahead if kind == "nesterov" else Z
        U, V = truncated(ahead - length * mask * (at - M), rank)
        return U @ V.T

    return step


def factorized(M, mask, rank, length, scaled):
    def step(Z):
        U, V = truncated(Z, rank)
        E = mask * (Z - M)
        left, right = (
            (np.linalg.inv(F.T @ F) for F in (V, U)) if scaled else (np.eye(rank), np.eye(rank))
        )
        return (U - length * E @ V @ left) @ (V - length * E.T @ U @ right).T

    return step


def alternating(M, mask, rank, relaxation=1.0):
    def step(Z):
        _, V = truncated(Z, rank)
        U = solve_rows(M, mask, V)
        return U @ solve_rows(M.T, mask.T, U).T

    return step


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["step that is always safe", "step 1 / L", "best step"])
def test_projected_gradient(name, seed):
    U, V, mask = instance(seed=seed)
    M = U @ V.T
    report = local_convergence((U, V), masked_table(U, V, mask), "projected_gd")
    scheme = next(s for s in report.schemes if s.name == name)
    observed = observed_rate(M, 2, projected(M, mask, 2, scheme.step))
    assert scheme.rate == pytest.approx(observed, rel=1e-4)
    assert report.rate(scheme.step) == pytest.approx(scheme.rate, rel=1e-12)


@pytest.mark.parametrize(("kind", "name"), [("heavy_ball", "best heavy ball"),
                                            ("nesterov", "best Nesterov")])  # fmt: skip
def test_momentum(kind, name):
    U, V, mask = instance()
    M = U @ V.T
    report = local_convergence((U, V), masked_table(U, V, mask), "projected_gd")
    scheme = next(s for s in report.schemes if s.name == name)
    # The optimum is a double root, at which powers grow by a factor that is not constant.
    momentum = 1.1 * scheme.momentum
    step = projected(M, mask, 2, scheme.step, momentum, kind)
    observed = observed_rate(M, 2, step, memory=2)
    assert report.rate(scheme.step, momentum, kind) == pytest.approx(observed, rel=2e-3)
    assert report.rate(scheme.step, scheme.momentum, kind) == pytest.approx(scheme.rate, rel=1e-6)
    others = [
        report.rate(scheme.step * a, scheme.momentum * b, kind)
        for a in (0.9, 1.0, 1.1) for b in (0.9, 1.0, 1.1)
    ]  # fmt: skip
    assert min(others) >= scheme.rate - 1e-9


@pytest.mark.parametrize("condition", [1.0, 6.0])
@pytest.mark.parametrize("method", ["factorized_gd", "scaled_gd"])
def test_gradient_on_factors(method, condition):
    U, V, mask = instance(condition=condition)
    M = U @ V.T
    report = local_convergence((U, V), masked_table(U, V, mask), method)
    for scheme in report.schemes[:2]:
        step = factorized(M, mask, 2, scheme.step, method == "scaled_gd")
        assert scheme.rate == pytest.approx(observed_rate(M, 2, step), rel=2e-4)


def test_symmetric_gradient():
    U, _, _ = instance(n=25, m=25)
    upper = np.triu(np.random.default_rng(0).random((25, 25)) < 0.5)
    mask, M = upper | upper.T, U @ U.T
    report = local_convergence((U, U), masked_table(U, U, mask), "symmetric_gd")
    assert report.dimension == 2 * 25 - 1

    def step(Z, length):
        values, W = np.linalg.eigh(0.5 * (Z + Z.T))
        X = W[:, -2:] * np.sqrt(values[-2:])
        X = X - length * (mask * (X @ X.T - M)) @ X
        return X @ X.T

    for scheme in report.schemes[:2]:
        observed = observed_rate(M, 2, lambda Z, t=scheme.step: step(Z, t), n_iter=4000)
        assert scheme.rate == pytest.approx(observed, rel=2e-4)


@pytest.mark.parametrize("fraction", [0.3, 0.5])
def test_alternating_least_squares(fraction):
    U, V, mask = instance(n=30, m=25, fraction=fraction)
    M = U @ V.T
    report = local_convergence((U, V), masked_table(U, V, mask), "als")
    observed = observed_rate(M, 2, alternating(M, mask, 2), n_iter=150)
    assert report.best.rate == pytest.approx(observed, rel=1e-4)


def test_over_relaxation_is_successive_over_relaxation():
    U, V, mask = instance(n=20, m=15, fraction=0.6)
    report = local_convergence((U, V), masked_table(U, V, mask), "als")
    n, m, r = 20, 15, 2
    J = np.zeros((n, m, n + m, r))
    i, j = np.indices(mask.shape)
    J[i, j, i], J[i, j, n + j] = V[j], U[i]
    H = J.reshape(n, m, -1)[mask]
    H = H.T @ H
    for relaxation in (1.0, 1.2, report.schemes[1].step, 1.7):
        D, L = np.zeros_like(H), np.zeros_like(H)
        cut = n * r
        D[:cut, :cut], D[cut:, cut:] = H[:cut, :cut], H[cut:, cut:]
        L[cut:, :cut] = H[cut:, :cut]
        T = np.eye(len(H)) - np.linalg.solve(D / relaxation + L, H)
        sizes = np.sort(np.abs(np.linalg.eigvals(T)))[::-1]
        # The changes of the factors that leave the product alone stay.
        np.testing.assert_allclose(sizes[: r * r], 1.0, atol=1e-6)
        assert report.rate(relaxation) == pytest.approx(sizes[r * r], rel=1e-5)
    assert report.schemes[1].rate == pytest.approx(report.rate(report.schemes[1].step), abs=1e-9)


@pytest.mark.parametrize("method", ["projected_gd", "factorized_gd", "scaled_gd", "als"])
@pytest.mark.parametrize("center", [False, True])
def test_iterated_and_decomposed_spectra_agree(method, center, monkeypatch):
    X, mask = low_rank_table(n=60, m=40, fraction=0.5, noise=1e-9)
    X = np.where(mask, X, np.nan)
    rank = 3 if center else 4
    completer = ALSCompleter(rank, alpha=0, center=center, tol=1e-9, max_iter=2000).fit(X)
    whole = local_convergence(completer, X, method)
    for module in (_spectrum, _alternation):
        monkeypatch.setattr(module, "DENSE", 0)
    iterated = local_convergence(completer, X, method)
    assert iterated.settled
    assert whole.unique
    assert iterated.smallest == pytest.approx(whole.smallest, rel=1e-4)
    assert iterated.largest == pytest.approx(whole.largest, rel=1e-5)


@pytest.mark.parametrize("center", [False, True, "both"])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_completers_are_examined_with_offsets_penalty_and_weights(center, alpha, weighted):
    X, mask = low_rank_table(n=30, m=20, fraction=0.7, noise=0.3)
    X = np.where(mask, X, np.nan)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, X.shape) if weighted else None
    options = {"center": center, "tol": 1e-12, "max_iter": 20_000, "momentum": None}
    completer = ALSCompleter(2, alpha=alpha, scale=True, **options)
    completer.fit(X, entry_weight=weights)
    point = in_double(point_of(completer, X, entry_weight=weights))
    gradients = point.problem.gradient(point.factors)
    size = np.linalg.norm(point.problem.observed.values) * np.linalg.norm(point.factors.U)
    assert all(np.linalg.norm(g) < 1e-6 * size for g in gradients)
    rate = local_convergence(completer, X, "als", entry_weight=weights).best.rate
    assert 0.0 < rate < 1.0


def test_the_method_of_a_completer_is_its_own():
    X, mask = low_rank_table(noise=0.1)
    X = np.where(mask, X, np.nan)
    plain = FactorizedGDCompleter(3, alpha=1.0, preconditioner=None, momentum=None)
    for completer, method in (
        (ALSCompleter(3), "als"),
        (ProjectedGDCompleter(3), "projected_gd"),
        (FactorizedGDCompleter(3), "scaled_gd"),
        (plain.set_params(max_iter=5000), "factorized_gd"),
    ):
        report = local_convergence(completer.fit(X), X)
        assert report.method == method
        assert report.unique
        assert report.best.rate < 1.0
    Y, mask = symmetric_table()
    Y = np.where(mask, Y, np.nan)
    assert local_convergence(SymmetricGDCompleter(3).fit(Y), Y).method == "symmetric_gd"
    with pytest.raises(
        ValueError, match=r"no formula for the rate of the solver .*contraction measures"
    ):
        local_convergence(SoftImputeCompleter(alpha=1.0).fit(X), X)
    with pytest.raises(ValueError, match="name one of"):
        local_convergence((np.ones((40, 1)), np.ones((25, 1))), X)


def test_too_few_entries_leave_the_solution_open():
    U, V, mask = instance(n=40, m=30)
    mask[5], mask[5, 3] = False, True
    for method in ("projected_gd", "factorized_gd", "als"):
        report = local_convergence((U, V), masked_table(U, V, mask), method)
        assert not report.unique
        assert report.best.rate == 1.0
        assert report.iterations_needed(1e-3) == np.inf
        assert report.condition == np.inf


def test_iterations_needed():
    U, V, mask = instance()
    report = local_convergence((U, V), masked_table(U, V, mask), "projected_gd")
    for scheme in (None, *report.schemes):
        rate = (scheme or report.best).rate
        number = report.iterations_needed(1e-5, scheme)
        assert rate**number <= 1e-5 < rate ** (number - 1)
    assert report.iterations_needed(1.0) == 0
    frame = pytest.importorskip("pandas") and report.to_frame()
    assert list(frame["name"]) == [s.name for s in report.schemes]
    assert "best heavy ball" in repr(report)


def test_other_data_than_those_of_the_fit_are_refused():
    X, mask = low_rank_table()
    X = np.where(mask, X, np.nan)
    completer = ALSCompleter(3).fit(X)
    for other in (X[:-1], X + 1.0):
        with pytest.raises(ValueError, match="not what this ALSCompleter was fitted to"):
            local_convergence(completer, other)
    with pytest.raises(TypeError, match="fitted completer or a pair"):
        local_convergence(3, X)
    with pytest.raises(ValueError, match="method must be"):
        local_convergence(completer, X, "newton")


def test_two_thousand_rows_and_columns():
    U, V, _ = instance(n=2000, m=2000, rank=5, condition=10.0)
    rng = np.random.default_rng(1)
    from scipy import sparse

    i, j = np.divmod(np.sort(rng.choice(2000 * 2000, 3 * 5 * 3995, replace=False)), 2000)
    X = sparse.csr_array((np.einsum("ik,ik->i", U[i], V[j]), (i, j)), shape=(2000, 2000))
    tangent = local_convergence((U, V), X, "projected_gd")
    scaled = local_convergence((U, V), X, "scaled_gd")
    als = local_convergence((U, V), X, "als")
    assert tangent.settled
    assert scaled.settled
    # Two bounds that hold for any matrix.
    assert tangent.largest <= scaled.largest <= 2.0 * tangent.largest
    assert als.best.rate < scaled.best.rate < 1.0
