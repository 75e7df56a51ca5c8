"""Completion by the nuclear norm."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, StrOptions
from skmc.solvers import SoftImpute, debiased


class SoftImputeCompleter(BaseCompleter):
    """Convex completion: least squares plus nuclear norm.

    minimise over Z and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - z_ij)^2 + alpha |Z|_*

    in standardised units, ``|Z|_*`` being the sum of the singular values. The solution keeps those
    that rise above the penalty, often more than the signal has: the rank need not be known. Solved
    by proximal gradient steps (fill in, decompose, shrink the singular values by alpha) with
    Nesterov extrapolation and restart, and steps as long as the curvature met allows. Sparse data
    are decomposed by one pass of warm-started subspace iteration per step on the
    sparse-plus-low-rank matrix, which is never formed.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Penalty, above 0. ``"auto"``: the penalty at which no noise is let through selects the
        components, found in the fit itself, and these are fitted again with 0.4 of it and no room
        for others, which shrinks them less (a relaxed fit [3]_); pure noise is fitted by nothing.
        From `alpha_max_` on nothing but the offsets is left.
    max_rank : int or None, default=None
        Largest rank kept; None sets no bound. It bounds a solution whose rank the penalty decides,
        where `rank` of `ALSCompleter` is the width of factors that there are from the start. A
        bound below the rank of the solution makes the problem non-convex.
    debias : bool, default=False
        Fit the singular values of the solution again, by least squares on the observed entries,
        with singular vectors as they are, and fold rows in with a ridge equal to the noise variance
        of that fit. This undoes what the penalty has taken off the signal, and spares rows the
        penalty: worth trying unless `alpha` is far too small. Costs about an iteration for every
        six components.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation k / (k + 3) between steps, restarted when the objective rises: the same
        solution in fewer steps, the more the smaller `alpha` is. None: plain proximal gradient.
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
    init : {"svd", "random"} or array-like of shape (max_rank, n_features), default="svd"
        Where to start: spectral (deterministic), small random factors, or given components in
        standardised units.
    max_iter : int, default=500
        Largest number of iterations.
    tol : float, default=1e-2
        Stop when the completed matrix is estimated to be within `tol` times the root mean square
        residual of its limit. An exact fit stops at floating-point accuracy.
    warm_start : bool, default=False
        Start from the components, offsets and units of the previous fit if their shape fits. Saves
        little with ``alpha="auto"``, whose search starts anew.
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
        Seed of ``init="random"``; nothing else is random.
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
        Log every `verbose`-th iteration to the logger ``skmc``, which gets a handler if logging is
        not configured; 0 logs nothing.

    Attributes
    ----------
    components_ : ndarray of shape (`rank_`, n_features)
        Components: X is about ``offsets_ + scale_ * (row_factors(X) @ components_)``, plus the row
        offsets with ``center="both"``.
    rank_ : int
        Number of components: those that stand out of the noise with ``alpha="auto"``, otherwise
        all that the penalty leaves. Either way often more than the signal has, as small ones are
        shrunk, not removed. What estimates the rank is `rank_` of `ALSCompleterCV` or of
        ``ALSCompleter(rank="auto")``, and `effective_rank_` of `BayesianCompleter`.
    alpha_ : float
        Penalty that was used, before a refit by `debias`.
    fold_in_alpha_ : float
        Ridge, in standardised units, of the regression of a row on the components: that of
        `alpha_`, or the noise variance with ``debias=True``.
    row_offset_alpha_ : float or None
        Penalty of the row offsets with ``center="both"``, estimated from the data.
    offsets_, scale_ : ndarray of shape (n_features,)
        Offset and scale of each column; with ``scale=False`` all scales are equal.
    spread_ : ndarray of shape (n_features,)
        Standard deviation of each column, the unit of errors in `score`; `scale_` unless
        ``scale="noise"``.
    n_iter_ : int
        Iterations done.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : str
        Why the iterations ended, in words.
    trace_ : dict of ndarray
        ``time`` in seconds, ``objective`` in standardised units, relative ``change``, ``alpha``
        and ``rank`` of each iteration, and its ``stage``: objectives before and after a change of
        penalty or units, which begins a stage, cannot be compared.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.
    alpha_max_ : float
        Smallest penalty at which nothing but the offsets is left.

    See Also
    --------
    ALSCompleter : The same problem with a bound on the rank, faster on very sparse data.

    Notes
    -----
    Cost per iteration: about 6 nnz r + 8 (n + m) r^2 multiply-adds, r being the rank of the
    iterate plus a margin; memory: five arrays over the observed entries. With a given `alpha`, a
    step at each of up to eight penalties that fall down to it comes before the first iteration:
    from zero straight to a small penalty, the first iterates would have full rank. These steps are
    as long as an even pattern allows and leave large components nearly as they are, so that one is
    enough.

    A refit of the singular values has at most as many unknowns as columns, so noise hardly enters
    it, unlike one of the singular vectors: at the best `alpha` for a matrix of 500 x 100 of rank 5,
    half observed with noise of 0.1, `debias` lowers the error in standardised units from 0.070 to
    0.050, where a refit by alternating least squares at a quarter of the penalty, with the 50
    components that `alpha` has let in, raises it to 0.096. A full core matrix in place of the
    singular values does no better.

    References
    ----------
    .. [1] Mazumder, R., Hastie, T. and Tibshirani, R. (2010). Spectral regularization algorithms
       for learning large incomplete matrices. JMLR 11, 2287-2322.
    .. [2] Yao, Q. and Kwok, J. T. (2019). Accelerated and inexact Soft-Impute for large-scale
       matrix and tensor completion. IEEE TKDE 31(9). arXiv:1703.05487.
    .. [3] Meinshausen, N. (2007). Relaxed Lasso. Computational Statistics & Data Analysis 52(1),
       374-393. :doi:`10.1016/j.csda.2006.12.019`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import SoftImputeCompleter
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(200, 50, 3, observed=0.6, noise=0.1, random_state=0)
    >>> completer = SoftImputeCompleter(keep_observed=False)
    >>> error = completer.fit_transform(data.X) - data.truth
    >>> bool(np.sqrt(np.mean(error**2)) < 0.1)
    True
    >>> bool(completer.alpha_ < completer.alpha_max_)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "max_rank": [Interval(Integral, 1, None, closed="left"), None],
        "debias": ["boolean"],
        "momentum": [StrOptions({"nesterov"}), None],
    }
    _test_variants: ClassVar = (
        {"alpha": 1.0},
        {"max_rank": 1, "momentum": None},
        {"alpha": 1.0, "debias": True},
        {"debias": True},
    )

    def __init__(
        self,
        alpha="auto",
        *,
        max_rank=None,
        debias=False,
        momentum="nesterov",
        center=True,
        scale="noise",
        init="svd",
        max_iter=500,
        tol=1e-2,
        warm_start=False,
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
        self.alpha = alpha
        self.max_rank = max_rank
        self.debias = debias
        self.momentum = momentum
        self.center = center
        self.scale = scale
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
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

    def _rank_and_alpha(self):
        return self.max_rank or np.inf, self.alpha

    def _store(self, result, training):
        super()._store(debiased(result) if self.debias else result, training)
        self.alpha_ = float(result.problem.alpha * training.units.common)
        self._solution = self.components_, self.offsets_
        if self.debias:
            before = training.fold_in(result)
            self._solution = before.components, before.offsets
        problem = result.problem
        if result.units is not None:
            # Where nothing is fitted the noise is the data, whose units the fit began with.
            problem = problem.in_column_units(1.0 / result.units)
        self.alpha_max_ = float(problem.alpha_max() * training.units.common)

    def _previous(self):
        # A refit is no solution.
        return self._solution
