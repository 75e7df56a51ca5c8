"""Bounds of predictions, in the user's units."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Bounds:
    """What the predictions in each column are clipped to.

    Parameters
    ----------
    low, high : ndarrays of float64, shape (m,)
        Bounds of each column, infinite for none.
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, min_value, max_value, n_columns, names=None):
        """Validate bounds as a user gives them.

        Parameters
        ----------
        min_value, max_value : float, array-like of shape (n_columns,), or None
            The bounds.
        n_columns : int
            Number m of columns.
        names : sequence, or None
            Names or labels of the columns, for messages.

        Returns
        -------
        bounds : Bounds or None
            None where there is nothing to clip.
        """
        if min_value is None and max_value is None:
            return None
        low = _of_columns("min_value", min_value, -np.inf, n_columns, names)
        high = _of_columns("max_value", max_value, np.inf, n_columns, names)
        wrong = np.flatnonzero(~(low < high))
        if wrong.size:
            j = wrong[0]
            raise ValueError(
                f"min_value must be less than max_value; in {wrong.size} of {n_columns} column(s) "
                f"it is not, the first {_name(j, names)}, where they are {low[j]:g} and "
                f"{high[j]:g}. If they are swapped, swap them back."
            )
        return cls(low, high)

    def clip(self, values, columns=None):
        """Clip predictions to the bounds.

        Parameters
        ----------
        values : ndarray, shape (k,), (n, m) or (n, k)
            Predictions; NaN stays NaN.
        columns : ndarray of int of the shape of `values`, or None
            Their columns; -1 stands for one that is unknown, and has the widest bounds of all.
            None: the values are rows of all columns.

        Returns
        -------
        clipped : ndarray of the shape and type of `values`
            Values within the bounds.
        """
        low, high = self.low, self.high
        if columns is not None:
            known = columns >= 0
            low = np.where(known, low[columns], low.min(initial=np.inf))
            high = np.where(known, high[columns], high.max(initial=-np.inf))
        # A bound that single precision cannot hold is none.
        with np.errstate(over="ignore"):
            low, high = low.astype(values.dtype), high.astype(values.dtype)
        return np.clip(values, low, high)


def _of_columns(name, value, none, n_columns, names):
    try:
        bound = np.asarray(none if value is None else value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be a number, None, or hold one number for each of the {n_columns} "
            f"columns, in their order; got a {type(value).__name__} that holds something else. "
            f"Write {none:g} where there is no bound."
        ) from error
    if bound.ndim and bound.shape != (n_columns,):
        raise ValueError(
            f"{name} must be a number, None, or hold one number for each of the {n_columns} "
            f"columns; its shape is {bound.shape}."
        )
    bound = np.broadcast_to(bound, (n_columns,))
    nan = np.flatnonzero(np.isnan(bound))
    if nan.size:
        raise ValueError(
            f"{name} is NaN for {nan.size} column(s), the first {_name(nan[0], names)}. Write "
            f"{none:g} where there is no bound."
        )
    return bound


def check_labels(name, value, n_columns, names):
    """Raise ValueError if a series of pandas has other labels than the columns, or another order.

    One that is numbered from 0 has none.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Its value, of which series with a label for each column are looked at.
    n_columns : int
        Number m of columns.
    names : sequence, or None
        Names or labels of the columns.
    """
    if not hasattr(value, "iloc") or len(value) != n_columns:
        return
    labels = list(value.index)
    if labels == list(range(n_columns)):
        return
    if names is None:
        raise ValueError(
            f"{name} is a series with labels, the first {labels[0]!r}, and the columns have no "
            f"names that these could be compared with. Pass {name}.to_numpy() if it is in the "
            "order of the columns, or X as a data frame whose columns have strings for names."
        )
    if isinstance(names, np.ndarray) and names.dtype.kind not in "mM":
        # Of Python's types, as numbers of NumPy compare with the items of a tuple.
        names = names.tolist()
    other = [j for j, label in enumerate(labels) if label != names[j]]
    if other:
        raise ValueError(
            f"{name} is a series whose labels are not the columns of X in their order: at "
            f"{len(other)} of {n_columns} places, the first {_name(other[0], names)}, where it "
            f"has {labels[other[0]]!r}. Pass {name}.reindex(X.columns), or {name}.sort_index() to "
            "an EntryRegressor, whose columns are in the order of their labels."
        )


def _name(j, names):
    if names is None or str(names[j]) == str(j):
        return f"column {j}"
    label = repr(str(names[j])) if isinstance(names[j], str) else names[j]
    return f"column {j} ({label})"
