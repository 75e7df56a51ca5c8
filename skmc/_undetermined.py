"""Warn of entries that a fit fills although the observed ones do not determine them."""

from dataclasses import dataclass

import numpy as np

from skmc._compat import in_cross_validation, warn
from skmc._diagnosis._enough import Part, degrees_of_freedom, largest_rank
from skmc._diagnosis._identifiable import Identifiable, lost_lines
from skmc._diagnosis._motions import find_motions
from skmc._diagnosis._pattern import Pattern
from skmc._listing import listed
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
    exact = completer.check == "exact"
    if completer.check == "off" or (not exact and in_cross_validation()):
        return
    rank = effective_rank(completer)
    if rank == 0:
        return
    used = observed.row_counts > 0
    if sample_weight is not None:
        used &= sample_weight > 0
    table = Part.of(observed, (used, completer._learned))
    n_missing = table.shape[0] * table.shape[1] - table.nnz
    center, supports = bool(completer.center), completer._supports()
    if "non_negative" in supports:
        table = _with_positive(table)
    rank = min(rank, largest_rank(*table.shape, offsets=center))
    if n_missing == 0 or rank == 0:
        return
    unpenalised = getattr(completer, "alpha_", 1.0) == 0 and "interpolates" not in supports
    try:
        if exact:
            found = _by_rank(table, rank, rank + center)
        elif unpenalised:
            found = _by_counts(table, rank, rank + center, "symmetric" in supports)
        else:
            found = _by_blocks(table, n_missing)
    except MemoryError as error:
        message = f"{_unchecked(completer, rank)}: {error}"
    else:
        if found is None:
            return
        if names is None:
            names = None, getattr(completer, "feature_names_in_", None)
        message = _message(completer, found, n_missing, rank, names, unpenalised)
    warn(message, UndeterminedWarning)


def _with_positive(table):
    """The part of a table without negative entries whose lines have one above zero.

    The sign decides that all else is zero in the other lines, which say nothing of those they
    cross.
    """
    observed = table.table
    sums = observed.row_sums(observed.values), observed.column_sums(observed.values)
    lines = [inside & (total > 0) for inside, total in zip(table.lines, sums, strict=True)]
    return Part.of(observed, lines)


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


def _by_counts(table, rank, width, symmetric):
    """What counting entries shows: too few in lines, in parts, or between lines that have enough.

    A line with fewer entries than unknowns can move by itself, and says nothing about others.
    """
    core = table.core((rank, width))
    sizes, parts = _parts(core)
    known = int((sizes[:, 0] * sizes[:, 1]).sum())
    shape = table.shape
    number = shape[0] * shape[1] - table.nnz - (known - core.nnz)
    reasons = []
    if core.shape != shape:
        what = (
            f"too few entries (less than {rank} in a row or {width} in a column, where those in "
            "other such lines do not count) in"
        )
        # Lines that are full have nothing to be filled.
        lines = zip(table.lines, core.lines, table.counts, shape[::-1], strict=True)
        reasons.append((what, *(np.flatnonzero(a & ~b & (c < k)) for a, b, c, k in lines)))
    if len(sizes) > 1:
        reasons.append((_apart(len(sizes)), *_outside_largest(sizes, parts)))
    if reasons:
        return Finding(number, reasons, "at least ") if number else None
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


def _by_blocks(table, n_missing):
    """Whether the table falls into blocks: parts with more entries than a tree would have.

    A few entries by themselves, as sparse tables have them, are no block.
    """
    sizes, parts = _parts(table)
    blocks = sizes[:, 2] >= sizes[:, 0] + sizes[:, 1]
    sizes = sizes * blocks[:, None]
    between = sizes[:, 0].sum() * sizes[:, 1].sum() - (sizes[:, 0] * sizes[:, 1]).sum()
    if between <= BETWEEN * n_missing:
        return None
    parts = [np.where(blocks[part], part, -1) for part in parts]
    reason = _apart(np.count_nonzero(blocks)), *_outside_largest(sizes, parts)
    return Finding(int(between), [reason])


def _parts(table):
    """Rows, columns and entries of each connected part; number of the part of each line, or -1."""
    parts = table.components()
    numbers = [part[inside] for part, inside in zip(parts, table.lines, strict=True)]
    n_parts = max(number.max(initial=-1) for number in numbers) + 1
    sizes = [np.bincount(number, minlength=n_parts) for number in numbers]
    entries = np.bincount(numbers[0], table.counts[0][table.lines[0]], minlength=n_parts)
    return np.stack([*sizes, entries.astype(np.int64)], axis=1), parts


def _outside_largest(sizes, parts):
    """Lines of all parts but the one with most entries."""
    largest = sizes[:, 2].argmax()
    return tuple(np.flatnonzero((part >= 0) & (part != largest)) for part in parts)


def _apart(number):
    return f"the table falls into {number} parts that share no row and no column; all but one have"


def _by_rank(table, rank, width):
    """What the generic rank of the pattern shows, entry by entry."""
    pattern = Pattern.of(table.table).take(*table.lines)
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
    numbers = [np.flatnonzero(inside) for inside in table.lines]
    lost = lost_lines(free, pattern.counts)
    reasons = []
    if any(at.size for at in lost):
        what = "none of the missing entries is determined in"
        reasons.append((what, *(n[at] for n, at in zip(numbers, lost, strict=True))))
    # What is free in other lines, without the holes that they have in those.
    kept = [np.ones(size, bool) for size in pattern.shape]
    for inside, at in zip(kept, lost, strict=True):
        inside[at] = False
    counts = Part.of(pattern, kept).counts
    others = []
    for axis in (0, 1):
        crossed = lost[1 - axis].size - (pattern.counts[axis] - counts[axis])
        others.append(numbers[axis][kept[axis] & (free[axis] > crossed)])
    if others[0].size:
        reasons.append(("some of the missing entries are not determined in", *others))
    return Finding(int(free[0].sum()), reasons, bound)


def _unchecked(completer, rank):
    """What is said in place of a finding."""
    return (
        f"{type(completer).__name__} could not check which missing entries the observed ones "
        f"determine at rank {rank}"
    )


def _message(completer, found, n_missing, rank, names, unpenalised):
    """All of it in words."""
    offsets = {False: "", True: " with column offsets", "both": " with offsets"}[completer.center]
    signs = "non_negative" in completer._supports()
    if unpenalised:
        fate = "other values would fit as well" + (", where signs leave room" if signs else "")
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
    reasons = ". ".join(_reason(what, numbers, names) for what, *numbers in found.reasons)
    return (
        f"{type(completer).__name__} fills {found.bound}{found.number} of {n_missing} missing "
        f"entries that the observed ones do not determine at rank {rank}{offsets}"
        f"{' without the signs' if signs else ''}; "
        f"{fate}. {reasons}. {advice} skmc.diagnostics.completability tells of each entry; "
        "check='off' silences this."
    )


def _reason(what, numbers, names):
    parts = [
        f"{at.size} {kind}: {listed(at, label)}"
        for kind, at, label in zip(("row(s)", "column(s)"), numbers, names, strict=True)
        if at.size
    ]
    return f"{what[0].upper()}{what[1:]}" + (f" {'; '.join(parts)}" if parts else "")
