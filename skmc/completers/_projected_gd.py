"""Completion by projected gradient descent."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, StrOptions
from skmc.solvers import ProjectedGradient


class ProjectedGDCompleter(BaseCompleter):
    """Completion at a fixed rank by projected gradient descent.

    minimise over Z of rank at most `rank` and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - z_ij)^2

    in standardised units. Each step moves Z along the residual on the observed entries and
    projects back by a truncated singular value decomposition, computed by one pass of warm-started
    subspace iteration on the sparse-plus-low-rank matrix. New rows are folded in with a ridge equal
    to the noise variance of the fit, as plain least squares explodes on rows with about `rank`
    observed entries.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Rank; reduced silently to what the shape allows. ``"auto"``: the one that predicts held-out
        entries best, up from 0, where nothing but the offsets is left. Folds of a tenth of the
        entries each are held out, as many as give 3000 entries, at most ten; three ranks in a row
        without a gain of 0.1 % in error end the search.
    step_size : "auto" or float, default="auto"
        Step in units of the inverse of the largest entry weight. 1.0 fills in the prediction and
        always converges. From 2.0 on the iteration diverges if nothing is missing, and somewhat
        below it may go round in circles; the sparser the data the longer a step may be.
        ``"auto"`` follows the curvature along the last changes and is never shorter than 1.0.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation k / (k + 3) between steps, restarted when the objective rises: the same
        solution in fewer steps. None: plain projected gradient.
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
        Seed of ``init="random"`` and of the entries held out for ``rank="auto"``, for which None is
        0; nothing else is random.
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

    Raises
    ------
    ValueError
        In `fit`, if a step size that is too long makes the iteration diverge, so that a grid
        search ranks it last.

    See Also
    --------
    ALSCompleter : Fixed rank with a penalty, exact steps.
    SoftImputeCompleter : The convex relaxation, for noisy data of unknown rank.

    Notes
    -----
    Cost per iteration: about 6 nnz r + 8 (n + m) r^2 multiply-adds; memory: six arrays over the
    observed entries. Convergence is linear near the solution at a rate that depends on the pattern
    of holes and not on the condition number of the matrix.

    References
    ----------
    .. [1] Jain, P., Meka, R. and Dhillon, I. (2010). Guaranteed rank minimization via singular
       value projection. NeurIPS 23. arXiv:0909.5457.
    .. [2] Vu, T., Chunikhina, E. and Raich, R. (2021). On local linear convergence rate of
       iterative hard thresholding for matrix completion. arXiv:2112.14733.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import ProjectedGDCompleter
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(120, 80, 3, observed=0.5, random_state=0)
    >>> completed = ProjectedGDCompleter(rank=3).fit_transform(data.X)
    >>> bool(np.abs(completed - data.truth).max() < 1e-6)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "step_size": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "momentum": [StrOptions({"nesterov"}), None],
    }
    _test_settings: ClassVar = {"rank": 3}
    _test_variants: ClassVar = (
        {"momentum": None},
        {"rank": 1, "step_size": 1.0},
    )

    def __init__(
        self,
        rank="auto",
        *,
        step_size="auto",
        momentum="nesterov",
        center=True,
        scale="noise",
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
        self.step_size = step_size
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
        return ProjectedGradient(step_size=self.step_size, momentum=self.momentum)

    def _rank_and_alpha(self):
        return self.rank, 0.0
