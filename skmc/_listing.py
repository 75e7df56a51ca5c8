"""Name the first of many rows or columns."""


def listed(numbers, names=None, limit=10):
    """The first of many lines, by their names if they have some.

    Parameters
    ----------
    numbers : ndarray
        Their numbers.
    names : array-like or None, default=None
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
