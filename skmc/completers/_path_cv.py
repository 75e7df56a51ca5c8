"""What completers that choose by cross-validation over entries have in common."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, InvalidParameterError, warn
from skmc._search import entry_folds
from skmc.solvers import offsets_only


class PathCV(BaseCompleter):
    """Base of the completers with a path: a subclass follows it and reads off what to fit."""

    # The path starts where it must, and is the warm start.
    init = "svd"
    warm_start = False

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._constraints_without("init", "warm_start"),
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
        given = None if self.alphas is None else self._checked_alphas()
        problem = training.pose()
        largest_rank, largest_alpha = problem.largest_rank, problem.alpha_max()
        largest_alpha *= training.units.common
        del problem  # as large as the data
        folds = self._folds(observed, sample_weight, self._splits(observed, sample_weight))
        if not self._makes_folds():
            _check_something_to_judge(folds)
        for fold in folds:
            found = fold.problem.alpha_max() * fold.training.units.common
            largest_alpha = max(largest_alpha, found)
        return self._choose(folds, self._grid(given, largest_alpha), largest_rank)

    def _check_parameters(self):
        super()._check_parameters()
        if self.alphas is not None:
            self._checked_alphas()

    def _checked_alphas(self):
        alphas = as_numbers(self.alphas)
        if not alphas.size or not (np.isfinite(alphas) & (alphas > 0)).all():
            raise InvalidParameterError(
                "alphas must be a 1-D array of positive, finite numbers, or None for a grid from "
                f"the data; got {self.alphas!r}."
            )
        return np.sort(alphas)[::-1]

    def _grid(self, given, largest):
        """Penalties in user units, decreasing, at most one of which leaves nothing but offsets."""
        if given is None:
            # Where there is nothing but offsets any penalty will do.
            return (largest or 1.0) * np.geomspace(1.0, self.eps, self.n_alphas)
        n_idle = np.count_nonzero(given >= largest)
        return given[max(n_idle - 1, 0) :]

    def _offsets_suffice(self, folds, path):
        """Whether offsets alone predict as well as the best of the path, or nothing tells."""
        if not folds:
            # Where no entry can be held out, none says anything about another.
            return True
        score = np.mean([fold.score(offsets_only(fold.problem)) for fold in folds])
        return score >= path.good_enough(one_standard_error=self.one_standard_error)

    def _makes_folds(self):
        """Whether folds are made here, and not given by `cv`."""
        return self.cv is None or isinstance(self.cv, Integral)

    def _splits(self, observed, sample_weight):
        """Positions of training and held-out entries of each fold."""
        if self._makes_folds():
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


def _check_something_to_judge(folds):
    """Refuse folds that hold out nothing which a fit could be judged by; warn of cold starts."""
    n_known, n_new, n_all = 0, 0, 0
    for fold in folds:
        known = fold.training.learned[fold.columns]
        n_known += np.count_nonzero(known)
        n_new += np.count_nonzero(~(known & fold.training.used[fold.rows]))
        n_all += known.size
    if n_known == 0:
        raise ValueError(
            "cv holds out nothing to judge by: all test entries lie in columns without training "
            "entries."
        )
    if 2 * n_new > n_all:
        warn(
            f"{n_new} of {n_all} entries that cv holds out lie in rows or columns without training "
            "entries, of which only offsets are known. Splitters take the entries in order, row by "
            "row: shuffle them, as KFold(shuffle=True) does, unless new rows are what you ask for.",
            UserWarning,
        )


def as_numbers(values):
    """Read a list of numbers.

    Parameters
    ----------
    values : object
        What the user gave.

    Returns
    -------
    array : ndarray
        1-D array of float64, empty if the values are no such thing.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)
    return array if array.ndim == 1 else np.empty(0)
