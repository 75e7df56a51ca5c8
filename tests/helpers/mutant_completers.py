"""Completers with one defect each, and the check that must see it."""

import warnings

import numpy as np
from numpy_completer import NumpyCompleter
from scipy import sparse
from sklearn.utils.validation import check_array

MUTANTS = []


def caught_by(*checks):
    """Register a class as a mutant that each of the checks must catch."""

    def register(mutant):
        MUTANTS.extend((mutant, check) for check in checks)
        return mutant

    return register


@caught_by("fills_everything")
class LeavesEmptyRows(NumpyCompleter):
    def transform(self, X):
        result = super().transform(X)
        result[np.all(np.isnan(self._read(X)), axis=1)] = np.nan
        return result


@caught_by("keeps_observed")
class ChangesObserved(NumpyCompleter):
    def transform(self, X):
        return super().transform(X) * (1 + 1e-15)


@caught_by("beats_column_means")
class PredictsMeans(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        super().fit(X, y, **weights)
        self.components_ = 0 * self.components_
        return self


@caught_by("leaves_input_alone")
class ReturnsItsInput(NumpyCompleter):
    def transform(self, X):
        X[:] = super().transform(X)
        return X


@caught_by("fit_transform")
class ReturnsIterate(NumpyCompleter):
    def fit_transform(self, X, y=None):
        return super().fit(X).transform(X) + 1e-6


@caught_by("subset_of_rows", "row_factors", "rows_are_independent")
class CentresTheBatch(NumpyCompleter):
    def _fold_in(self, X, weight=None):
        factors = super()._fold_in(X, weight)
        return factors - 0.1 * factors.mean(axis=0)


@caught_by("order_of_rows")
class CarriesRowsOver(NumpyCompleter):
    def _fold_in(self, X, weight=None):
        factors = super()._fold_in(X, weight)
        return factors + 0.1 * np.roll(factors, 1, axis=0)


@caught_by("does_not_remember_rows")
class LearnsInTransform(NumpyCompleter):
    def transform(self, X):
        result = super().transform(X)
        self.offsets_ = self.offsets_ + 0.01
        return result


@caught_by("predicts_entries")
class WrapsNegativeIndices(NumpyCompleter):
    def predict_entries(self, rows, columns):
        product = np.sum(self._U[rows] * self.components_.T[columns], axis=1)
        return self.offsets_[columns] + self.scale_[columns] * product


@caught_by("predicts_entries")
class ForgetsUnits(NumpyCompleter):
    def predict_entries(self, rows, columns):
        return super().predict_entries(rows, columns) / self.scale_[columns]


@caught_by("pickle")
class LosesPrecision(NumpyCompleter):
    def __getstate__(self):
        state = dict(super().__getstate__())
        if "components_" in state:
            state["components_"] = state["components_"].astype(np.float16).astype(float)
        return state


@caught_by("float32")
class AlwaysDouble(NumpyCompleter):
    def transform(self, X):
        return super().transform(X).astype(np.float64)


@caught_by("threads")
class DependsOnThreads(NumpyCompleter):
    def transform(self, X):
        result = super().transform(X)
        return result + 1e-14 * np.isnan(self._read(X)) * (self.n_jobs or 1)


@caught_by("missing_values")
class IgnoresMarker(NumpyCompleter):
    def _read(self, X, reset=False):
        return np.array(X, dtype=float)


@caught_by("add_indicator")
class IndicatesEverything(NumpyCompleter):
    def transform(self, X):
        result = super().transform(X)
        return np.hstack([result, np.isnan(self._read(X))]) if self.add_indicator else result


@caught_by("attributes")
class SaysNoReason(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        super().fit(X, y, **weights)
        self.stop_reason_ = None
        return self


@caught_by("rank_is_clipped")
class OverwritesRank(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        super().fit(X, y, **weights)
        self.rank = self.rank_
        return self


@caught_by("row_permutation")
class WeighsEarlyRows(NumpyCompleter):
    def fit(self, X, y=None):
        return super().fit(X, sample_weight=np.linspace(1, 2, len(X)))


@caught_by("column_permutation")
class ScalesFirstColumnOnly(NumpyCompleter):
    def _describe_columns(self, X, weight):
        super()._describe_columns(X, weight)
        self.scale_[1:] = self.scale_[0]


@caught_by("shift")
class DoesNotCentre(NumpyCompleter):
    def _describe_columns(self, X, weight):
        super()._describe_columns(X, weight)
        self.scale_ = np.where(self.scale, np.sqrt(self.scale_**2 + self._means**2), 1.0)


@caught_by("scale")
class DoesNotScale(NumpyCompleter):
    def _describe_columns(self, X, weight):
        super()._describe_columns(X, weight)
        self.scale_ = np.ones_like(self.scale_)


@caught_by("does_not_learn_from_y")
class PeeksAtY(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        super().fit(X, y, **weights)
        if np.ndim(y) == 2:
            self.offsets_ = self.offsets_ + 1e-9 * np.nanmean(y)
        return self


@caught_by("sample_weight")
class WeighsPenaltyWrongly(NumpyCompleter):
    def fit(self, X, y=None, sample_weight=None, entry_weight=None):
        weight = np.ones(np.shape(X)) if entry_weight is None else entry_weight
        if sample_weight is not None:
            weight = weight * np.asarray(sample_weight)[:, None]
        return super().fit(X, y, entry_weight=weight)


@caught_by("entry_weight")
class IgnoresEntryWeight(NumpyCompleter):
    def fit(self, X, y=None, sample_weight=None, entry_weight=None):
        return super().fit(X, y, sample_weight=sample_weight)


@caught_by("entry_weight")
class KeepsOnlyZeroWeights(NumpyCompleter):
    def fit(self, X, y=None, sample_weight=None, entry_weight=None):
        if entry_weight is not None:
            entry_weight = np.asarray(entry_weight) > 0
        return super().fit(X, y, sample_weight, entry_weight)


@caught_by("warm_start")
class StartsWorse(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        extra = getattr(self, "n_iter_", 0)
        super().fit(X, y, **weights)
        self.n_iter_ += extra
        return self


@caught_by("all_missing")
class InventsAMatrix(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        X = self._read(X, reset=True)
        return super().fit(np.zeros_like(X) if np.all(np.isnan(X)) else X, y, **weights)


@caught_by("infinity")
class AcceptsInfinity(NumpyCompleter):
    def _read(self, X, reset=False):
        X = check_array(X, dtype=float, ensure_all_finite=False, copy=True)
        X[np.isinf(X)] = np.nan
        return X


@caught_by("empty_column")
class SaysNothingOfEmptyColumns(NumpyCompleter):
    def _describe_columns(self, X, weight):
        with warnings.catch_warnings(action="ignore"):
            super()._describe_columns(X, weight)


@caught_by("constant_column", "tiny_data")
class DividesByZero(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        super().fit(X, y, **weights)
        self.scale_ = self.scale_ / (np.nanstd(self._read(X), axis=0) > 0)
        return self


@caught_by("leave_one_out")
class ForgetsLeverage(NumpyCompleter):
    def leave_one_out(self, X):
        X = self._read(X)
        return self.offsets_ + self.scale_ * (self._fold_in(X) @ self.components_)


@caught_by("score_is_leave_one_out", "score_sees_noise")
class ScoresAgainstOneMean(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        super().fit(X, y, **weights)
        self._means = np.full_like(self._means, self._means.mean())
        return self


@caught_by("score_is_deterministic")
class ScoresAtRandom(NumpyCompleter):
    def score(self, X, y=None, sample_weight=None):
        return super().score(X, y, sample_weight) - 1e-9 * np.random.default_rng().uniform()


@caught_by("score_order_of_rows")
class ScoresFirstRows(NumpyCompleter):
    def score(self, X, y=None, sample_weight=None):
        return super().score(X[:10])


@caught_by("score_held_out")
class ScoresObservedToo(NumpyCompleter):
    def score(self, X, y=None, sample_weight=None):
        if np.ndim(y) < 2:
            return super().score(X, y, sample_weight)
        residual = np.nansum((y - self.transform(X)) ** 2)
        return float(1 - residual / np.nansum((y - self._means) ** 2))


@caught_by("score_shape_of_y")
class CutsY(NumpyCompleter):
    def score(self, X, y=None, sample_weight=None):
        return super().score(X)


@caught_by("masked_array")
class DropsMask(NumpyCompleter):
    def _read(self, X, reset=False):
        return super()._read(np.asarray(X) if isinstance(X, np.ma.MaskedArray) else X, reset)


@caught_by("nested_lists", "pandas", "pandas_nullable_integers", "polars")
class TakesHolesForZero(NumpyCompleter):
    def _read(self, X, reset=False):
        full = super()._read(X, reset)
        return full if isinstance(X, np.ndarray) or sparse.issparse(X) else np.nan_to_num(full)


@caught_by("memory_layouts")
class ReadsMemoryInOrder(NumpyCompleter):
    def _read(self, X, reset=False):
        full = super()._read(X, reset)
        return full if X.flags.c_contiguous else full.ravel("K").reshape(full.shape)


@caught_by("integers")
class TruncatesIntegers(NumpyCompleter):
    def transform(self, X):
        return (
            super().transform(X) // 2 if np.asarray(X).dtype.kind == "i" else super().transform(X)
        )


@caught_by("pandas_output")
class LosesNames(NumpyCompleter):
    def get_feature_names_out(self, input_features=None):
        return np.array([f"x{j}" for j in range(self.n_features_in_)], dtype=object)


@caught_by("sparse_is_dense_with_nan", "sparse_row_factors_and_score", "sparse_nothing_stored")
class TakesAbsentForZero(NumpyCompleter):
    def _fill_out(self, X):
        return np.nan_to_num(super()._fill_out(X))


@caught_by("sparse_stored_zero")
class TakesStoredZeroForMissing(NumpyCompleter):
    def _fill_out(self, X):
        full = super()._fill_out(X)
        return np.where(full == 0, np.nan, full)


@caught_by("sparse_input_is_left_alone")
class SortsInPlace(NumpyCompleter):
    def fit(self, X, y=None, **weights):
        if sparse.issparse(X):
            for part in X.data, X.indices:
                part.setflags(write=True)
            X.sort_indices()
        return super().fit(X, y, **weights)


@caught_by("sparse_duplicates")
class SumsDuplicates(NumpyCompleter):
    def _read(self, X, reset=False):
        return super()._read(X.tocsr() if sparse.issparse(X) else X, reset)


@caught_by("sparse_stored_nan")
class TakesStoredNanForMissing(NumpyCompleter):
    def _read(self, X, reset=False):
        if sparse.issparse(X):
            X = X.tocoo()
            kept = np.isfinite(X.data)
            X = sparse.coo_array((X.data[kept], (X.row[kept], X.col[kept])), shape=X.shape)
        return super()._read(X, reset)


@caught_by("sparse_too_large_to_complete")
class NamesNoWayOut(NumpyCompleter):
    def transform(self, X):
        if X.shape[0] > 1e6:
            raise MemoryError("too large")
        return super().transform(X)
