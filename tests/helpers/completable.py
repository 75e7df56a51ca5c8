"""What a pattern determines, by linear algebra on all entries."""

import numpy as np


def brute_force(mask, rank, center=False):
    """Rank of the Jacobian at random factors, and which entries its null space leaves alone."""
    rng = np.random.default_rng(1)
    n, m = mask.shape
    U, V = rng.normal(size=(n, rank)), rng.normal(size=(m, rank))
    J = np.zeros((n, m, n + m, rank))
    i, j = np.indices(mask.shape)
    J[i, j, i], J[i, j, n + j] = V[j], U[i]
    J = J.reshape(n, m, -1)
    if center:
        # The entries of column j are those that its offset moves.
        J = np.concatenate([J, np.broadcast_to(np.eye(m), (n, m, m))], axis=2)
    _, s, Wt = np.linalg.svd(J[mask])
    found = np.count_nonzero(s > 1e-10 * s[0])
    change = np.linalg.norm(J @ Wt[found:].T, axis=2)
    return found, change < 1e-8 * np.linalg.norm(J, axis=2)
