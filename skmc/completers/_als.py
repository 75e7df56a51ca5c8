"""Completion by alternating least squares."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, StrOptions
from skmc.solvers import AlternatingLeastSquares


class ALSCompleter(BaseCompleter):
    """Low-rank completion by alternating least squares.

    minimise over U, V and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - u_i . v_j)^2 + alpha/2 (|U|_F^2 + |V|_F^2)

    in standardised units, with multiples of `alpha` for rows and columns if `penalty_power` is not
    0. Rows and columns are solved exactly in turn, each a small ridge
    regression (in its dual form where a row has fewer entries than the rank), with Nesterov
    extrapolation that is restarted whenever the objective rises. With `rank` at least that of the
    solution this is the nuclear-norm problem that `SoftImputeCompleter` solves. New rows are
    folded in by the same ridge regression.

    Parameters
    ----------
    rank : int or "auto", default=10
        Number of components, the width of the factors, of which there must be one, while `max_rank`
        of `SoftImputeCompleter` is no more than a bound on its solution; reduced silently to what
        the shape allows. ``"auto"``: what predicts held-out entries best, up from 0, where nothing
        but the offsets is left; with ``alpha="auto"`` smaller fractions of the edge of the noise
        are tried too. Folds of a tenth of the entries each are held out, as many as give 3000
        entries, at most ten; three ranks in a row without a gain of 0.1 % in error end the search.
    alpha : float or "auto", default="auto"
        Penalty, at least 0. ``"auto"``: `SoftImputeCompleter` finds the components that pass the
        edge of the noise, `rank` of them at most, and these are fitted with 0.4 of it; pure noise
        is fitted by nothing. At 0, rows with fewer entries than the rank get the factors of
        smallest norm.
    penalty_power : float, default=0.0
        The penalty of a row or column with c entries is `alpha` times ``(c / mean c) **
        penalty_power``. 0: the nuclear norm. For ratings, whose counts are uneven, about 0.5 lowers
        the error; 1 is "weighted-lambda regularisation" [2]_. Entries count with their weights.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of the column factors between sweeps, restarted when a sweep turns back or the
        objective rises: the same solution in fewer sweeps, two to three times fewer where
        many are needed. None: plain sweeps.
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
    init : {"svd", "random"} or array-like of shape (rank, n_features), default="svd"
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
        Seed of ``init="random"`` and of the entries held out for ``rank="auto"``, for which None is
        0; nothing else is random.
    n_jobs : int or None, default=None
        Threads; None takes all cores, but no more than an outer parallel loop leaves. The result
        is bitwise the same for any number.
    check : {"fast", "exact", "off"}, default="fast"
        What `fit` looks for to warn, by `skmc.exceptions.UndeterminedWarning`, of entries that it
        fills and cannot know. ``"fast"``: by counting, without a penalty rows and columns with too
        few entries for the rank, parts of the table that share no row or column, fewer entries than
        degrees of freedom; with one only large parts of the table that share no row or column, as
        it draws towards the offsets where little is known. ``"exact"``: whether each entry is
        determined at the fitted rank, as `skmc.diagnostics.completability` tells. ``"off"``:
        nothing. Only ``"exact"`` is heeded in folds that scikit-learn fits.
    verbose : int, default=0
        Log every `verbose`-th iteration to the logger ``skmc``, which gets a handler if logging is
        not configured; 0 logs nothing.

    Attributes
    ----------
    components_ : ndarray of shape (`rank_`, n_features)
        Components: X is about ``offsets_ + scale_ * (row_factors(X) @ components_)``, plus the row
        offsets with ``center="both"``.
    rank_ : int
        Number of components: those that pass the edge of the noise with ``alpha="auto"``, otherwise
        the bound `rank` as far as the shape allows. More than the signal has, as a rule: a penalty
        shrinks small components and removes few (rank 3 in noise gives 5 to 9). What estimates the
        rank is ``rank="auto"``, `ALSCompleterCV`, and `effective_rank_` of `BayesianCompleter`.
    alpha_ : float
        Penalty that was used.
    fold_in_alpha_ : float
        Ridge, in standardised units, of the regression of a row on the components: that of
        `alpha_`, or the noise variance if `alpha_` is 0.
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
    search_ : dict of ndarray
        With ``rank="auto"``, what was tried in this order: ``rank``, ``relaxation`` (penalty as a
        fraction of the edge of the noise), mean ``score`` (R^2 on held-out entries) and ``n_iter``,
        iterations of all folds.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    SoftImputeCompleter : The same problem without a bound on the rank, by proximal gradient.
    ProjectedGDCompleter : A hard bound on the rank without penalty.

    Notes
    -----
    Cost per sweep: nnz r^2 + (n + m) r^3 / 3 multiply-adds; memory: three copies of the observed
    entries and the factors. With ``alpha=0`` and fewer than five observed entries to each of the
    ``r (n + m - r)`` degrees of freedom the spectral start is followed by 18 sweeps with penalties
    that fall to zero, as it is then too far from the solution.

    References
    ----------
    .. [1] Hastie, T., Mazumder, R., Lee, J. D. and Zadeh, R. (2015). Matrix completion and low-rank
       SVD via fast alternating least squares. JMLR 16, 3367-3402. arXiv:1410.2596.
    .. [2] Zhou, Y., Wilkinson, D., Schreiber, R. and Pan, R. (2008). Large-scale parallel
       collaborative filtering for the Netflix prize. :doi:`10.1007/978-3-540-68880-8_32`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import ALSCompleter
    >>> X = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 2.0])
    >>> X[0, 0] = X[2, 1] = np.nan
    >>> ALSCompleter(rank=1, alpha=0).fit_transform(X).round(3)
    array([[ 1., -1.,  2.],
           [ 2., -2.,  4.],
           [ 3., -3.,  6.],
           [ 4., -4.,  8.]])
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "penalty_power": [Interval(Real, 0, 1, closed="both")],
        "momentum": [StrOptions({"nesterov"}), None],
    }
    _test_variants: ClassVar = (
        {"alpha": 1.0, "momentum": None},
        {"alpha": 1.0, "penalty_power": 0.5, "center": "both"},
        {"alpha": 0, "rank": 1},
        {"rank": "auto"},
    )

    def __init__(
        self,
        rank=10,
        *,
        alpha="auto",
        penalty_power=0.0,
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
        self.rank = rank
        self.alpha = alpha
        self.penalty_power = penalty_power
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
        return AlternatingLeastSquares(momentum=self.momentum)

    def _rank_and_alpha(self):
        return self.rank, self.alpha
