"""What completers that choose by cross-validation over entries have in common."""

from abc import abstractmethod
from dataclasses import replace
from numbers import Integral, Real

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval
from skmc._search import entry_folds


class PathCV(BaseCompleter):
    """Base of the completers with a path: a subclass follows it and reads off what to fit."""

    # The path starts where it must, and is the warm start.
    init = "svd"
    warm_start = False

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **{
            name: allowed
            for name, allowed in BaseCompleter._parameter_constraints.items()
            if name not in ("init", "warm_start")
        },
        "alphas": ["array-like", None],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "n_alphas": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "one_standard_error": ["boolean"],
    }

    @abstractmethod
    def _choose(self, folds, alphas, largest_rank):
        """Follow the path over the folds, and return the Plan of what is best."""

    def _rank_and_alpha(self):
        raise NotImplementedError  # the plan has both

    def _plan(self, observed, sample_weight, training):
        problem = training.pose()
        largest_rank = problem.largest_rank
        alphas = self._grid(problem, training.units)
        del problem  # as large as the data
        folds = self._folds(observed, sample_weight, self._splits(observed, sample_weight))
        plan = self._choose(folds, alphas, largest_rank)
        # Where no entry can be held out, none says anything about another.
        return plan if folds else replace(plan, rank=0)

    def _grid(self, problem, units):
        """Penalties in user units, decreasing."""
        if self.alphas is None:
            # Where there is nothing but offsets any penalty will do.
            largest = problem.alpha_max() * units.common or 1.0
            return largest * np.geomspace(1.0, self.eps, self.n_alphas)
        alphas = _numbers(self.alphas)
        if not alphas.size or not (np.isfinite(alphas) & (alphas > 0)).all():
            raise ValueError(
                "alphas must be a 1-D array of positive, finite numbers, or None for a grid from "
                f"the data; got {self.alphas!r}."
            )
        return np.sort(alphas)[::-1]

    def _splits(self, observed, sample_weight):
        """Positions of training and held-out entries of each fold."""
        if self.cv is None or isinstance(self.cv, Integral):
            return entry_folds(
                observed, self.cv or 5, self.random_state, sample_weight=sample_weight
            )
        splits = self.cv
        if hasattr(self.cv, "split"):
            splits = self.cv.split(np.column_stack(observed.rows_and_columns()))
        checked = [self._check_split(split, observed.nnz) for split in splits]
        if not checked:
            raise ValueError("cv gives no folds.")
        return checked

    @staticmethod
    def _check_split(split, nnz):
        parts = list(split) if np.iterable(split) else []
        if len(parts) != 2 or any(np.ndim(part) != 1 for part in parts):
            raise ValueError(
                "cv must give pairs (train, test) of 1-D arrays with positions of observed entries."
            )
        train, test = (np.asarray(part) for part in parts)
        for name, part in (("training", train), ("test", test)):
            if part.size == 0 or part.dtype.kind not in "iu" or part.min() < 0 or part.max() >= nnz:
                raise ValueError(
                    f"cv must give positions among the {nnz} observed entries, numbered row by row "
                    f"from 0; the {name} part of a fold is "
                    + ("empty." if part.size == 0 else f"{part!r}.")
                )
        if np.isin(test, train).any():
            raise ValueError(
                f"{np.count_nonzero(np.isin(test, train))} entries are in both parts of a fold of "
                "cv, which would make its score meaningless."
            )
        return train, test


def _numbers(values):
    """1-D array of float64, empty if the values are no such thing."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)
    return array if array.ndim == 1 else np.empty(0)
