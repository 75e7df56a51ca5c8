"""Completion by singular value thresholding."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from skmc._base import BaseCompleter
from skmc._compat import Interval, StrOptions
from skmc.solvers import SVT


class SVTCompleter(BaseCompleter):
    """Completion without noise by the smallest matrix that matches the observed entries.

    minimise over Z and the offsets mu::

        tau |Z|_* + 1/2 |Z|_F^2    subject to    z_ij + mu_j = x_ij for all (i,j) observed

    in standardised units, ``|Z|_*`` being the sum of the singular values. For large `tau` this is
    the matrix of least nuclear norm: the limit of `SoftImputeCompleter` for a penalty that goes to
    zero. It recovers a matrix of low rank, whose rank need not be known, from some five times as
    many entries as the matrix has degrees of freedom. Noise is matched like anything else: for
    noisy data take another completer.

    Singular value thresholding: Lagrange multipliers Y on the observed entries follow the residual,
    and Z is Y with each singular value lowered by `tau`. Y is sparse and Z of low rank; a few of
    the singular vectors of Y are computed, from those of the last step, more as more pass `tau`.
    New rows are folded in by the factors in which the rows of the fit are the smallest that match
    their own entries, so that they follow the same rule.

    Parameters
    ----------
    tau : "auto" or float, default="auto"
        Threshold, above 0: the larger, the less ``|Z|_F^2`` counts, and the slower. ``"auto"``: 4
        times the largest singular value of the zero-filled centred data over the observed fraction,
        a guess at that of the whole matrix.
    step_size : "auto" or float, default="auto"
        Step of the multipliers. Below 2 the residual never grows, which is slow if little is
        observed. ``"auto"``: 1.2 over the observed fraction, shortened when the residual grows.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of the multipliers, restarted when the residual grows; None gives the method
        of the reference, which takes two to three times as many steps.
    max_rank : int or None, default=None
        Largest rank kept; None sets no bound. With a bound below the rank of the solution the
        observed entries are not matched.
    center : bool, default=True
        Whether column offsets are part of the model, unpenalised and fitted jointly. Row offsets
        would need a penalty, which is the ratio of noise to them, and here is no noise.
    scale : bool, default=True
        True: divide each column by the standard deviation of its observed entries (drawn towards
        the common one in columns with ten entries or fewer, at least an eighth of the largest
        deviation), the root mean square if ``center=False``, and multiply back. False: one scale
        for all.
    max_iter : int, default=2000
        Largest number of iterations.
    tol : float, default=1e-4
        Stop when the norm of the residual over the observed entries is `tol` times what it is with
        offsets alone, or can no longer fall.
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
        Not used; present for consistency. Nothing is random.
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
        Components: X is about ``offsets_ + scale_ * (row_factors(X) @ components_)``.
    rank_ : int
        Number of components.
    tau_ : float
        Threshold that was used.
    alpha_ : float
        Penalty of the misfit problem that this is the limit of: 0.
    fold_in_alpha_ : float
        Ridge, in standardised units, by which rows are fitted to the components: the variance of
        what was not matched, against that of the row factors.
    row_offset_alpha_ : None
        There are no row offsets.
    offsets_, scale_ : ndarray of shape (n_features,)
        Offset and scale of each column; with ``scale=False`` all scales are equal.
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
        ``rank`` and ``step_size`` of each iteration, and its ``stage``: always 0. The objective is
        half the squared residual.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    SoftImputeCompleter : The nuclear norm against the misfit, for noisy data.
    ContinuationCompleter : Recovery from fewer entries, at a given rank.

    Notes
    -----
    Cost per iteration: about 5 nnz r + 16 (n + m) r^2 multiply-adds, r being half as large again as
    the rank of the iterate; memory: seven arrays over the observed entries. Entry weights other
    than equal ones are refused, as they change nothing in equations that hold; zero marks a missing
    entry.

    References
    ----------
    .. [1] Cai, J.-F., Candes, E. J. and Shen, Z. (2010). A singular value thresholding algorithm
       for matrix completion. SIAM Journal on Optimization 20(4), 1956-1982.
       :doi:`10.1137/080738970`, arXiv:0810.3286.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import SVTCompleter
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(200, 100, 3, observed=0.5, random_state=0)
    >>> completer = SVTCompleter().fit(data.X)
    >>> completer.rank_
    3
    >>> error = completer.transform(data.X) - data.truth
    >>> bool(np.linalg.norm(error) < 1e-3 * np.linalg.norm(data.truth))
    True
    """

    # The smallest matrix that matches is one alone: a start saves iterations at most.
    init = "svd"
    warm_start = False

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._constraints_without("init", "warm_start"),
        "tau": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "step_size": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "momentum": [StrOptions({"nesterov"}), None],
        "max_rank": [Interval(Integral, 1, None, closed="left"), None],
        "center": ["boolean"],
        "scale": ["boolean"],
    }
    _test_variants: ClassVar = ({"tau": 5.0}, {"step_size": 1.9, "momentum": None})

    def __init__(
        self,
        tau="auto",
        *,
        step_size="auto",
        momentum="nesterov",
        max_rank=None,
        center=True,
        scale=True,
        max_iter=2000,
        tol=1e-4,
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
        self.tau = tau
        self.step_size = step_size
        self.momentum = momentum
        self.max_rank = max_rank
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
        return SVT(tau=self.tau, step_size=self.step_size, momentum=self.momentum)

    def _solver_in(self, units):
        solver = self._make_solver()
        if self.tau != "auto":
            solver.tau = self.tau / self._unit_of_tau(units)
        return solver

    def _unit_of_tau(self, units):
        """What tau is divided by in the units of the problem, whatever the entry weights."""
        return 1.0 if self.scale else float(units.scale[0])

    def _rank_and_alpha(self):
        return self.max_rank or np.inf, 0.0

    @staticmethod
    def _advice(problem):
        return "Raise max_iter, tol or max_rank, or lower tau."

    def _store(self, result, training):
        super()._store(result, training)
        units = training.units
        tau = self._solver_in(units).threshold(result.problem)
        self.tau_ = float(tau * self._unit_of_tau(units))
