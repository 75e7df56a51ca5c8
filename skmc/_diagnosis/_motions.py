"""Changes of random factors that no observed entry sees: what a pattern leaves free."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from skmc._factors import Factors
from skmc._memory import check_fits
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc._tangent import TangentSystem, conjugate_gradients
from skmc.solvers._peeling import peel

# Independent motions; with one, an entry that is free could stand still by chance.
DRAWS = 2
# A change of this size, relative to its two parts, is rounding.
STILL = 1e-7
# Unknowns, and elements of the Jacobian, up to which its singular values are computed.
DENSE_UNKNOWNS, DENSE_ELEMENTS = 600, 1 << 24
# Multiply-adds that conjugate gradients may take for one motion, and their accuracy.
WORK, ACCURACY = 3e9, 1e-11
# Steps that they may take in any case, and at most.
MIN_STEPS, MAX_STEPS = 100, 20_000
# Motions drawn at most to count the dimensions of their space.
COUNTED = 32
# Refinements of the lines that are taken for fixed.
REFITS = 20


@dataclass(frozen=True, eq=False)
class Motions:
    """Random null vectors (A, B) of the map from (U, V) to the entries of U V' on Omega.

    Those that only change the factors, A = U G and B = -V G', are taken out where possible.

    Parameters
    ----------
    U, V : ndarrays, shapes (n, r) and (m, r)
        The random factors.
    A, B : ndarrays, shapes (n, q, r) and (m, q, r)
        The motions.
    rank : int
        Rank of the map, or a lower bound.
    decided : bool
        Whether the rank, and what moves, are sure up to rounding.
    """

    U: np.ndarray
    V: np.ndarray
    A: np.ndarray
    B: np.ndarray
    rank: int
    decided: bool

    def is_still(self, rows, columns):
        """Whether the entries at some positions change in none of the motions."""
        U, V, A, B = self.U[rows], self.V[columns], self.A[rows], self.B[columns]
        change = np.einsum("ik,iqk->iq", U, B) + np.einsum("iqk,ik->iq", A, V)
        scale = np.linalg.norm(U, axis=1)[:, None] * np.linalg.norm(B, axis=2)
        scale += np.linalg.norm(A, axis=2) * np.linalg.norm(V, axis=1)[:, None]
        return (np.abs(change) <= STILL * scale).all(axis=1)

    def still_block(self, rows, columns):
        """Whether each entry of a submatrix changes in none of the motions, as a matrix."""
        U, V = self.U[rows], self.V[columns]
        u, v = np.linalg.norm(U, axis=1), np.linalg.norm(V, axis=1)
        still = np.ones((U.shape[0], V.shape[0]), bool)
        for q in range(self.A.shape[1]):
            A, B = self.A[rows, q], self.B[columns, q]
            a, b = np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=1)
            still &= np.abs(U @ B.T + A @ V.T) <= STILL * (np.outer(u, b) + np.outer(a, v))
        return still

    @property
    def fixed(self):
        """Rows and columns whose factors stand still in all motions."""
        return tuple(~F.any(axis=(1, 2)) for F in (self.A, self.B))


def find_motions(pattern, rank, *, offsets=False, seed=0):
    """Random motions of a pattern at a rank.

    Lines with no more entries than `rank` add as many to the rank of the map as they have entries,
    whatever the others do (they come in generic position), so they are taken out first and follow
    the others afterwards. For what is left, the motions come from a singular value decomposition
    of the map or, if that is large, from conjugate gradients in the coordinates of alternating
    least squares: a random vector less what the map sees of it.

    With offsets of the columns, mu_j + u_i . v_j is a product of rank r + 1 in which each row has a
    last factor of 1 that does not move. Rows keep r unknowns then, and columns have r + 1.

    Parameters
    ----------
    pattern : Pattern
        The observed positions.
    rank : int
        Rank r, at most min(n, m).
    offsets : bool, default=False
        Whether columns have offsets.
    seed : int, default=0
        Seed of the random factors.
    """
    if rank == 1 and not offsets:
        return _motions_of_components(pattern, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    n, m = pattern.shape
    unknowns = rank, rank + offsets
    U, V = (rng.standard_normal((size, unknowns[1])) for size in (n, m))
    U[:, rank:] = 1.0
    ones = np.ones(n, bool), np.ones(m, bool)
    (rows, columns), _, order = peel(pattern, ones, unknowns)
    core = pattern.take(rows, columns)
    found, core_rank, decided = _core_motions(core, U[rows], V[columns], rank, rng)
    A, B = (np.zeros((size, DRAWS, unknowns[1])) for size in (n, m))
    A[rows], B[columns] = found
    peeled = _extend(pattern, (U, V), (A, B), unknowns, order, rng)
    return Motions(U, V, A, B, int(core_rank + peeled), bool(decided))


def _motions_of_components(pattern, rng):
    """At rank 1 each connected component is scaled by itself."""
    labels = pattern.components
    n_components = max(part.max() for part in labels) + 1
    largest = np.bincount(np.concatenate(labels)).argmax()
    t = rng.standard_normal((n_components, DRAWS, 1))
    t -= t[largest]
    ones = (np.ones((size, 1)) for size in pattern.shape)
    return Motions(*ones, t[labels[0]], -t[labels[1]], int(sum(pattern.shape) - n_components), True)


def _core_motions(core, U, V, rank, rng):
    """Motions of the part in which each line has more entries than unknowns, and their rank.

    Its connected components move by themselves; all but the largest one turn besides.
    """
    width = U.shape[1]
    A, B = (np.zeros((F.shape[0], DRAWS, width)) for F in (U, V))
    found_rank, decided = 0, True
    if core.nnz == 0:
        return (A, B), found_rank, decided
    labels = core.components
    sizes = np.bincount(np.concatenate(labels))
    for number in range(sizes.size):
        rows, columns = (part == number for part in labels)
        part = core if sizes.size == 1 else core.take(rows, columns)
        left, right = U[rows], V[columns]
        found, own_rank, sure = _component_motions(part, left, right, rank, rng)
        if number != sizes.argmax():
            G = rng.standard_normal((DRAWS, width, width))
            G[:, :, rank:] = 0.0
            turns = np.einsum("ik,qkl->iql", left, G), -np.einsum("ik,qlk->iql", right, G)
            found = tuple(x + turn for x, turn in zip(found, turns, strict=True))
        A[rows], B[columns] = found
        found_rank, decided = found_rank + own_rank, decided and sure
    return (A, B), found_rank, decided


def _component_motions(core, U, V, rank, rng):
    unknowns = rank * core.shape[0] + V.shape[1] * core.shape[1]
    if unknowns <= DENSE_UNKNOWNS and unknowns * core.nnz <= DENSE_ELEMENTS:
        null = _null_space(core, U, V, rank)
        motions = _split(null @ rng.standard_normal((null.shape[1], DRAWS)), U, V)
        return _without_gauge(U, V, *motions, rank)[:2], unknowns - null.shape[1], True
    return _iterative_motions(core, U, V, rank, rng)


def _null_space(core, U, V, rank):
    (n, m), r, K = core.shape, U.shape[1], core.nnz
    J = np.zeros((max(K, r * (n + m)), r * (n + m)))
    entry, k = np.arange(K)[:, None], np.arange(r)
    J[entry, r * core.rows[:, None] + k] = V[core.columns]
    J[entry, r * (n + core.columns)[:, None] + k] = U[core.rows]
    free = np.ones((n + m, r), bool)
    free[:n, rank:] = False
    free = free.ravel()
    J = J[:, free]
    R = linalg.qr(J, mode="r", check_finite=False)[0][: J.shape[1]]
    _, s, Wt = linalg.svd(R, check_finite=False)
    Wt = Wt[np.count_nonzero(s > 1e-11 * s[0]) :]
    null = np.zeros((free.size, Wt.shape[0]))
    null[free] = Wt.T
    return null


def _split(drawn, U, V):
    q, (n, r), m = drawn.shape[1], U.shape, V.shape[0]
    parts = drawn.T.reshape(q, n + m, r).swapaxes(0, 1)
    return parts[:n].copy(), parts[n:].copy()


def _iterative_motions(core, U, V, rank, rng):
    (n, m), r, width = core.shape, rank, U.shape[1]
    # The Gram matrices of all lines, their triangles and the inverses.
    needed = 24 * sum(core.shape) * r * r
    check_fits(needed, f"A {r} x {r} matrix for each row and column", "Ask about a lower rank.")
    observed = core.observed()
    offsets = OffsetModel(observed, "none" if width == r else "column")
    problem = CompletionProblem(observed, r, 0.0, offsets)
    system = TangentSystem(problem, Factors(U[:, :r].copy(), V[:, :r].copy()))
    work = 6 * r * core.nnz + 3 * r * r * sum(core.shape)
    max_iter = int(np.clip(WORK / work, MIN_STEPS, MAX_STEPS))

    def draw():
        z = tuple(rng.standard_normal((size, r)) for size in (n, m))
        x, n_iter = conjugate_gradients(system.matvec, system.matvec(z), ACCURACY, max_iter)
        A, B = system.step(tuple(a - b for a, b in zip(z, x, strict=True)))
        if offsets.has_columns:
            # What the factors change in a column, its offset takes back.
            _, back = offsets.project(system.change((A, B)))
            A, B = np.pad(A, ((0, 0), (0, 1))), np.column_stack([B, -back.columns])
        return (A, B), n_iter < max_iter

    A, B, decided = _stacked(draw, DRAWS)
    A, B, still = _without_gauge(U, V, A, B, r)
    first, free = (A, B), 0
    # Other draws show how many dimensions the motions have: fewer than there are draws.
    while decided and not (still is not None and still.all()):
        both = np.concatenate([A, B]).swapaxes(0, 1).reshape(A.shape[1], -1)
        s = np.linalg.svd(both, compute_uv=False)
        free = np.count_nonzero(s > 1e-6 * s[0])
        if free < A.shape[1] or free >= COUNTED:
            decided = free < A.shape[1]
            break
        more_A, more_B, decided = _stacked(draw, A.shape[1])
        if still is not None:
            more_A, more_B, _ = _without_gauge(U, V, more_A, more_B, r, still)
        A, B = np.hstack([A, more_A]), np.hstack([B, more_B])
    gauge, unknowns = 0 if still is None else r * width, r * n + width * m
    if not decided:
        # A line that moves may do so in any direction, for all that is known.
        free = width * np.count_nonzero(~still) if still is not None else unknowns
    return first, max(unknowns - free - gauge, 0), decided


def _stacked(draw, number):
    """So many motions, and whether all are exact."""
    steps, settled = zip(*(draw() for _ in range(number)), strict=True)
    return *(np.stack(parts, axis=1) for parts in zip(*steps, strict=True)), all(settled)


def _without_gauge(U, V, A, B, rank, kept=None):
    """The motions less those of the factors alone, and the lines that stand still then.

    What is taken out is what most of the lines agree on, so that these stand still exactly, or
    those in the boolean array `kept`. If there are none, the motions stay and None is returned.
    """
    size = np.concatenate([np.linalg.norm(F, axis=1) for F in (U, V)])
    refits = REFITS if kept is None else 1
    first = np.ones(size.size, bool) if kept is None else kept
    found, still = [], np.ones(size.size, bool)
    for q in range(A.shape[1]):
        kept = first
        for _ in range(refits):
            G = _gauge(U, V, A[:, q], B[:, q], rank, kept)
            left = np.concatenate([A[:, q] - U @ G, B[:, q] + V @ G.T])
            relative = np.linalg.norm(left, axis=1) / size
            fixed = relative <= 1e-6 * np.linalg.norm(G)
            if fixed[kept].all():
                break
            kept = relative <= np.median(relative)
        found.append(left)
        still &= fixed
    if np.count_nonzero(still) < 2 * U.shape[1]:
        return A, B, None
    found = np.stack(found, axis=1)
    found[still] = 0.0
    return found[: len(U)], found[len(U) :], still


def _gauge(U, V, A, B, rank, kept):
    rows, columns = kept[: len(U)], kept[len(U) :]
    U, V, B = U[rows], V[columns], B[columns]
    # The factor of a row that is always 1 stays so.
    A, W = A[rows, :rank], V[:, :rank]
    jitter = 1e-13 * (np.vdot(U, U) + np.vdot(V, V))
    left, right = (F.T @ F + jitter * np.eye(F.shape[1]) for F in (U, W))
    G = linalg.solve_sylvester(left, right, U.T @ A - B.T @ W)
    return np.pad(G, ((0, 0), (0, U.shape[1] - rank)))


def _extend(pattern, factors, motions, unknowns, order, rng):
    """Let the lines that were taken out follow, the last ones first; returns the rank they add."""
    index = pattern.rows, pattern.columns
    ages = [np.full(size, len(order)) for size in pattern.shape]
    for age, (taken, axis) in enumerate(order):
        ages[axis][taken] = age
    # An entry belongs to the line of it that was taken out first.
    age = np.minimum(ages[0][index[0]], ages[1][index[1]])
    by_age = np.argsort(age, kind="stable")
    ends = np.searchsorted(age[by_age], np.arange(len(order) + 1))
    for t in reversed(range(len(order))):
        taken, axis = order[t]
        entries = by_age[ends[t] : ends[t + 1]]
        _follow(
            taken, index[axis][entries], index[1 - axis][entries],
            factors[axis], factors[1 - axis], motions[axis], motions[1 - axis], unknowns[axis], rng,
        )  # fmt: skip
    return int(ends[len(order)])


def _follow(lines, own, other, F, others, moves, others_moves, r, rng):
    """Random motions of lines such that their entries with others that move stand still."""
    by_line = np.argsort(own, kind="stable")
    own, other = own[by_line], other[by_line]
    counts = np.searchsorted(own, lines, side="right") - np.searchsorted(own, lines)
    starts = np.cumsum(counts) - counts
    for d in np.unique(counts):
        chosen = lines[counts == d]
        neighbours = other[starts[counts == d][:, None] + np.arange(d)]
        free = rng.standard_normal((chosen.size, r, moves.shape[1])) * (d < r)
        C = others[neighbours][:, :, :r]
        wanted = -np.einsum("ltqk,lk->ltq", others_moves[neighbours], F[chosen])
        if d == r:
            found = np.linalg.solve(C, wanted)
        else:
            found = free + np.linalg.pinv(C) @ (wanted - C @ free)
        moves[chosen, :, :r] = found.swapaxes(1, 2)
