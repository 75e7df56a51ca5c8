"""Completion by sampling from the posterior."""

from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skmc._bayes import Model, effective_sample_size, run_chains, split_r_hat
from skmc._compat import Interval, StrOptions, _fit_context, warn
from skmc._limits import check_digits
from skmc._log import logger, show_log
from skmc._memory import check_fits
from skmc._sampled import SampledCompleter
from skmc._training import prepare
from skmc._units import comparable_centers, fit_units
from skmc._watch import Watch

# Scale of a table in which nothing varies, against its values.
FLAT_SCALE = 1e-4
# R-hat of predictions above which the halves of the chains disagree, and the part of the cells that
# may exceed it.
LARGEST_R_HAT, EXCEPTIONS = 1.2, 0.1


class BayesianCompleter(SampledCompleter):
    """Low-rank completion by sampling from the posterior, which says how sure each entry is.

    Every entry is the sum of a product of factors, offsets and noise, in standardised units::

        x_ij = u_i . v_j + b_i + c_j + e_ij,  e_ij ~ N(0, s_j^2 / w_ij)
        (u_i, b_i) ~ N(mean, covariance)
        (v_j, c_j) ~ N(mean', covariance')

    with priors on both laws (Normal-Wishart, with half-t standard deviations) and on the variances
    s_j^2 of the columns, so that nothing needs tuning: penalties, offsets and noise are learned,
    and components that the data have no use for shrink to nothing. Gibbs sampling draws all of it
    in turn from its law given the rest [1]_. The completed table is the posterior mean, and the
    spread of the draws tells how far to trust each entry.

    Parameters
    ----------
    rank : int, default=20
        Largest number of components; reduced silently to what the shape allows. Too many cost time
        but hardly any accuracy.
    n_samples : int, default=200
        Sweeps of each chain that count.
    burn_in : int, default=100
        Sweeps of each chain before these, which are thrown away.
    n_draws : int, default=50
        Draws that are kept, evenly spaced over the `n_samples` of all chains; at most
        ``n_chains * n_samples``. More of them lower the error of the posterior mean a little;
        memory and the time of predictions grow with them.
    n_chains : int, default=1
        Chains from independent starts. Each costs as much as the first; more of them make `r_hat_`
        a sharper test.
    noise : {"column", "common"}, default="column"
        Whether each column has a noise of its own, drawn towards that of the others, or all share
        one in standardised units.
    center : bool or "both", default="both"
        ``"both"``: offsets of rows and columns, drawn towards each other: for ratings far better
        than free column offsets, and harmless elsewhere, as columns that cannot be compared are not
        drawn. True: column offsets about the means of the columns, so that a constant added to a
        column does so to the result, and nothing else. False: none.
    scale : bool, default=True
        Divide each column by the standard deviation of its observed entries (drawn towards the
        common one in columns with ten entries or fewer), and multiply back. False: one scale for
        all.
    sample_posterior : bool, default=False
        Whether `transform` returns a draw from the posterior predictive distribution in place of
        its mean. The same rows get the same draw from one fit; for several of them see `sample`.
    missing_values : float or "nan", default=nan
        The mark of missing entries in dense input; NaN is an error if it is a number.
    keep_observed : bool, default=True
        Return observed entries as they are; False returns the prediction of the model for them.
    keep_empty_features : bool, default=True
        Keep columns without any observed entry, filled with the grand mean of all entries (zero
        with ``center=False``), which is a guess only where all columns have one unit; False drops
        them.
    min_value, max_value : float, array-like of shape (n_features,) or None, default=None
        Bounds of all predictions, or of those in each column, in the user's units: what is
        predicted beyond is set to the bound. They have no part in the fit, and observed entries are
        returned as they are.
    add_indicator : bool, default=False
        Append a 0/1 column for each feature that had missing entries in `fit`.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws.
    n_jobs : int or None, default=None
        Threads; None takes all cores, but no more than an outer parallel loop leaves. The draws
        are bitwise the same for any number.
    check : {"fast", "exact", "off"}, default="fast"
        What `fit` looks for to warn, by `skmc.exceptions.UndeterminedWarning`, of entries that it
        fills and cannot know. ``"fast"``: large parts of the table that share no row or column.
        One chain finds one of the answers there, and takes it to be surer than it is. ``"exact"``:
        whether each entry is determined at the rank of the posterior mean, as
        `skmc.diagnostics.completability` tells. ``"off"``: nothing.
    verbose : int, default=0
        Log every `verbose`-th sweep to the logger ``skmc``, which gets a handler if logging is not
        configured; 0 logs nothing.

    Attributes
    ----------
    effective_rank_ : int or None
        Number of components of the posterior mean that exceed ten posterior standard deviations.
        Row offsets count for one. None with less than five draws.
    noise_std_ : ndarray of shape (n_features,)
        Standard deviation of the noise of each column, in its own unit, of an entry of mean weight:
        root of the posterior mean of its square.
    r_hat_ : dict of float
        Split R-hat of the ``noise``, of the ``signal`` (see `trace_`) and of ``predictions``, noise
        included, the largest but a tenth over 200 random cells: one where the halves of all chains
        agree.
    effective_sample_size_ : dict of float
        Independent draws that the means of these are worth, the smallest but a tenth of the
        predictions.
    components_ : ndarray of shape (`rank_`, n_features)
        Leading components of the posterior mean.
    rank_ : int
        Number of them: that of factors and row offsets together.
    offsets_, scale_ : ndarray of shape (n_features,)
        Posterior mean of a row without entries, and scale of each column; with ``scale=False`` all
        scales are equal.
    spread_ : ndarray of shape (n_features,)
        Standard deviation of each column, the unit of errors in `score`.
    n_iter_ : int
        Sweeps of each chain.
    converged_ : bool
        Whether ``r_hat_["predictions"]`` is at most 1.2. If not, `fit` warns.
    stop_reason_ : str
        How the sampling ended, in words.
    trace_ : dict of ndarray, each of shape (n_chains, burn_in + n_samples)
        ``time`` in seconds, ``noise``: geometric mean over the columns of the standard deviation of
        the noise, ``signal``: root mean square of the model over all cells, in standardised units.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    ALSCompleter : The mode of a similar posterior, in a hundredth of the time.

    Notes
    -----
    Cost per sweep: nnz q^2 + (n + m) q^3 multiply-adds with q = rank + 1, as of alternating least
    squares. Memory, which is checked before the first: ``n_draws (n + m) (rank + 1)`` numbers
    twice. Rows are folded in under each draw of the columns, so predictions cost `n_draws` times
    those of other completers. There are no sample weights: a repeated row would be one row with
    two independent draws.

    Callbacks are told of every sweep; they cannot end the sampling. Where factors match the data
    exactly the noise ends at about 1e-5 of the scale of a column, in single precision at 0.005. A
    column is not taken to be more than ten times as exact as the median column, relative to what
    varies in it: those that were constant in the fit have their say in rows where they are not, but
    not the only one.

    `predict_interval` and `predict_entries_interval` make intervals of it, at any level, as if the
    posterior predictive distribution were normal. `ConformalCompleter` needs no such model, and
    corrects one that is wrong. The standard deviation of an entry comes from `n_draws` draws of its
    row and column, one for each: with 50 it is known to a tenth. At least two are needed.

    References
    ----------
    .. [1] Salakhutdinov, R. and Mnih, A. (2008). Bayesian probabilistic matrix factorization using
       Markov chain Monte Carlo. ICML. :doi:`10.1145/1390156.1390267`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import BayesianCompleter
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 20)) + 0.1 * rng.normal(size=(60, 20))
    >>> holes = rng.random(X.shape) < 0.3
    >>> completer = BayesianCompleter(rank=5, random_state=0).fit(np.where(holes, np.nan, X))
    >>> completer.effective_rank_
    2
    >>> completed, std = completer.transform(np.where(holes, np.nan, X), return_std=True)
    >>> inside = np.abs(completed - X)[holes] < 1.645 * std[holes]
    >>> bool(0.85 < inside.mean() < 0.95)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **SampledCompleter._constraints_without("scale", "init", "max_iter", "tol", "warm_start"),
        "rank": [Interval(Integral, 1, None, closed="left")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "burn_in": [Interval(Integral, 0, None, closed="left")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions({"column", "common"})],
        "scale": ["boolean"],
        "sample_posterior": ["boolean"],
    }
    _test_settings: ClassVar = {
        "rank": 5, "n_samples": 60, "burn_in": 40, "n_draws": 20, "random_state": 0
    }  # fmt: skip
    _test_variants: ClassVar = (
        {"noise": "common", "center": True},
        {"center": False, "scale": False, "n_chains": 2},
    )

    def __init__(
        self,
        rank=20,
        *,
        n_samples=200,
        burn_in=100,
        n_draws=50,
        n_chains=1,
        noise="column",
        center="both",
        scale=True,
        sample_posterior=False,
        missing_values=np.nan,
        keep_observed=True,
        keep_empty_features=True,
        min_value=None,
        max_value=None,
        add_indicator=False,
        random_state=None,
        n_jobs=None,
        check="fast",
        verbose=0,
    ):
        self.rank = rank
        self.n_samples = n_samples
        self.burn_in = burn_in
        self.n_draws = n_draws
        self.n_chains = n_chains
        self.noise = noise
        self.center = center
        self.scale = scale
        self.sample_posterior = sample_posterior
        self.missing_values = missing_values
        self.keep_observed = keep_observed
        self.keep_empty_features = keep_empty_features
        self.min_value = min_value
        self.max_value = max_value
        self.add_indicator = add_indicator
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.check = check
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, entry_weight=None):
        """Sample from the posterior given the observed entries of X.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            The matrix with holes. Dense: `missing_values`, None, NA or a mask mark what is
            missing. Sparse: the stored entries are observed (a stored zero is a zero), the
            absent ones are missing.
        y : Ignored
            Not used, present for consistency.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Precision of each observed entry against the others of its column; 0 means missing. A
            sparse matrix stores the entries that X stores.

        Returns
        -------
        self : object
            The fitted completer.
        """
        self._fit(X, y, None, entry_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None, entry_weight=None):
        """Fit to X and complete it: ``fit(X, ...).transform(X)``.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            The matrix with holes.
        y : Ignored
            Not used, present for consistency.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Entry weights of the fit.

        Returns
        -------
        X_completed : ndarray of shape (n_samples, n_features_out)
            The completed matrix.
        """
        return super().fit_transform(X, y, None, entry_weight)

    def _fit_observed(self, observed, sample_weight=None, X=None, y=None):
        check_digits(observed)
        watch = Watch(self, X, y, self.n_chains * (self.burn_in + self.n_samples))
        training = prepare(observed, None, center=bool(self.center), scale=self.scale)
        training = replace(training, units=self._units(observed, training.units))
        data = training.pose().observed
        rank = min(self.rank, *data.shape)
        self._check_memory(observed.shape, data, rank)
        model = Model.of(
            rank,
            has_rows=self.center == "both",
            has_columns=bool(self.center),
            by_column=self.noise == "column",
            spread=self._spread(observed, training),
        )
        watch.of(training, None)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        chains = run_chains(
            model, data, n_chains=self.n_chains, burn_in=self.burn_in, n_samples=self.n_samples,
            n_draws=self.n_draws, seed=seed, after=partial(self._after, watch),
        )  # fmt: skip
        self._set_features(training)
        self._store_draws(chains, training, seed)
        self._store_rows(training.observed)
        self._store_summary(chains)
        watch.end()

    def _units(self, observed, units):
        if self.center == "both":
            units = replace(units, center=comparable_centers(observed, units))
        if units.flat:
            # The noise, which is at least a small part of the scale, is to be next to nothing.
            size = float(np.abs(units.mean).max()) or FLAT_SCALE**3
            units = replace(units, scale=np.full_like(units.scale, FLAT_SCALE * size))
        return units

    def _spread(self, observed, training):
        """What varies in each learned column, in the units of the fit."""
        if self.scale:
            return None
        own = fit_units(observed, None, center=bool(self.center), scale=True)
        return (own.scale / training.units.scale)[training.learned]

    def _n_kept(self):
        """Number of draws that a fit keeps."""
        return min(self.n_draws, self.n_chains * self.n_samples)

    def _check_memory(self, shape, data, rank):
        """Refuse draws that would not fit, before the first."""
        (n, m), q = shape, rank + 1
        n_draws = self._n_kept()
        # Means and draws of every training row, and the columns, of each draw.
        numbers = n_draws * (2 * n * q + 2 * m * (q + 1))
        check_fits(
            numbers * data.dtype.itemsize,
            f"{n_draws} draws of the factors of {n} rows and {m} columns at rank {rank}",
            "Lower n_draws or rank.",
        )

    def _after(self, watch, chain, sweep, noise):
        watch.tell()
        if self.verbose and sweep % self.verbose == 0:
            show_log()
            logger.info("chain %d, sweep %d: noise %.4g", chain, sweep, noise)

    def _store_summary(self, chains):
        after = slice(self.burn_in, None)
        courses = {name: chains.trace[name][:, after] for name in ("noise", "signal")}
        cells = np.moveaxis(chains.cells, 2, 0)
        self.r_hat_ = {name: split_r_hat(course) for name, course in courses.items()}
        self.effective_sample_size_ = {
            name: effective_sample_size(course) for name, course in courses.items()
        }
        r_hats = [split_r_hat(course) for course in cells]
        sizes = [effective_sample_size(course) for course in cells]
        self.r_hat_["predictions"] = float(np.quantile(r_hats, 1 - EXCEPTIONS))
        self.effective_sample_size_["predictions"] = float(np.quantile(sizes, EXCEPTIONS))
        self.trace_ = chains.trace
        self.n_iter_ = self.burn_in + self.n_samples
        r_hat = self.r_hat_["predictions"]
        self.converged_ = bool(r_hat <= LARGEST_R_HAT)
        self.stop_reason_ = f"n_samples sweeps done; R-hat of predictions {r_hat:.3f}"
        if not self.converged_:
            found = "are too few to tell whether the chain has converged"
            if np.isfinite(r_hat):
                found = (
                    f"leave halves of the chains that disagree (R-hat {r_hat:.2f} in the worst "
                    f"tenth of the cells, of at most {LARGEST_R_HAT})"
                )
            cure = "Raise burn_in and n_samples."
            if self.n_chains > 1:
                cure += (
                    " If that does not help, chains have found different answers that the entries "
                    "do not tell apart; check='exact' says where."
                )
            warn(
                f"{type(self).__name__}: {self.n_iter_} sweeps {found}. {cure}",
                ConvergenceWarning,
            )
