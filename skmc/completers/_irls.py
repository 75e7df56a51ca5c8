"""Completion by iteratively reweighted least squares."""

from numbers import Integral
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval
from skmc.solvers import ReweightedLeastSquares


class IRLSCompleter(BaseCompleter):
    """Completion at a fixed rank by iteratively reweighted least squares (MatrixIRLS).

    minimise over U, V with `rank` columns and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - u_i . v_j)^2

    in standardised units, by way of the matrices Z that match the observed entries up to offsets:
    among them the iteration looks for one with the smallest ``sum_k log max(s_k, eps)`` of singular
    values s, and eps falls to the first that should be zero. Each step is a least-squares
    problem whose weights let large components be and make small ones dear, solved by conjugate
    gradients in the tangent space of the leading singular vectors. Gauss-Newton steps finish what
    comes close, and end the fit on noisy data, where no such matrix has the rank. It needs one
    and a half to two entries to a degree of freedom, whatever the condition number. New rows are
    folded in with a ridge equal to the noise variance of the fit.

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
        Where to start: the singular vectors of the data with zeros for what is missing
        (deterministic), small random factors, or given components in standardised units.
    max_iter : int, default=500
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
    ContinuationCompleter : The same problem from still fewer entries.
    GaussNewtonCompleter : The same problem by Gauss-Newton steps.
    ALSCompleter : Fixed rank with a penalty, for noisy data.

    Notes
    -----
    Cost per iteration: about 4 nnz r + 6 (n + m) r^2 multiply-adds for a conjugate-gradient step,
    of which there are at most 500, and 8 nnz (r + 10) to follow the singular vectors; memory: six
    arrays over the observed entries and some ten over the factors. Sample weights count as
    repetitions of a row; entry weights tell how well an entry must be matched while the fit is not
    exact.

    References
    ----------
    .. [1] Kuemmerle, C. and Mayrink Verdun, C. (2021). A scalable second order method for
       ill-conditioned matrix completion from few samples. ICML, PMLR 139, 5872-5883.
       arXiv:2106.02119.
    .. [2] Mohan, K. and Fazel, M. (2012). Iterative reweighted algorithms for matrix rank
       minimization. JMLR 13, 3441-3473.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import IRLSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(120, 80, 3, observed=0.2, offsets=1.0, random_state=0)
    >>> completed = IRLSCompleter(rank=3).fit_transform(data.X)
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
        return ReweightedLeastSquares()

    def _rank_and_alpha(self):
        return self.rank, 0.0
