"""
How fast must it converge?
==========================

Near its solution each method shrinks the error by the same factor in every iteration. The factor
follows from the pattern of holes and the solution, before a single step is made: from the extreme
eigenvalues of one operator. `skmc.diagnostics.local_convergence` computes them. Here plain
iterations, each in two lines of NumPy, are set beside what it predicts.
"""

# %%
# A matrix of rank 3
# ------------------
#
# 60 x 50, half of it observed, without noise. Singular values from 4 to 1.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skmc import ProjectedGDCompleter
from skmc.datasets import make_low_rank
from skmc.diagnostics import local_convergence
from skmc.plotting import RateDisplay

rank, n_iter = 3, 250
data = make_low_rank(
    60, 50, rank, singular_values=[4.0, 2.0, 1.0], observed=0.5, noise=0.0, random_state=0
)
P, s, Qt = np.linalg.svd(data.truth, full_matrices=False)
U, V = P[:, :rank] * np.sqrt(s[:rank]), Qt[:rank].T * np.sqrt(s[:rank])
Z, mask = U @ V.T, data.mask
X = np.where(mask, Z, np.nan)

# %%
# Plain iterations
# ----------------
#
# They start next to the solution, as it is the end of the way that is predicted.


def truncated(M):
    P, s, Qt = np.linalg.svd(M, full_matrices=False)
    return (P[:, :rank] * s[:rank]) @ Qt[:rank]


def projected_gradient(M, step):
    return truncated(M + step * np.where(mask, Z - M, 0.0))


def alternating(M):
    """Rows of U given V, then rows of V given U."""
    factor = np.linalg.svd(M, full_matrices=False)[2][:rank].T
    for transposed in (False, True):
        Y, seen = (Z.T, mask.T) if transposed else (Z, mask)
        rows = [
            np.linalg.lstsq(factor[seen[i]], Y[i, seen[i]], rcond=None)[0] for i in range(len(Y))
        ]
        left, right = np.array(rows), factor
        factor = left
    return right @ left.T


def course(iterate, start):
    """Relative errors of the iterates."""
    errors, M = [], start
    for _ in range(n_iter):
        errors.append(np.linalg.norm(M - Z) / np.linalg.norm(Z))
        if errors[-1] < 1e-13:
            break
        M = iterate(M)
    return np.array(errors)


rng = np.random.default_rng(1)
start = truncated(Z + 0.01 * Z.std() * rng.standard_normal(Z.shape))

gradient = local_convergence((U, V), X, method="projected_gd")
als = local_convergence((U, V), X, method="als")
runs = {}
for name, step in (("step 1", 1.0), ("step 1.5", 1.5), ("best step", gradient.best.step)):
    errors = course(lambda M, step=step: projected_gradient(M, step), start)
    runs[f"projected gradient, {name}"] = errors, gradient.rate(step)
runs["alternating least squares"] = course(alternating, start), als.best.rate

# %%
# Predicted and observed
# ----------------------

print(f"{'method':34}{'predicted':>11}{'observed':>10}")
for name, (errors, rate) in runs.items():
    late = errors[(errors < 1e-8) & (errors > 1e-12)]
    observed = (late[-1] / late[0]) ** (1 / (late.size - 1))
    print(f"{name:34}{rate:11.4f}{observed:10.4f}")

figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
for k, (name, (errors, rate)) in enumerate(runs.items()):
    at = np.arange(errors.size)
    ax.semilogy(at, errors, ".", color=f"C{k}", markersize=5, label=name)
    # Through a late point, as the first iterations know nothing of the limit yet.
    late = np.argmax(errors < 1e-9)
    ax.semilogy(at, errors[late] * rate ** (at - late), color=f"C{k}", linewidth=1)
ax.set(
    xlabel="iteration", ylabel="relative error", ylim=(1e-12, 0.1),
    title="observed (points) and predicted (lines)",
)  # fmt: skip
ax.grid(alpha=0.3)
ax.legend()

# %%
# The fit of a completer
# ----------------------
#
# Completers choose steps and momentum as they go. `RateDisplay` sets the changes from iteration to
# iteration of a fit beside what is predicted for the plain method and for its fastest form; the fit
# is in between.

completer = ProjectedGDCompleter(rank, center=False, scale=False, tol=1e-9).fit(X)
display = RateDisplay.from_estimator(completer, X)

# %%
# Save the pictures when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Predicted and observed rates of convergence.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "convergence_rate.png", dpi=120)
    display.figure_.savefig(output / "rate_of_a_fit.png", dpi=120)
    print(f"\nsaved {output / 'convergence_rate.png'}")
