"""Completion by gradient descent on the factors."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, StrOptions
from skmc.solvers import FactorizedGradient


class FactorizedGDCompleter(BaseCompleter):
    """Low-rank completion by gradient descent on the factors.

    minimise over U, V and the offsets mu::

        1/2 sum_{(i,j) observed} w_ij (x_ij - mu_j - u_i . v_j)^2 + alpha/2 (|U|_F^2 + |V|_F^2)

    in standardised units: the problem of `ALSCompleter`, by steps that solve no linear system per
    row. With E the residual on the observed entries, U moves along ``E V - alpha U`` and V along
    ``E' U - alpha V``, each multiplied by the inverse Gram matrix of the other factor unless
    ``preconditioner=None``. That makes the number of steps independent of the condition number of
    the matrix, to which that of plain gradient descent is proportional; the Gram matrices are
    damped, so that `rank` may be larger than that of the matrix.

    Parameters
    ----------
    rank : int or "auto", default=10
        Number of components; reduced silently to what the shape allows. ``"auto"``: what predicts
        held-out entries best, up from 0, where nothing but the offsets is left; with
        ``alpha="auto"`` fractions of that penalty are tried too, as a rank that is known needs
        less. Folds of a tenth of the entries each are held out, as many as give 3000 entries, at
        most ten; three ranks in a row without a gain of 0.1 % in error end the search.
    alpha : float or "auto", default="auto"
        Penalty, at least 0. ``"auto"``: the threshold of least worst-case error at the noise level
        and rank that the fit itself shows; pure noise is fitted by nothing.
    step_size : "auto" or float, default="auto"
        ``"auto"``: the inverse of a running estimate of the curvature along the last steps; one
        that turns out too long is taken again, so that the objective never rises. A number is the
        step in units of 1 with the preconditioner (0.5 is usual), and without of the inverse of
        the largest singular value of the centred data with holes at zero. From 1.0 on the
        iteration does not converge if nothing is missing, from 2.0 on it diverges; with entries
        missing these limits are somewhat lower.
    update : {"joint", "alternating"}, default="alternating"
        ``"joint"``: both factors move by gradients at the same point. ``"alternating"``: V moves
        by the gradient at the U that has just moved; each step then is on a convex quadratic
        function, and may be up to twice as long.
    preconditioner : {"scaled", None}, default="scaled"
        ``"scaled"``: scaled gradient descent; None: plain.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of both factors with weight k / (k + 3), restarted when the objective rises
        and while the matrix still changes by a twentieth of its norm or more.
    balancing : float, default=0.0
        Coefficient c of the term ``c p / 8 |U'U - V'V|_F^2`` that is added to the objective, with p
        the mean weight of an entry of the whole matrix, observed or not. Small steps from a
        balanced start keep the balance without it.
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
    init : {"svd", "random", "balanced", "unbalanced"} or array-like of shape (rank, n_features), \
            default="svd"
        Where to start. ``"svd"``: spectral directions, deterministic; ``"random"``: Gaussian
        factors; both small, so that weak components grow out of what the strong ones leave.
        ``"balanced"``: the data restricted to the range of their product with a random matrix, in
        balanced factors. ``"unbalanced"``: U that product, V zero. An array gives components in
        standardised units.
    init_scale : float, default=1e-2
        Size of the factors of ``init="svd"``, against those of the spectral estimate of the matrix,
        and standard deviation of the entries of ``init="random"``, in units of sqrt(s / max(n, m)),
        with s an estimate of the largest singular value. From a smaller start it takes more
        iterations, in proportion to the logarithm of the scale.
    max_iter : int, default=1000
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
        Seed of the random starts and of the entries held out for ``rank="auto"``, for which None is
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
        Number of components, the bound `rank` as far as the shape allows; the penalty may have
        made some of them negligible.
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
        ``time`` in seconds, ``objective`` in standardised units, relative ``change``, ``alpha``,
        ``rank`` and ``imbalance`` (``|U'U - V'V|_F``, NaN in a stage of another solver) of each
        iteration, and its ``stage``: objectives before and after a change of penalty or units,
        which begins a stage, cannot be compared.
    search_ : dict of ndarray
        With ``rank="auto"``, what was tried in this order: ``rank``, ``relaxation`` (factor on the
        automatic penalty), mean ``score`` (R^2 on held-out entries) and ``n_iter``, iterations of
        all folds.
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
    ALSCompleter : The same problem by exact minimisation over each factor in turn.
    ProjectedGDCompleter : A hard bound on the rank without penalty, by steps on the matrix itself.

    Notes
    -----
    Cost per iteration: 4 nnz r multiply-adds, nnz r more with momentum and with ``"alternating"``,
    and about 10 (n + m) r^2; memory: seven arrays over the observed entries.

    From small random factors, constant steps of plain gradient descent reach a global minimum if
    nothing is missing, and U'U - V'V stays as small as it was at the start [1]_. Alternation and
    unbalanced starts are studied in [2]_, momentum in [3]_, the preconditioner in [4]_ and its
    damping in [5]_. With entries missing the guarantees need a start near the solution. If the
    matrix is very ill-conditioned and little of it observed, weak components drown in what the
    holes do to the strong ones, and a long plateau may follow.

    References
    ----------
    .. [1] Ye, T. and Du, S. S. (2021). Global convergence of gradient descent for asymmetric
       low-rank matrix factorization. NeurIPS 34. arXiv:2106.14289.
    .. [2] Ward, R. and Kolda, T. G. (2023). Convergence of alternating gradient descent for matrix
       factorization. NeurIPS 36. arXiv:2305.06927.
    .. [3] Xu, Z., Wang, Y., Zhao, T., Ward, R. and Tao, M. (2024). Provable acceleration of
       Nesterov's accelerated gradient for asymmetric matrix factorization and linear neural
       networks. arXiv:2410.09640.
    .. [4] Tong, T., Ma, C. and Chi, Y. (2021). Accelerating ill-conditioned low-rank matrix
       estimation via scaled gradient descent. Journal of Machine Learning Research 22(150), 1-63.
       arXiv:2005.08898.
    .. [5] Zhang, G., Fattahi, S. and Zhang, R. Y. (2023). Preconditioned gradient descent for
       overparameterized nonconvex Burer-Monteiro factorization with global optimality
       certification. Journal of Machine Learning Research 24(163), 1-55. arXiv:2206.03345.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import FactorizedGDCompleter
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(120, 80, 3, observed=0.5, condition_number=10, random_state=0)
    >>> completed = FactorizedGDCompleter(rank=3, alpha=0).fit_transform(data.X)
    >>> bool(np.abs(completed - data.truth).max() < 1e-5)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "step_size": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "update": [StrOptions({"joint", "alternating"})],
        "preconditioner": [StrOptions({"scaled"}), None],
        "momentum": [StrOptions({"nesterov"}), None],
        "balancing": [Interval(Real, 0, None, closed="left")],
        "init": [StrOptions({"svd", "random", "balanced", "unbalanced"}), "array-like"],
        "init_scale": [Interval(Real, 0, None, closed="neither")],
    }
    _test_variants: ClassVar = (
        {"alpha": 0, "rank": 1, "momentum": None},
        {"preconditioner": None, "update": "joint"},
    )

    def __init__(
        self,
        rank=10,
        *,
        alpha="auto",
        step_size="auto",
        update="alternating",
        preconditioner="scaled",
        momentum="nesterov",
        balancing=0.0,
        center=True,
        scale="noise",
        init="svd",
        init_scale=1e-2,
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
        self.step_size = step_size
        self.update = update
        self.preconditioner = preconditioner
        self.momentum = momentum
        self.balancing = balancing
        self.center = center
        self.scale = scale
        self.init = init
        self.init_scale = init_scale
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
        return FactorizedGradient(
            step_size=self.step_size,
            update=self.update,
            preconditioner=self.preconditioner,
            momentum=self.momentum,
            balancing=self.balancing,
            init_scale=self.init_scale,
        )

    def _rank_and_alpha(self):
        return self.rank, self.alpha
