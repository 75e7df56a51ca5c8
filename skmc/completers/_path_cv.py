"""What completers that choose by cross-validation over entries have in common."""

from abc import abstractmethod
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
        **BaseCompleter._parameter_constraints,
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
        return self._choose(folds, alphas, largest_rank)

    def _grid(self, problem, units):
        """Penalties in user units, decreasing."""
        if self.alphas is None:
            largest = problem.alpha_max() * units.common
            return largest * np.geomspace(1.0, self.eps, self.n_alphas)
        alphas = np.asarray(self.alphas, dtype=np.float64)
        if alphas.ndim != 1 or not alphas.size or not (np.isfinite(alphas) & (alphas > 0)).all():
            raise ValueError(
                "alphas must be a 1-D array of positive, finite numbers, or None for a grid from "
                f"the data; got {self.alphas!r}."
            )
        return np.sort(alphas)[::-1]

    def _splits(self, observed, sample_weight):
        """Positions of training and held-out entries of each fold."""
        if self.cv is None or isinstance(self.cv, Integral):
            splits = entry_folds(
                observed, self.cv or 5, self.random_state, sample_weight=sample_weight
            )
            if not splits:
                raise ValueError(
                    f"None of the {observed.nnz} observed entries can be held out: each is the "
                    f"only one of its row or column (n_samples={observed.shape[0]}). Choose the "
                    "penalty without cross-validation, as ALSCompleter and SoftImputeCompleter do."
                )
            return splits
        splits = self.cv
        if hasattr(self.cv, "split"):
            splits = self.cv.split(np.column_stack(observed.rows_and_columns()))
        return [self._check_split(split, observed.nnz) for split in splits]

    @staticmethod
    def _check_split(split, nnz):
        train, test = (np.asarray(part) for part in split)
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
