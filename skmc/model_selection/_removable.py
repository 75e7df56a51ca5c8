"""Entries that can be taken out of a matrix without emptying any of its rows or columns."""

import numpy as np


def removable(order, *lines):
    """Entries that can all be removed, in the given order, while every line keeps one.

    The last entry of each line stays, unless one that stays for another reason is in the line. So
    the beginning of the result is that of `order` except where it would have emptied something.

    Parameters
    ----------
    order : ndarray of int, shape (n_entries,)
        Permutation of the entries.
    *lines : ndarrays of int, shape (n_entries,)
        For each kind of line, rows or columns say, the number of the line of each entry.

    Returns
    -------
    removable : ndarray of int
        Part of `order`, in the same order.
    """
    stays = np.zeros(order.size, dtype=bool)
    position = np.arange(order.size)
    for line in lines:
        line = line[order]
        last = np.full(line.max(initial=-1) + 1, -1)
        last[line] = position  # with repeated indices, the last assignment stays
        last[line[stays]] = -1
        stays[last[last >= 0]] = True
    return order[~stays]


def check_enough(n_found, n_wanted, n_entries, test_size):
    """Raise ValueError if fewer entries can be held out than were asked for.

    Parameters
    ----------
    n_found, n_wanted, n_entries : int
        How many can be held out, how many were asked for, and of how many.
    test_size : object
        What the user asked for, for the message.
    """
    if n_found < n_wanted:
        raise ValueError(
            f"Cannot hold out {n_wanted} of {n_entries} entries (test_size={test_size}) and keep "
            f"one in every row and column: only {n_found} can be held out here. Lower test_size."
        )


def n_held_out(test_size, n_entries):
    """Number of entries to hold out.

    Parameters
    ----------
    test_size : float or int
        Fraction below 1, rounded up, or number of entries.
    n_entries : int
        Number of all entries.

    Returns
    -------
    n_held_out : int
        The number.
    """
    return int(np.ceil(test_size * n_entries)) if test_size < 1 else int(test_size)
