"""Completion by Gauss-Newton steps."""

from numbers import Integral
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval
from skmc.solvers import MinimumNormGaussNewton


class GaussNewtonCompleter(BaseCompleter):
    """Completion at a fixed rank by Gauss-Newton steps on the factors.

    minimise over U, V with `rank` columns and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - u_i . v_j)^2

    in standardised units. A step takes the smallest factors (A, B) among those for which
    ``A V' + U B' - U V'`` and offsets fit the observed entries best, and balances them [1]_. As the
    residual falls, damped steps are tried [2]_, in coordinates that depend neither on the scale of
    rows and columns nor on the condition number of the matrix; close to a matrix that fits exactly
    they square the error from one to the next. New rows are folded in with a ridge equal to the
    noise variance of the fit, as plain least squares explodes on rows with about `rank` observed
    entries.

    Parameters
    ----------
    rank : int, default=10
        Rank; reduced silently to what the shape allows.
    center : bool or "both", default=True
        True: column offsets are part of the model, unpenalised and fitted jointly with the
        factors. ``"both"``: shrunk row offsets too, for ratings. False: none.
    scale : bool, default=True
        True: divide each column by the standard deviation of its observed entries (drawn towards
        the common one in columns with ten entries or fewer, at least an eighth of the largest
        deviation), the root mean square if ``center=False``, and multiply back. False: one scale
        for all.
    init : {"svd", "random"} or array-like of shape (rank, n_features), default="svd"
        Where to start: spectral (deterministic), small random factors, or given components in
        standardised units.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-2
        Stop when the completed matrix is estimated to be within `tol` times the root mean square
        residual of its limit. An exact fit stops at floating-point accuracy.
    warm_start : bool, default=False
        Start from the components, offsets and units of the previous fit if their shape fits.
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
        fills and cannot know. ``"fast"``: by counting, rows and columns with too few entries for
        the rank, parts of the table that share no row or column, fewer entries than degrees of
        freedom. ``"exact"``: whether each entry is determined at the fitted rank, as
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
        Number of components.
    alpha_ : float
        Penalty that was used: 0.
    fold_in_alpha_ : float
        Ridge, in standardised units, by which rows are fitted to the components:
        the noise variance.
    row_offset_alpha_ : float or None
        Penalty of the row offsets with ``center="both"``, estimated from the data.
    offsets_, scale_ : ndarray of shape (n_features,)
        Offset and scale of each column; with ``scale=False`` all scales are equal.
    spread_ : ndarray of shape (n_features,)
        Standard deviation of each column, the unit of errors in `score`: `scale_`.
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

    See Also
    --------
    ContinuationCompleter : The same problem from even fewer entries.
    ALSCompleter : Fixed rank with a penalty, for noisy data.
    ProjectedGDCompleter : The same problem by cheaper steps, of which it takes more.

    Notes
    -----
    Cost per iteration: 4 nnz r multiply-adds for each conjugate-gradient step, at most 500; for a
    damped one 2 (n + m) r^2 more, and once nnz r^2 / 2 + 4 (n + m) r^3 / 3. Memory: six arrays
    over the observed entries and (n + m) r^2 numbers. The iteration keeps the best factors on its
    way, and gives up when fifty steps have brought none.

    References
    ----------
    .. [1] Zilber, P. and Nadler, B. (2022). GNMR: A provable one-line algorithm for low rank matrix
       recovery. arXiv:2106.12933.
    .. [2] Marquardt, D. W. (1963). An algorithm for least-squares estimation of nonlinear
       parameters. :doi:`10.1137/0111030`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import GaussNewtonCompleter
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(120, 80, 3, observed=0.5, random_state=0)
    >>> completed = GaussNewtonCompleter(rank=3).fit_transform(data.X)
    >>> bool(np.abs(completed - data.truth).max() < 1e-6)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left")],
        "scale": ["boolean"],
    }
    _test_settings: ClassVar = {"rank": 3}
    _test_variants: ClassVar = ({"rank": 1},)

    def __init__(
        self,
        rank=10,
        *,
        center=True,
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
        return MinimumNormGaussNewton()

    def _rank_and_alpha(self):
        return self.rank, 0.0
