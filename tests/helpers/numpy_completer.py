"""A completer in plain NumPy: small, slow, dense, and right; the reference for tests."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class NumpyCompleter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Alternating ridge regressions with unpenalised column offsets."""

    def __init__(
        self,
        rank=3,
        *,
        alpha=1.0,
        center=True,
        scale=True,
        max_iter=200,
        tol=1e-6,
        warm_start=False,
        missing_values=np.nan,
        keep_observed=True,
        keep_empty_features=True,
        add_indicator=False,
        n_jobs=None,
    ):
        self.rank = rank
        self.alpha = alpha
        self.center = center
        self.scale = scale
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.missing_values = missing_values
        self.keep_observed = keep_observed
        self.keep_empty_features = keep_empty_features
        self.add_indicator = add_indicator
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X, y=None, sample_weight=None, entry_weight=None):
        X = self._read(X, reset=True)
        weight = np.ones_like(X) if entry_weight is None else np.array(entry_weight, X.dtype)
        X[weight == 0] = np.nan
        if np.all(np.isnan(X)):
            raise ValueError("X has no observed entries.")
        row_weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        weight = np.where(np.isnan(X), 0, weight).astype(X.dtype)
        self._describe_columns(X, weight * row_weight[:, None])
        self._alternate((X - self._start) / self.scale_, weight, row_weight.astype(X.dtype))
        self.offsets_ = self._start + self.scale_ * self._offsets
        self._U = self._fold_in(X, weight)
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = self._read(X)
        result = self.offsets_ + self.scale_ * (self._fold_in(X) @ self.components_)
        if self.keep_observed:
            result = np.where(np.isnan(X), result, X)
        if not self.keep_empty_features:
            result = result[:, ~self._empty]
        if self.add_indicator:
            result = np.hstack([result, np.isnan(X)[:, self._holes]])
        return result.astype(X.dtype)

    def row_factors(self, X):
        return self._fold_in(self._read(X))

    def predict_entries(self, rows, columns):
        rows, columns = np.asarray(rows), np.asarray(columns)
        if min(rows.min(), columns.min()) < 0:
            raise IndexError("negative index")
        product = np.sum(self._U[rows] * self.components_.T[columns], axis=1)
        return self.offsets_[columns] + self.scale_[columns] * product

    def leave_one_out(self, X):
        X = self._read(X)
        V = self.components_.T
        U, gram = self._fold_in(X), self._gram(~np.isnan(X), V)
        leverage = np.einsum("jk,nkl,jl->nj", V, np.linalg.inv(gram), V)
        residual = X - self.offsets_ - self.scale_ * (U @ V.T)
        return X - residual / (1 - leverage)

    def score(self, X, y=None, sample_weight=None):
        if y is None or np.ndim(y) == 1:
            truth, prediction = self._read(X), self.leave_one_out(X)
        else:
            truth = np.where(np.isnan(self._read(X)), self._read(y), np.nan)
            if len(truth) != len(y):
                raise ValueError("y has another shape than X")
            U = self._fold_in(self._read(X))
            prediction = self.offsets_ + self.scale_ * (U @ self.components_)
        w = np.ones(len(truth)) if sample_weight is None else np.asarray(sample_weight)
        w = w[:, None] / self.scale_**2
        residual = np.nansum(w * (truth - prediction) ** 2)
        return float(1 - residual / np.nansum(w * (truth - self._means) ** 2))

    def get_feature_names_out(self, input_features=None):
        names = super().get_feature_names_out(input_features)
        added = [f"missingindicator_{name}" for name in names[self._holes]]
        names = names if self.keep_empty_features else names[~self._empty]
        return np.append(names, added) if self.add_indicator else names

    def _read(self, X, reset=False):
        nan = isinstance(self.missing_values, float) and np.isnan(self.missing_values)
        if isinstance(X, np.ma.MaskedArray):
            X = X.astype(float).filled(self.missing_values)
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            copy=True,
            accept_sparse="coo",
            ensure_all_finite="allow-nan" if nan and not sparse.issparse(X) else True,
        )
        if sparse.issparse(X):
            return self._fill_out(X)
        return np.where(X == self.missing_values, np.nan, X).astype(X.dtype)

    def _fill_out(self, X):
        if np.prod(X.shape, dtype=float) > 1e9:
            raise MemoryError("The result does not fit; use predict_entries.")
        if np.unique(X.row * X.shape[1] + X.col).size < X.nnz:
            raise ValueError("duplicate entries")
        full = np.full(X.shape, np.nan, dtype=X.dtype)
        full[X.row, X.col] = X.data
        return full

    def _describe_columns(self, X, weight):
        self._empty, self._holes = np.all(np.isnan(X), axis=0), np.any(np.isnan(X), axis=0)
        if self._empty.any():
            columns = np.flatnonzero(self._empty).tolist()
            warnings.warn(f"Columns {columns} have no observed entries.", UserWarning, stacklevel=3)
        total = np.maximum(weight.sum(axis=0), np.finfo(X.dtype).tiny)
        filled = np.where(np.isnan(X), 0, X)
        self._means = (weight * filled).sum(axis=0) / total
        spread = (weight * np.where(np.isnan(X), 0, X - self._means) ** 2).sum(axis=0) / total
        self._start = (self._means if self.center else 0 * self._means).astype(X.dtype)
        self.scale_ = np.where(self.scale & (spread > 0), np.sqrt(spread), 1).astype(X.dtype)

    def _alternate(self, Z, weight, row_weight):
        Z = np.where(weight > 0, Z, 0).astype(Z.dtype)
        self.rank_ = min(self.rank, *Z.shape)
        if not (self.warm_start and hasattr(self, "components_")):
            spectrum, Vt = np.linalg.svd(np.sqrt(row_weight)[:, None] * Z, full_matrices=False)[1:]
            root = np.sqrt(spectrum[: self.rank_, None] / np.sqrt(row_weight.sum()))
            self.components_ = (Vt[: self.rank_] * root).astype(Z.dtype)
            self._offsets = np.zeros(Z.shape[1], dtype=Z.dtype)
        self.trace_ = []
        for _ in range(self.max_iter):
            old = self.components_
            U = self._solve(self._gram(weight, old.T), (weight * (Z - self._offsets)) @ old.T)
            self._update_columns(Z, weight * row_weight[:, None], U, row_weight)
            change = np.linalg.norm(self.components_ - old)
            self.trace_.append(change)
            if change <= self.tol * np.linalg.norm(old):
                break
        self.n_iter_ = len(self.trace_)
        self.converged_ = self.n_iter_ < self.max_iter
        self.stop_reason_ = "tol" if self.converged_ else "max_iter"

    def _update_columns(self, Z, weight, U, row_weight):
        ones = np.ones((len(U), 1), dtype=Z.dtype)
        A = np.hstack([U, ones]) if self.center else U
        gram = np.einsum("ij,ik,il->jkl", weight, A, A, optimize=True)
        ridge = np.full(A.shape[1], self.alpha, dtype=Z.dtype)
        if self.center:
            ridge[-1] = 0
            gram[self._empty, -1, -1] = 1
        solution = self._solve(gram + np.diag(ridge), (weight * Z).T @ A)
        self.components_ = np.ascontiguousarray(solution[:, : self.rank_].T)
        if self.center:
            self._offsets = solution[:, -1]

    def _fold_in(self, X, weight=None):
        weight = ~np.isnan(X) if weight is None else weight
        Z = np.where(weight > 0, (X - self.offsets_) / self.scale_, 0)
        V = self.components_.T
        return self._solve(self._gram(weight, V), (weight * Z) @ V)

    def _gram(self, weight, V):
        outer = (V[:, :, None] * V[:, None, :]).reshape(len(V), -1)
        gram = (weight.astype(V.dtype) @ outer).reshape(-1, V.shape[1], V.shape[1])
        return gram + self.alpha * np.eye(V.shape[1], dtype=V.dtype)

    @staticmethod
    def _solve(gram, right):
        return np.linalg.solve(gram, right[..., None])[..., 0]
