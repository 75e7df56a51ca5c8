"""Completion by the nuclear norm, its penalty chosen on held-out entries."""

from numbers import Integral
from typing import ClassVar

import numpy as np

from skmc._compat import Interval, InvalidParameterError, StrOptions
from skmc._search import Plan, nuclear_path, relaxed
from skmc.completers._path_cv import PathCV, as_numbers
from skmc.solvers import SoftImpute


class SoftImputeCompleterCV(PathCV):
    """Convex completion with the penalty chosen by cross-validation over entries.

    minimise over Z and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - z_ij)^2 + alpha |Z|_*

    in standardised units, for a decreasing sequence of penalties, each solution the start of the
    next, on all folds at once. The nuclear norm selects components but also shrinks them, so at
    each penalty refits are tried too, with the rank that it has selected and a fraction of the
    penalty: the debiased solution. What predicts held-out entries best is fitted to all entries.
    The path ends as soon as it brings nothing.

    Parameters
    ----------
    alphas : array-like of float or None, default=None
        Penalties to try, positive, in decreasing order until less brings nothing; of those that
        leave nothing but the offsets, only the smallest. None: `n_alphas` values from that at which
        nothing is left in any fold down to `eps` times it.
    eps : float, default=1e-3
        Length of the path: smallest over largest penalty.
    n_alphas : int, default=20
        Number of penalties along the path, which may end before the last.
    cv : int, splitter or iterable, default=5
        Folds of *entries*, not of rows. An int: that many random folds, none of which empties a
        row or column. A splitter: split as an array of shape (n_entries, 2) with the row and
        column of each observed entry, row by row. An iterable: (train, test) positions of entries
        in that order.
    one_standard_error : bool, default=False
        Choose the simplest model whose mean score is within one standard error of the best, rather
        than within 0.1 % of its error.
    relaxations : sequence of float, default=(1.0, 0.25, 0.0625)
        Fractions of the penalty, in (0, 1], for refits with the rank selected; 1 is the solution of
        the path itself.
    max_rank : int or None, default=None
        Largest rank kept along the path; None sets no bound.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation k / (k + 3) between steps, restarted when the objective rises: the same
        solution in fewer steps, the more the smaller the penalty is. None: plain proximal gradient.
    center : bool or "both", default=True
        True: column offsets are part of the model, unpenalised and fitted jointly with the
        factors. ``"both"``: shrunk row offsets too, for ratings. False: none.
    scale : bool or "noise", default="noise"
        True: divide each column by the standard deviation of its observed entries (drawn towards
        the common one in columns with ten entries or fewer, at least an eighth of the largest
        deviation), the root mean square if ``center=False``, and multiply back. ``"noise"``: from
        there go on to units in which the residuals of all columns have one variance, found while
        fitting, so that each column counts for what it can be trusted (generalised least squares).
        False: one scale for all.
    max_iter : int, default=500
        Largest number of iterations of the last fit, and of its refit with less of the penalty;
        along the path it is 100, if not less.
    tol : float, default=1e-2
        Stop a fit when the completed matrix is estimated to be within `tol` times the root mean
        square residual of its limit. An exact fit stops at floating-point accuracy.
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
        predicted beyond is set to the bound. They have no part in the fit or the search, and
        observed entries are returned as they are.
    add_indicator : bool, default=False
        Append a 0/1 column for each feature that had missing entries in `fit`.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds; None is 0, so that a fit can be repeated.
    n_jobs : int or None, default=None
        Threads; None takes all cores, but no more than an outer parallel loop leaves. The result
        is bitwise the same for any number.
    check : {"fast", "exact", "off"}, default="fast"
        What `fit` looks for to warn, by `skmc.exceptions.UndeterminedWarning`, of entries that it
        fills and cannot know. ``"fast"``: by counting, large parts of the table that share no row
        or column. ``"exact"``: whether each entry is determined at the fitted rank, as
        `skmc.diagnostics.completability` tells. ``"off"``: nothing. Only ``"exact"`` is heeded in
        folds that scikit-learn fits.
    verbose : int, default=0
        Log every `verbose`-th iteration of the last fit to the logger ``skmc``, which gets a
        handler if logging is not configured; 0 logs nothing.

    Attributes
    ----------
    alpha_ : float
        Penalty of the last fit: one of `alphas_` times `relaxation_`.
    relaxation_ : float
        The best of `relaxations`.
    alphas_ : ndarray of shape (n_alphas,)
        Penalties of the path, decreasing.
    score_path_ : ndarray of shape (n_alphas, n_relaxations, n_folds)
        R^2 on the held-out entries against the training column means, NaN where the path had
        ended.
    n_path_iter_ : int
        Iterations of the solvers along the path, all folds together.
    components_ : ndarray of shape (`rank_`, n_features)
        Components: X is about ``offsets_ + scale_ * (row_factors(X) @ components_)``, plus the row
        offsets with ``center="both"``.
    rank_ : int
        Number of components left by the penalty of the path.
    fold_in_alpha_ : float
        Ridge, in standardised units, of the regression of a row on the components: that of
        `alpha_`.
    row_offset_alpha_ : float or None
        Penalty of the row offsets with ``center="both"``, estimated from the data.
    offsets_, scale_ : ndarray of shape (n_features,)
        Offset and scale of each column; with ``scale=False`` all scales are equal.
    spread_ : ndarray of shape (n_features,)
        Standard deviation of each column, the unit of errors in `score`; `scale_` unless
        ``scale="noise"``.
    n_iter_ : int
        Iterations of the last fit.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : str
        Why the iterations ended, in words.
    trace_ : dict of ndarray
        ``time`` in seconds, ``objective`` in standardised units, relative ``change``,
        ``alpha`` and ``rank`` of each iteration of the last fit, and its ``stage``: objectives
        before and after a change of penalty or units, which begins a stage, cannot be compared.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    SoftImputeCompleter : The same problem at one penalty, found without held-out entries.
    ALSCompleterCV : Chooses the rank as well.

    Notes
    -----
    Cost: that of `SoftImputeCompleter` for each fold and each penalty, less what the warm start
    saves, and alternating least squares for the refits. Scores are honest for choosing; the best
    one is a little too good as an estimate of the error, for which hold out other entries.

    References
    ----------
    .. [1] Mazumder, R., Hastie, T. and Tibshirani, R. (2010). Spectral regularization algorithms
       for learning large incomplete matrices. JMLR 11, 2287-2322.
    .. [2] Meinshausen, N. (2007). Relaxed Lasso. Computational Statistics & Data Analysis 52(1),
       374-393. :doi:`10.1016/j.csda.2006.12.019`.

    Examples
    --------
    >>> from skmc import SoftImputeCompleterCV
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(200, 50, 3, observed=0.6, noise=0.1, random_state=0)
    >>> completer = SoftImputeCompleterCV().fit(data.X)
    >>> completer.rank_
    3
    >>> completer.relaxation_ < 1  # the debiased refit predicts better
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **PathCV._parameter_constraints,
        "relaxations": ["array-like"],
        "max_rank": [Interval(Integral, 1, None, closed="left"), None],
        "momentum": [StrOptions({"nesterov"}), None],
    }
    _test_settings: ClassVar = {"relaxations": [1.0, 0.25], "n_alphas": 3, "eps": 0.01, "cv": 2}

    def __init__(
        self,
        *,
        alphas=None,
        eps=1e-3,
        n_alphas=20,
        cv=5,
        one_standard_error=False,
        relaxations=(1.0, 0.25, 0.0625),
        max_rank=None,
        momentum="nesterov",
        center=True,
        scale="noise",
        max_iter=500,
        tol=1e-2,
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
        self.alphas = alphas
        self.eps = eps
        self.n_alphas = n_alphas
        self.cv = cv
        self.one_standard_error = one_standard_error
        self.relaxations = relaxations
        self.max_rank = max_rank
        self.momentum = momentum
        self.center = center
        self.scale = scale
        self.max_iter = max_iter
        self.tol = tol
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

    def _make_solver(self):
        return SoftImpute(momentum=self.momentum)

    def _choose(self, folds, alphas, largest_rank):
        relaxations = self._checked_relaxations()
        max_rank = self.max_rank or np.inf
        path = nuclear_path(
            folds, alphas, max_rank, relaxations,
            solver=self._make_solver(), **self._search_options(),
        )  # fmt: skip
        a, k = path.best(one_standard_error=self.one_standard_error)
        found = {
            "alphas_": alphas,
            "score_path_": path.scores,
            "n_path_iter_": path.n_iter,
            "relaxation_": float(relaxations[k]),
        }
        rank = 0 if self._offsets_suffice(folds, path) else max_rank
        return Plan(rank, alphas[a], float(relaxations[k]), found)

    def _check_parameters(self):
        super()._check_parameters()
        self._checked_relaxations()

    def _checked_relaxations(self):
        relaxations = as_numbers(self.relaxations)
        if not relaxations.size or not ((relaxations > 0) & (relaxations <= 1)).all():
            raise InvalidParameterError(
                f"relaxations must be numbers above 0 and at most 1; got {self.relaxations!r}."
            )
        return np.sort(relaxations)[::-1]

    def _refit(self, result, plan):
        return relaxed(result, plan.relaxation, verbose=int(self.verbose), **self._options())
