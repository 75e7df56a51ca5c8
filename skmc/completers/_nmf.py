"""Completion by non-negative factors."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, StrOptions
from skmc._non_negative_fold_in import NonNegativeFoldIn
from skmc.solvers import NonNegativeALS


class NMFCompleter(BaseCompleter):
    """Completion of non-negative data by non-negative factors.

    minimise over U >= 0 and V >= 0::

        1/2 sum_{(i,j) observed} w_ij (x_ij - u_i . v_j)^2 + alpha/2 (|U|_F^2 + |V|_F^2)

    in columns divided by their scale. There are no offsets: every entry is a sum of parts, none of
    which takes away from another, so that components can be read as parts or topics, and no
    prediction is negative. Missing entries have no part in the fit; an observed zero is a zero. New
    rows are folded in by ridge regression with non-negative coefficients, solved exactly.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Number of components; reduced silently to what the shape allows. ``"auto"``: what predicts
        held-out entries best, up from 0, where all is zero. Folds of a tenth of the entries each
        are held out, as many as give 3000 entries, at most ten; three ranks in a row without a
        gain of 0.1 % in error end the search.
    alpha : float, default=0.0
        Penalty, at least 0. Components that are weaker vanish.
    update : {"hals", "multiplicative"}, default="hals"
        ``"hals"``: hierarchical alternating least squares [2]_, exact minimisation over one column
        of a factor at a time, with Nesterov extrapolation between sweeps that is restarted when
        the objective does not fall. ``"multiplicative"``: the rule of Lee and Seung [1]_ on the
        observed entries, which takes many times as many iterations.
    scale : bool, default=True
        True: divide each column by the root mean square of its observed entries (drawn towards the
        common one in columns with ten entries or fewer), and multiply back. False: one scale for
        all.
    init : {"svd", "random"} or array-like of shape (rank, n_features), default="svd"
        Where to start: non-negative parts of singular vectors [3]_ (deterministic), random factors,
        or given non-negative components in units of `scale_`. Different starts may lead to
        different minima.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-2
        Stop when the completed matrix is estimated to be within `tol` times the root mean square
        residual of its limit. An exact fit stops at floating-point accuracy.
    warm_start : bool, default=False
        Start from the components and units of the previous fit if their shape fits.
    missing_values : float or "nan", default=nan
        The mark of missing entries in dense input; NaN is an error if it is a number.
    keep_observed : bool, default=True
        Return observed entries as they are; False returns the prediction of the model for them.
    keep_empty_features : bool, default=True
        Keep columns without any observed entry, filled with zeros; False drops them.
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
        Non-negative components: X is about ``scale_ * (row_factors(X) @ components_)``.
    rank_ : int
        Number of components; the penalty may have made some of them zero.
    alpha_ : float
        Penalty that was used.
    fold_in_alpha_ : float
        Ridge, in standardised units, of the regression of a row on the components: that of
        `alpha_`, or the noise variance if `alpha_` is 0.
    row_offset_alpha_ : None
        There are no row offsets.
    offsets_, scale_ : ndarray of shape (n_features,)
        Zeros, and the scale of each column; with ``scale=False`` all scales are equal.
    spread_ : ndarray of shape (n_features,)
        The unit of errors in `score`: `scale_`.
    n_iter_ : int
        Iterations done.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : str
        Why the iterations ended, in words.
    trace_ : dict of ndarray
        ``time`` in seconds, ``objective`` in standardised units, relative ``change``, ``alpha``,
        ``rank`` and ``stage`` of each iteration; the last three are constant.
    search_ : dict of ndarray
        With ``rank="auto"``, what was tried in this order: ``rank``, ``relaxation`` (always 1),
        mean ``score`` (R^2 on held-out entries) and ``n_iter``, iterations of all folds.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    ALSCompleter : Factors of any sign, with offsets and an automatic penalty.
    sklearn.decomposition.NMF : The same for complete data.

    Notes
    -----
    Negative observed entries are an error, in `fit` and in `transform`. A row without observed
    entries is completed by zeros.

    Cost per iteration: about 8 nnz r multiply-adds with either update. Fold-in: nnz r^2 / 2 +
    n r^3 / 3 times the few exchanges of positive and zero coefficients that it takes.

    `leave_one_out` and `score` are exact, although a fit under constraints has no closed form: as
    long as the same coefficients stay positive without the entry, that of ridge regression on these
    holds, which is verified for each entry; the others are solved anew.

    An iteration without extrapolation is a map from factors to factors whose fixed points are the
    stationary points [4]_: ``NonNegativeALS(update).iteration_map(problem, U, V)`` in
    ``skmc.solvers``. Near a solution the spectral radius of its derivative is the rate of
    convergence; its norm may exceed one, so that it need not be a contraction.

    References
    ----------
    .. [1] Lee, D. D. and Seung, H. S. (2001). Algorithms for non-negative matrix factorization.
       NeurIPS 13, 556-562.
    .. [2] Cichocki, A. and Phan, A.-H. (2009). Fast local algorithms for large scale nonnegative
       matrix and tensor factorizations. IEICE Transactions E92-A(3), 708-721.
       :doi:`10.1587/transfun.E92.A.708`.
    .. [3] Boutsidis, C. and Gallopoulos, E. (2008). SVD based initialization: a head start for
       nonnegative matrix factorization. Pattern Recognition 41(4), 1350-1362.
       :doi:`10.1016/j.patcog.2007.09.010`.
    .. [4] Geng, Z., Guo, M.-H., Chen, H., Li, X., Wei, K. and Lin, Z. (2021). Is attention better
       than matrix decomposition? ICLR. arXiv:2109.04553.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import NMFCompleter
    >>> X = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0])
    >>> X[0, 0] = X[2, 1] = np.nan
    >>> NMFCompleter(rank=1).fit_transform(X).round(3)
    array([[1., 0., 2.],
           [2., 0., 4.],
           [3., 0., 6.],
           [4., 0., 8.]])
    """

    # Offsets of any sign are what non-negative factors are to do without.
    center = False
    _fold_in_type = NonNegativeFoldIn

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._constraints_without("center"),
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "update": [StrOptions({"hals", "multiplicative"})],
        "scale": ["boolean"],
    }
    _test_settings: ClassVar = {"rank": 3}
    _test_variants: ClassVar = (
        {"alpha": 1.0},
        {"scale": False},
        # At a higher rank products do not reach their limit in the iterations that checks allow.
        {"update": "multiplicative", "rank": 1},
    )

    def __init__(
        self,
        rank="auto",
        *,
        alpha=0.0,
        update="hals",
        scale=True,
        init="svd",
        max_iter=1000,
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
        self.update = update
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
        return NonNegativeALS(self.update)

    def _rank_and_alpha(self):
        return self.rank, self.alpha

    def _validate(self, X, *, reset=False, entry_weight=None):
        observed = super()._validate(X, reset=reset, entry_weight=entry_weight)
        self._refuse_negative(observed)
        return observed

    def _fit_observed(self, observed, sample_weight=None, X=None, y=None):
        # Entries that come as triplets have not passed `_validate`.
        self._refuse_negative(observed)
        super()._fit_observed(observed, sample_weight, X, y)

    def _refuse_negative(self, observed):
        values = observed.rows.values
        negative = np.flatnonzero(values < 0)
        if negative.size:
            rows, columns = observed.rows_and_columns()
            at = negative[0]
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}: {negative.size} of "
                f"{values.size} observed entries, the first {values[at]:g} in row {rows[at]}, "
                f"column {columns[at]}."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
