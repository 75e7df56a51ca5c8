"""Warn of entries that a fit fills although the observed ones do not determine them."""

from dataclasses import dataclass

import numpy as np

from skmc._compat import in_cross_validation, warn
from skmc._diagnosis._enough import core_of, degrees_of_freedom, largest_rank
from skmc._diagnosis._identifiable import Identifiable
from skmc._diagnosis._motions import find_motions
from skmc._diagnosis._pattern import Pattern, is_connected
from skmc.exceptions import UndeterminedWarning

# Part of the missing entries from which on those between blocks are worth a warning in a fit with
# a penalty, which fills them by offsets.
BETWEEN = 0.01
# A component this much smaller than the largest does not count: in a fit with a penalty, and in one
# without, where small ones are real unless they are rounding.
VANISHED, NOUGHT, ROUNDING = 1e-3, 1e-5, 1e-7
NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Finding:
    """Entries that are not determined, and the lines that they are in.

    Parameters
    ----------
    number : int
        How many there are.
    reasons : list of tuple
        For each reason a text, and the rows and the columns it is about.
    bound : str
        "", or what kind of bound the number is.
    """

    number: int
    reasons: list
    bound: str = ""


def warn_of_undetermined(completer, observed, sample_weight=None, names=None):
    """Warn once of entries that a fit has filled and cannot know.

    Without a penalty all entries count that are not determined at the fitted rank, with offsets if
    they are part of the model. A penalty makes the solution unique and draws it towards the
    offsets where little is known, which is no nonsense; a fit with one warns only if the table
    falls into blocks between which it knows offsets alone, or if it is asked for the exact test.

    Parameters
    ----------
    completer : completer
        Just fitted.
    observed : ObservedMatrix
        What it was fitted to.
    sample_weight : ndarray of shape (n,), or None
        Row weights of the fit; rows of weight zero had no part in it.
    names : pair of array-likes, or None
        Names of rows and columns; None stands for numbers and names of the features.
    """
    rank = 0 if completer.check == "off" or in_cross_validation() else effective_rank(completer)
    if rank == 0:
        return
    used = observed.row_counts > 0
    if sample_weight is not None:
        used &= sample_weight > 0
    lines = np.flatnonzero(used), np.flatnonzero(completer._learned)
    if not (used.all() and completer._learned.all()):
        observed = observed.take(used, completer._learned)
    n_missing = observed.shape[0] * observed.shape[1] - observed.nnz
    if n_missing == 0:
        return
    center = bool(completer.center)
    rank = min(rank, largest_rank(*observed.shape, offsets=center))
    if rank == 0:
        return
    model = rank, rank + center
    unpenalised = (
        getattr(completer, "alpha_", 1.0) == 0 and "interpolates" not in completer._supports()
    )
    if completer.check == "exact":
        found = _by_rank(Pattern.of(observed), *model)
    elif unpenalised:
        found = _by_counts(observed, *model, "symmetric" in completer._supports())
    else:
        found = _by_blocks(observed, n_missing)
    if found is None:
        return
    if names is None:
        names = None, getattr(completer, "feature_names_in_", None)
    message = _message(completer, found, n_missing, rank, lines, names, unpenalised)
    warn(message, UndeterminedWarning)


def effective_rank(completer):
    """Number of components that are not next to nothing.

    A bound on the rank may be well above that of the solution: a penalty makes components vanish,
    and exact data leave nothing to some.
    """
    if completer.rank_ == 0:
        return 0
    # Draws tell better what stands out of what is not known.
    if getattr(completer, "effective_rank_", None) is not None:
        return completer.effective_rank_
    size = np.linalg.norm(completer.components_.astype(np.float64), axis=1)
    if getattr(completer, "alpha_", 1.0) > 0:
        # Of balanced factors the singular values are the squares.
        return int(np.count_nonzero(size**2 > VANISHED * (size**2).max()))
    # The row factors have variance 1, and columns too as a rule, in these units.
    size /= np.sqrt(completer.n_features_in_)
    return int(np.count_nonzero(size > max(NOUGHT * size.max(), ROUNDING)))


def listed(numbers, names=None, limit=10):
    """The first of many lines, by their names if they have some.

    Parameters
    ----------
    numbers : ndarray of int
        Their numbers.
    names : array-like or None
        Names of all lines.
    limit : int, default=10
        How many to list.

    Returns
    -------
    text : str
        To be shown.
    """
    shown = [str(k if names is None else names[k]) for k in numbers[:limit]]
    return ", ".join(shown) + (", ..." if len(numbers) > limit else "")


def _by_counts(observed, rank, width, symmetric):
    """What counting entries shows: too few in lines, in parts, or between lines that have enough.

    A line with fewer entries than unknowns can move by itself, and says nothing about others.
    """
    enough = observed.row_counts.min() >= rank and observed.column_counts.min() >= width
    if enough and is_connected(observed):
        return _by_freedom(observed.nnz, observed.shape, rank, width, symmetric)
    pattern = Pattern.of(observed)
    rows, columns = core_of(pattern, (rank, width))
    core = pattern.take(rows, columns)
    sizes, parts = _parts(core)
    known = int((sizes[:, 0] * sizes[:, 1]).sum())
    number = np.prod(observed.shape) - observed.nnz - (known - core.nnz)
    reasons = []
    if not (rows.all() and columns.all()):
        what = (
            f"too few entries (less than {rank} in a row or {width} in a column, where those in "
            "other such lines do not count) in"
        )
        # Lines that are full have nothing to be filled.
        holed = (c < size for c, size in zip(pattern.counts, observed.shape[::-1], strict=True))
        lines = zip((rows, columns), holed, strict=True)
        reasons.append((what, *(np.flatnonzero(~kept & open_) for kept, open_ in lines)))
    if len(sizes) > 1:
        reasons.append((_apart(len(sizes)), *_outside_largest(core, sizes, parts, rows, columns)))
    if reasons:
        return Finding(int(number), reasons, "at least ") if number else None
    return _by_freedom(core.nnz, core.shape, rank, width, symmetric)


def _by_freedom(nnz, shape, rank, width, symmetric):
    """Whether there are fewer entries than degrees of freedom, which a mirror image has not."""
    freedom = degrees_of_freedom(rank, *shape, offsets=width > rank)
    if symmetric or nnz >= freedom:
        return None
    what = (
        f"there are {nnz} observed entries for {freedom} degrees of freedom, which check='exact' "
        "looks into"
    )
    return Finding(1, [(what, NOTHING, NOTHING)], "at least ")


def _by_blocks(observed, n_missing):
    """Whether the table falls into blocks: parts with more entries than a tree would have.

    A few entries by themselves, as sparse tables have them, are no block.
    """
    if is_connected(observed):
        return None
    pattern = Pattern.of(observed)
    sizes, parts = _parts(pattern)
    blocks = sizes[:, 2] >= sizes[:, 0] + sizes[:, 1]
    between = sizes[blocks, 0].sum() * sizes[blocks, 1].sum()
    between -= (sizes[blocks, 0] * sizes[blocks, 1]).sum()
    if between <= BETWEEN * n_missing:
        return None
    rows, columns = (blocks[part] for part in parts)
    block = pattern.take(rows, columns)
    sizes, parts = _parts(block)
    reason = _apart(len(sizes)), *_outside_largest(block, sizes, parts, rows, columns)
    return Finding(int(between), [reason])


def _parts(pattern):
    """Rows, columns and entries of each connected part; number of the part of each line."""
    parts = pattern.components
    n_parts = max(int(part.max(initial=-1)) for part in parts) + 1
    lines = *parts, parts[0][pattern.rows]
    return np.stack([np.bincount(x, minlength=n_parts) for x in lines], axis=1), parts


def _outside_largest(pattern, sizes, parts, rows, columns):
    """Lines of all parts but the one with most entries, by their numbers in the whole table."""
    largest = sizes[:, 2].argmax()
    return tuple(
        np.flatnonzero(kept)[part != largest]
        for kept, part in zip((rows, columns), parts, strict=True)
    )


def _apart(number):
    return f"the table falls into {number} parts that share no row and no column; all but one have"


def _by_rank(pattern, rank, width):
    """What the generic rank of the pattern shows, entry by entry."""
    motions = find_motions(pattern, rank, offsets=width > rank)
    identifiable = Identifiable(pattern, motions)
    bound = "" if motions.decided else "at most "
    free = identifiable._free_counts()
    if free is None:
        fraction = 1.0 - identifiable._sampled_fraction()
        if fraction == 0:
            return None
        number = round(fraction * np.prod(pattern.shape, dtype=np.float64))
        return Finding(number, [("this is from a sample", NOTHING, NOTHING)], bound or "about ")
    if not free[0].any():
        return None
    n, m = pattern.shape
    lost = [
        (f == size - c) & (f > 0) for f, size, c in zip(free, (m, n), pattern.counts, strict=True)
    ]
    reasons = []
    if any(x.any() for x in lost):
        what = "none of the missing entries is determined in"
        reasons.append((what, *(np.flatnonzero(x) for x in lost)))
    # What is free in other lines, without the holes that they have in those.
    seen = ~lost[0][pattern.rows] & ~lost[1][pattern.columns]
    kept = pattern.rows[seen], pattern.columns[seen]
    others = []
    for axis in (0, 1):
        inside = np.bincount(kept[axis], minlength=pattern.shape[axis])
        crossed = np.count_nonzero(lost[1 - axis]) - (pattern.counts[axis] - inside)
        others.append(np.flatnonzero(~lost[axis] & (free[axis] > crossed)))
    if others[0].size:
        reasons.append(("some of the missing entries are not determined in", *others))
    return Finding(int(free[0].sum()), reasons, bound)


def _message(completer, found, n_missing, rank, lines, names, unpenalised):
    """All of it in words."""
    offsets = {False: "", True: " with column offsets", "both": " with offsets"}[completer.center]
    if unpenalised:
        fate = "other values would fit as well"
        advice = (
            "Observe more there or leave these rows and columns out, lower the rank, or fit with a "
            "penalty, as ALSCompleter does by default."
        )
    else:
        fate = "the penalty and the offsets decide"
        advice = (
            "Observe more in these rows and columns, fit parts one by one, or take what is filled "
            "in for the guess that it is."
        )
    reasons = ". ".join(_reason(what, numbers, lines, names) for what, *numbers in found.reasons)
    return (
        f"{type(completer).__name__} fills {found.bound}{found.number} of {n_missing} missing "
        f"entries that the observed ones do not determine at rank {rank}{offsets}; "
        f"{fate}. {reasons}. {advice} skmc.diagnostics.completability tells of each entry; "
        "check='off' silences this."
    )


def _reason(what, numbers, lines, names):
    parts = [
        f"{at.size} {kind}: {listed(line[at], label)}"
        for kind, at, line, label in zip(
            ("row(s)", "column(s)"), numbers, lines, names, strict=True
        )
        if at.size
    ]
    return f"{what[0].upper()}{what[1:]}" + (f" {'; '.join(parts)}" if parts else "")
