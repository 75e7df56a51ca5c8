"""What a completer does that keeps draws from a posterior."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmc._base import BaseCompleter
from skmc._bayes import row_keys, row_normals
from skmc._blas import single_threaded_blas
from skmc._compat import wrap_output
from skmc._intervals import check_spread
from skmc._linalg import LowRank, leading_svd
from skmc._memory import check_dense_fits, check_fits
from skmc._parallel import effective_threads
from skmc._posterior_fold_in import PosteriorFoldIn
from skmc._posterior_intervals import PosteriorIntervals

# A component stands out if its mean is that many standard deviations of the posterior. Those of
# noise, the largest of many, reach two to five, those that are there some fifty.
RESOLVED = 10.0
# Draws that it takes to tell.
FEWEST = 5


class SampledCompleter(PosteriorIntervals, BaseCompleter):
    """Predictions, how far to trust them, and samples, from draws of the columns."""

    def _supports(self):
        return frozenset({"weights", "sampled"})

    def _snapshot_types(self):
        # The state of a generator is not stored.
        return ()

    def _store_draws(self, chains, training, seed):
        """The draws on all columns.

        Those without entries have neither regressors nor level, and for noise the spread of all
        entries.
        """
        learned, units = training.learned, training.units
        s, _, q = chains.F.shape
        # Over s, so that products are means over draws.
        F = np.zeros((learned.size, s, q), chains.F.dtype)
        F[learned] = chains.F.transpose(1, 0, 2) / F.dtype.type(s)
        level, precision = np.zeros((s, learned.size), F.dtype), np.ones((s, learned.size), F.dtype)
        level[:, learned], precision[:, learned] = chains.level, chains.precision
        if not learned.all():
            precision[:, ~learned] = _relative_precision(training.observed, units.scale[~learned])
        self._draws = {"F": F, "level": level, "precision": precision}
        self._typical, self._seed, self._center = chains.typical, seed, units.center
        self.scale_, self.spread_, self._column_means = units.scale, units.spread, units.mean
        self.offsets_ = self._fold_in().offsets
        self.noise_std_ = units.scale * np.sqrt((1.0 / precision.astype(np.float64)).mean(axis=0))

    def _fold_in(self):
        return PosteriorFoldIn.of_draws(
            **self._draws, center=self._center, scale=self.scale_, learned=self._learned,
            n_threads=effective_threads(self.n_jobs),
        )  # fmt: skip

    def _store_rows(self, observed):
        super()._store_rows(observed)
        self._row_draws = self._factors_and_draws(*self._present(observed))[1]
        self._set_components(self._fold_in())
        if self._row_number is not None:
            none = self._normals(np.zeros(1, np.uint64), self._row_draws.dtype)
            prior = [none(s) for s in range(self._draws["F"].shape[1])]
            self._row_draws = np.vstack([self._row_draws, np.hstack(prior)])

    def _normals(self, keys, dtype):
        """Function from the number of a draw to standard normals of rows with these keys."""
        q = self._draws["F"].shape[2]
        return lambda s: row_normals(keys, self._seed, s, q, dtype)

    def _factors_and_draws(self, observed, fold_in):
        """Means and draws of the factors of rows, both (n, s q), the latter for variances.

        What is drawn for a row depends on the row alone.
        """
        standard = observed.standardized(fold_in.center, fold_in.scale)
        normals = self._normals(row_keys(standard), observed.dtype)
        return fold_in.factors_and_draws(observed, normals)

    def _set_components(self, fold_in):
        """Leading components of the posterior mean, and how many stand out of the posterior."""
        U, V = self._row_factors, fold_in.components.T
        if not self._learned.all():
            V = V[self._learned]
        _, s, q = self._draws["F"].shape
        left, values, right = leading_svd(LowRank(U, V), q)
        self.components_ = np.zeros((values.shape[0], self._learned.size), U.dtype)
        self.components_[:, self._learned] = np.sqrt(values)[:, None] * right.T
        self.rank_ = values.shape[0]
        # Of each draw the part along each pair of singular vectors.
        A, B = (left.T @ U).reshape(-1, s, q), (right.T @ V).reshape(-1, s, q)
        parts = s * np.einsum("ksq,ksq->ks", A, B, dtype=np.float64)
        mean, deviation = parts.mean(axis=1), parts.std(axis=1)
        resolved = mean > RESOLVED * deviation
        self.effective_rank_ = int(np.count_nonzero(resolved)) if s >= FEWEST else None

    def row_factors(self, X):
        """Coordinates of the posterior means of the rows of X in `components_`.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes.

        Returns
        -------
        U : ndarray of shape (n_samples, `rank_`)
            X is about ``offsets_ + scale_ * (U @ components_)``. The posterior mean, which
            `transform` returns, is a mean of products of this rank and differs from one of them a
            little.
        """
        check_is_fitted(self, "components_")
        observed, fold_in = self._validate(X), self._fold_in()
        with single_threaded_blas():
            return self._coordinates(fold_in.factors(observed)[0], fold_in)

    def _coordinates(self, U, fold_in):
        """Posterior means in `components_` from the factors of rows in all draws."""
        square = np.einsum("kj,kj->k", self.components_, self.components_)
        inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
        return (U @ (fold_in.components @ (self.components_.T * inverse))).astype(U.dtype)

    def _training_factors(self):
        return self._coordinates(super()._training_factors(), self._fold_in())

    def row_offsets(self, rows):
        """What rows of the training matrix add to a column that is like all, in the user's units.

        Parameters
        ----------
        rows : array-like of int, shape (n_rows,)
            Row numbers of the training matrix.

        Returns
        -------
        offsets : ndarray of shape (n_rows,)
            Posterior means, at the mean column scale.
        """
        numbers = self._row_numbers(rows)
        typical = self._typical.ravel() / self._typical.dtype.type(self._typical.shape[0])
        return self._row_factors[numbers] @ typical * self.scale_.mean()

    def transform(self, X, return_std=False):
        """Complete the rows of X by their posterior mean, each from its own observed entries.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, in the form of `fit`.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        X_completed : ndarray of shape (n_samples, n_features_out)
            The completed rows; with ``sample_posterior=True`` one draw of them in place of their
            mean.
        std : ndarray of shape (n_samples, n_features_out)
            If `return_std`: predictive standard deviation of a new observation of each entry, noise
            included (`noise_std_` is its part), without regard to bounds; in the container
            of `X_completed`. Zero where entries are returned as observed, and for indicators.

        Raises
        ------
        MemoryError
            If the dense result would not fit, before anything is allocated.
        """
        check_is_fitted(self, "components_")
        if not return_std:
            return super().transform(X)
        self._refuse_draw()
        self._check_spread()
        check_dense_fits(X, 0 if self._indicated is None else self._indicated.size)
        observed, fold_in = self._validate(X), self._fold_in()
        with single_threaded_blas():
            mean, std = self._means_and_deviations(observed, fold_in)
            std = self._finish_std(observed, std)
            out = self._finish(observed, mean)
        # scikit-learn does the same to the first.
        return out, *wrap_output(self, X, std)

    def _complete_rows(self, observed, fold_in):
        if self.sample_posterior:
            # A draw takes the means of no other.
            return self._complete(observed, fold_in, None, None)
        self._check_factors_fit(observed, 1)
        return super()._complete_rows(observed, fold_in)

    def _check_spread(self):
        check_spread(self._draws["F"].shape[1])

    def _refuse_draw(self):
        if self.sample_posterior:
            raise ValueError("A draw has no standard deviation: set sample_posterior=False.")

    def _check_factors_fit(self, observed, copies):
        """Refuse factors of rows in all draws that would not fit."""
        (n, _), (_, s, q) = observed.shape, self._draws["F"].shape
        check_fits(
            copies * n * s * q * observed.dtype.itemsize,
            f"The factors of {n} rows in {s} draws",
            "Pass slices of the rows, or fit with a smaller n_draws.",
        )

    def _means_and_deviations(self, observed, fold_in):
        """Posterior means and predictive standard deviations of all entries of rows."""
        self._check_factors_fit(observed, 2)
        means, U = self._factors_and_draws(observed, fold_in)
        mean = fold_in.complete(means, np.zeros(means.shape[0], means.dtype))
        first, second = (np.zeros(mean.shape) for _ in range(2))
        for s in range(fold_in.n_draws):
            Z = fold_in.complete_draw(U[:, fold_in.part(s)], s)
            Z -= mean
            Z /= self.scale_
            first += Z
            second += np.square(Z, dtype=np.float64)
        # In place: a table of them is what takes most of the memory.
        np.square(first, out=first)
        first /= fold_in.n_draws
        second -= first
        second /= fold_in.n_draws - 1
        np.maximum(second, 0, out=second)
        second += (self.noise_std_ / self.scale_) ** 2
        np.sqrt(second, out=second)
        second *= self.scale_
        return mean, second.astype(mean.dtype, copy=False)

    def _finish_std(self, observed, std):
        """The form in which standard deviations are handed out: that of the predictions."""
        if self.keep_observed:
            observed.with_values(np.zeros_like(observed.values)).fill(std)
        if self._kept is not None:
            std = std[:, self._kept]
        if self._indicated is not None:
            std = np.hstack([std, np.zeros((std.shape[0], self._indicated.size), std.dtype)])
        return std

    def predict_entries(self, rows, cols, return_std=False):
        """Entries of the completed training matrix, without forming it.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        values : ndarray of shape (n_entries,)
            Posterior means, for observed entries too. Cost: O(n_entries n_draws rank).
        std : ndarray of shape (n_entries,)
            If `return_std`: predictive standard deviations of new observations of these entries,
            noise included.

        Raises
        ------
        ValueError
            If an index is fractional, negative or out of range.
        """
        values = super().predict_entries(rows, cols)
        if not return_std:
            return values
        self._check_spread()
        i, j = self._check_positions(rows, cols)
        number = i if self._row_number is None else self._row_number[i]
        deviations = self._fold_in().entry_deviations(self._row_draws, number, j)
        return values, deviations.astype(values.dtype)

    def sample(self, X, n_samples=1, random_state=None):
        """Draws of the completed rows of X from the posterior predictive distribution.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_features)
            Rows with holes, in the form of `fit`.
        n_samples : int, default=1
            Number of draws. Those of the columns are spread evenly over the `n_draws` kept ones,
            and used again if there are fewer; those of rows and noise are always new.
        random_state : int, RandomState instance or None, default=None
            Seed; None draws new ones at every call.

        Returns
        -------
        draws : ndarray of shape (n_samples, n_rows, n_features_out)
            Completed matrices: plausible tables, noise included, whose mean over many draws is what
            `transform` returns, unless bounds cut it off. Observed entries are as they are unless
            ``keep_observed=False``. An array whatever `set_output` says: frames have no third
            dimension.
        """
        check_is_fitted(self, "components_")
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be a whole number of at least 1; got {n_samples!r}.")
        observed, fold_in = self._validate(X), self._fold_in()
        n, m = observed.shape
        check_fits(
            (n_samples + 2) * n * m * observed.dtype.itemsize,
            f"{n_samples} completed {n} x {m} matrices",
            "Ask for fewer at a time, or pass slices of the rows.",
        )
        rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
        which = np.arange(n_samples) * fold_in.n_draws // n_samples
        out = None
        with single_threaded_blas():
            for number, s in enumerate(which):
                table = self._draw(observed, fold_in, s, rng)
                out = np.empty((n_samples, *table.shape), table.dtype) if out is None else out
                out[number] = table
        return out

    def _draw(self, observed, fold_in, s, rng):
        """One completion of the rows, given draw s of the columns."""
        dtype = observed.dtype
        normals = rng.standard_normal((observed.shape[0], self._draws["F"].shape[2]), dtype)
        Z = fold_in.complete_draw(fold_in.draw_rows(observed, s, normals), s)
        spread = self.scale_ / np.sqrt(fold_in.precision[s].astype(np.float64))
        Z += rng.standard_normal(Z.shape, dtype) * spread.astype(dtype)
        return self._finish(observed, Z)

    def _complete(self, observed, fold_in, U, rows):
        if not self.sample_posterior:
            return super()._complete(observed, fold_in, U, rows)
        rng = np.random.default_rng(self._seed)
        return self._draw(observed, fold_in, rng.integers(fold_in.n_draws), rng)


def _relative_precision(observed, scale):
    """Inverse square of the standard deviation of all entries of a table over some scales."""
    unit = observed._unit()
    spread = unit * float((observed.rows.values.astype(np.float64) / unit).std())
    if spread == 0:
        return np.ones_like(scale)
    with np.errstate(over="ignore"):
        return np.clip(scale / spread, 1e-3, 1e3) ** 2
