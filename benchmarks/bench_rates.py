"""Predicted rates of convergence beside those of plain iterations, and the spectra behind them.

``rates``: ten random masks each, matrices of rank 2 to 4. The largest relative difference between
the rate that `local_convergence` predicts and the factor by which the error of iterations written
in a few lines of NumPy shrinks: projected gradient at five steps, which are the setting of Vu,
Chunikhina and Raich (arXiv:2112.14733), heavy ball, gradient descent on one factor of a symmetric
matrix at two steps (Vu and Raich, arXiv:2102.02396), on two factors, scaled and not, and
alternating least squares. Where two eigenvalues are nearly the same, iterations have not got there
when they are stopped.

``spectra``: the smallest and the largest eigenvalue of P_T P_Omega P_T for matrices of 2000 x 2000
by rank and entries per degree of freedom, CPU seconds for both, and the random-matrix limit
``(sqrt(p (1 - q)) -+ sqrt(q (1 - p)))^2`` of the first of these papers, p being the part of the
entries that is observed and q the dimension of the tangent space over that of all matrices. Thin
rows make the smallest eigenvalue of small ranks far smaller than its limit.
"""

import argparse
import time

import numpy as np
from _common import Table, print_machine

from skmc.diagnostics import local_convergence

INSTANCES = 10
# Size of the errors that are followed, small enough for the linear part alone.
SMALL = 1e-6


def factors(n, m, rank, condition, rng):
    """Balanced factors of a random matrix with entries of size one."""
    P, Q = (np.linalg.qr(rng.normal(size=(size, rank)))[0] for size in (n, m))
    root = np.sqrt(np.geomspace(1.0, 1.0 / condition, rank) * np.sqrt(n * m))
    return P * root, Q * root


def truncated(Z, rank):
    """Balanced factors of the nearest matrix of a rank."""
    P, s, Qt = np.linalg.svd(Z, full_matrices=False)
    return P[:, :rank] * np.sqrt(s[:rank]), Qt[:rank].T * np.sqrt(s[:rank])


def shrinkage(M, start, step, n_iter):
    """Mean factor by which the error shrinks in the last fifth of the iterations."""
    size, factors_ = SMALL * np.linalg.norm(M), []
    states = [M + size * e / np.linalg.norm(start) for e in start]
    for _ in range(n_iter):
        new = [step(*states), *states[:-1]]
        before, after = (np.linalg.norm([Z - M for Z in s]) for s in (states, new))
        factors_.append(after / before)
        # Scaled back to the same size, the error never meets rounding.
        states = [M + (Z - M) * (size / after) for Z in new]
    return float(np.exp(np.mean(np.log(factors_[-(n_iter // 5) :]))))


def projected(M, mask, rank, length, momentum=0.0):
    """Projected gradient, with the momentum of the heavy ball."""

    def step(Z, *before):
        ahead = Z + momentum * (Z - before[0]) if before else Z
        U, V = truncated(ahead - length * mask * (Z - M), rank)
        return U @ V.T

    return step


def on_factors(M, mask, rank, length, scaled):
    """Gradient descent on both factors, preconditioned by their Gram matrices if scaled."""

    def step(Z):
        U, V = truncated(Z, rank)
        E = length * mask * (Z - M)
        by_V, by_U = (np.linalg.inv(F.T @ F) if scaled else np.eye(rank) for F in (V, U))
        return (U - E @ V @ by_V) @ (V - E.T @ U @ by_U).T

    return step


def on_one_factor(M, mask, rank, length):
    """Gradient descent on the factor of a symmetric matrix."""

    def step(Z):
        values, vectors = np.linalg.eigh(0.5 * (Z + Z.T))
        U = vectors[:, -rank:] * np.sqrt(np.maximum(values[-rank:], 0.0))
        U = U - length * (mask * (Z - M)) @ U
        return U @ U.T

    return step


def alternating(M, mask, rank):
    """Least squares for the rows, and then for the columns."""

    def solve(X, seen, F):
        return np.stack(
            [np.linalg.lstsq(F[s], x[s], rcond=None)[0] for x, s in zip(X, seen, strict=True)]
        )

    def step(Z):
        V = truncated(Z, rank)[1]
        U = solve(M, mask, V)
        return U @ solve(M.T, mask.T, U).T

    return step


def schemes(M, mask, rank, report, method):
    """Name, predicted rate and iteration of each choice of step of a method."""
    best = min(s.step for s in report.schemes if s.name == "best step") if method != "als" else 0
    if method == "projected_gd":
        for part in (0.25, 0.5, 0.75, 1.0, 1.05):
            length = part * best
            yield (
                f"{part:g} of the best step",
                report.rate(length),
                projected(M, mask, rank, length),
            )
        ball = next(s for s in report.schemes if s.name == "best heavy ball")
        # A little beyond the best momentum, at which two roots meet.
        momentum = 1.0 - 0.9 * (1.0 - ball.momentum)
        rate = report.rate(ball.step, momentum)
        yield "heavy ball", rate, projected(M, mask, rank, ball.step, momentum)
    elif method == "als":
        yield "sweeps", report.rate(1.0), alternating(M, mask, rank)
    else:
        for name, length in (("best step", best), ("step 1 / L", 1.0 / report.largest)):
            if method == "symmetric_gd":
                step = on_one_factor(M, mask, rank, length)
            else:
                step = on_factors(M, mask, rank, length, method == "scaled_gd")
            yield name, report.rate(length), step


def rates(n_iter):
    """Largest differences of predicted and observed rates."""
    table = Table("method      ", "choice               ", "rates predicted ", "largest difference")
    for method in ("projected_gd", "symmetric_gd", "factorized_gd", "scaled_gd", "als"):
        found = {}
        for seed in range(INSTANCES):
            rng = np.random.default_rng(seed)
            rank, symmetric = 2 + seed % 3, method == "symmetric_gd"
            n, m = (40, 40) if symmetric else (40, 30)
            U, V = factors(n, m, rank, 1.0 + seed % 4, rng)
            V = U if symmetric else V
            mask = rng.random((n, m)) < 0.6
            if symmetric:
                mask = np.triu(mask) | np.triu(mask).T
            M = U @ V.T
            report = local_convergence((U, V), np.where(mask, M, np.nan), method)
            for name, predicted, step in schemes(M, mask, rank, report, method):
                start = rng.normal(size=(2 if name == "heavy ball" else 1, n, m))
                start = start + start.transpose(0, 2, 1) if symmetric else start
                observed = shrinkage(M, start, step, n_iter)
                found.setdefault(name, []).append((predicted, abs(observed / predicted - 1.0)))
        for name, pairs in found.items():
            predicted, differences = np.transpose(pairs)
            span = f"{predicted.min():.4f} to {predicted.max():.4f}"
            table.row(method, name, span, f"{differences.max():.1e}")


def spectra():
    """Extreme eigenvalues at 2000 x 2000 beside their limits."""
    table = Table("rank", "entries / dof", "smallest ", "limit    ", "largest", "limit  ", "CPU s")
    n = 2000
    for rank, oversampling in ((5, 4), (5, 3), (5, 2), (20, 3), (40, 3)):
        rng = np.random.default_rng(0)
        freedom = rank * (2 * n - rank)
        U, V = factors(n, n, rank, 1.0, rng)
        mask = np.zeros(n * n, dtype=bool)
        mask[rng.choice(n * n, oversampling * freedom, replace=False)] = True
        X = np.where(mask.reshape(n, n), U @ V.T, np.nan)
        start = time.process_time()
        report = local_convergence((U, V), X, "projected_gd")
        seconds = time.process_time() - start
        p, q = oversampling * freedom / n**2, freedom / n**2
        low, high = ((np.sqrt(p * (1 - q)) + s * np.sqrt(q * (1 - p))) ** 2 for s in (-1, 1))
        figures = report.smallest, low, report.largest, high
        table.row(rank, oversampling, *(f"{x:.4g}" for x in figures), f"{seconds:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["rates", "spectra"])
    parser.add_argument("--iterations", type=int, default=2000)
    arguments = parser.parse_args()
    print_machine()
    if arguments.part == "rates":
        rates(arguments.iterations)
    else:
        spectra()


if __name__ == "__main__":
    main()
