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
        names : sequence of str, or None
            Names of the columns, for messages.

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
    _check_labels(name, value, names)
    bound = np.asarray(none if value is None else value, dtype=np.float64)
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


def _check_labels(name, value, names):
    """Raise ValueError if a series of pandas has other labels than the columns, or another order.

    One that is numbered from 0 has none.
    """
    if names is None or not hasattr(value, "iloc") or len(value) != len(names):
        return
    labels = list(value.index)
    other = [j for j, label in enumerate(labels) if label != names[j]]
    if other and labels != list(range(len(names))):
        raise ValueError(
            f"{name} is a series whose labels are not the columns of X in their order: at "
            f"{len(other)} of {len(names)} places, the first {_name(other[0], names)}, where it "
            f"has {labels[other[0]]!r}. Pass {name}.reindex(X.columns)."
        )


def _name(j, names):
    return f"column {j}" if names is None else f"column {j} ({names[j]!r})"
