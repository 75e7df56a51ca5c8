"""Completion of symmetric matrices by gradient descent on one factor."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy import sparse

from skmc._base import BaseCompleter
from skmc._blas import single_threaded_blas
from skmc._compat import Interval, StrOptions, _fit_context
from skmc._factors import Factors
from skmc._memory import check_dense_fits
from skmc._observed import mirror_images, refuse_asymmetric, with_mirror_images
from skmc._search import quick_pair_folds
from skmc.solvers import SymmetricGradient


class SymmetricGDCompleter(BaseCompleter):
    """Completion of a symmetric matrix, positive semidefinite or not, by gradient descent.

    minimise over U with `rank` columns u_1, ..., u_n as rows::

        1/4 sum_{(i,j) observed} w_ij (x_ij - u_i . D u_j)^2 + alpha/2 |U|_F^2

    with D the identity, so that the completed matrix ``U D U'`` is positive semidefinite, or with
    ``signed=True`` a diagonal of 1 and -1. This is for kernels, covariances and similarities of n
    objects, or with signs for squared distances and adjacencies: row i and column i stand for the
    same object, and x_ij and x_ji are one observation. If only one of them is given, the other is
    taken to be the same. The sum runs over both, so that a pair counts w_ij / 2, an entry of the
    diagonal w_ii / 4, as in the Frobenius norm.

    Parameters
    ----------
    rank : int or "auto", default=10
        Number of components; reduced silently to what the shape allows. ``"auto"``: what predicts
        held-out pairs best, up from 0, where all is zero; with ``alpha="auto"`` fractions of that
        penalty are tried too. The folds, and when the search ends, are as of `ALSCompleter`.
    alpha : float or "auto", default="auto"
        Penalty, at least 0. ``"auto"``: a fraction of the edge of the noise that the fit itself
        shows; pure noise is fitted by nothing.
    signed : bool, default=False
        False: the completed matrix is positive semidefinite, the best one also if the data are not.
        True: components may have negative signs, as many as the data with holes at zero have
        negative ones among their `rank` eigenvalues of largest size; while fitting it is tried now
        and then whether the weakest component is better replaced by one of the other sign.
    step_size : "auto" or float, default="auto"
        ``"auto"``: the inverse of the largest eigenvalue of the Hessian, by power iteration at the
        start and every 50 steps; a step that turns out too long is taken again, so that the
        objective never rises. A number is the step in units of 1 with the preconditioner (0.3 is
        usual), and without of the inverse of the largest singular value of the data with holes at
        zero (0.5 is usual). From 1.0 on the iteration does not converge if nothing is missing;
        with entries missing this limit is lower, and beyond it the iteration may diverge.
    preconditioner : {"scaled", None}, default="scaled"
        ``"scaled"``: gradients are multiplied by the inverse of the Gram matrix ``U'U``, damped so
        that `rank` may be larger than that of the matrix, which makes the number of steps
        independent of the condition number. None: plain gradient descent.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of U with weight k / (k + 3), restarted when the objective rises and while
        the matrix still changes by a hundredth of its norm or more. None takes several times as
        many iterations.
    init : {"svd", "random"} or array-like of shape (rank, n_features), default="svd"
        Where to start: eigenvectors of the data with holes at zero (deterministic), small, so that
        weak components grow out of what the strong ones leave; small random factors; or given
        components, each multiplied by what fits best.
    max_iter : int, default=2000
        Largest number of iterations.
    tol : float, default=1e-2
        Stop when the completed matrix is estimated to be within `tol` times the root mean square
        residual of its limit. An exact fit stops at floating-point accuracy.
    warm_start : bool, default=False
        Start from the components of the previous fit if their shape fits. Saves little with
        ``alpha="auto"``, whose search starts anew.
    missing_values : float or "nan", default=nan
        The mark of missing entries in dense input; NaN is an error if it is a number.
    keep_observed : bool, default=True
        Return observed entries as they are; False returns the prediction of the model for them.
    keep_empty_features : bool, default=True
        Keep columns without any observed entry, filled with zeros; False drops them.
    min_value, max_value : float or None, default=None
        Bounds of all predictions in the user's units: what is predicted beyond is set to the bound.
        They have no part in the fit, and observed entries are returned as they are.
    add_indicator : bool, default=False
        Append a 0/1 column for each feature that had missing entries in `fit`.
    random_state : int, RandomState instance or None, default=None
        Seed of ``init="random"`` and of the entries held out for ``rank="auto"``, for which None is
        0; nothing else is random.
    n_jobs : int or None, default=None
        Threads; None takes all cores, but no more than an outer parallel loop leaves. The result
        is bitwise the same for any number.
    check : {"fast", "off"}, default="fast"
        As of `ALSCompleter`; there is no exact test for pairs, of which one tells the other.
    verbose : int, default=0
        Log every `verbose`-th iteration to the logger ``skmc``, which gets a handler if logging is
        not configured; 0 logs nothing.

    Attributes
    ----------
    components_ : ndarray of shape (`rank_`, n_features)
        Orthogonal components: X is about ``scale_ * (row_factors(X) @ components_)``. They are the
        columns of ``U D``, or multiples of them if `alpha_` is 0.
    eigenvalues_ : ndarray of shape (`rank_`,)
        Eigenvalues of the completed training matrix, the largest in size first; the components are
        its eigenvectors. None is negative unless ``signed=True``.
    rank_ : int
        Number of components, the bound `rank` as far as the shape allows; the penalty may have
        made some of them negligible.
    alpha_ : float
        Penalty that was used.
    fold_in_alpha_ : float
        Ridge, in standardised units, of the regression of a row on the components: that of
        `alpha_`, or the noise variance if `alpha_` is 0.
    row_offset_alpha_ : None
        There are no row offsets.
    offsets_, scale_ : ndarray of shape (n_features,)
        Zeros, and the one scale of all data, the root mean square of the observed entries.
    spread_ : ndarray of shape (n_features,)
        The unit of errors in `score`: `scale_`.
    n_iter_ : int
        Iterations done.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : str
        Why the iterations ended, in words.
    trace_ : dict of ndarray
        ``time`` in seconds, ``objective`` (twice that above, in standardised units), relative
        ``change``, ``alpha``, ``rank`` and ``step`` in the units of `step_size` of each iteration,
        and its ``stage``: objectives before and after a change of penalty, which begins a stage,
        cannot be compared.
    search_ : dict of ndarray
        With ``rank="auto"``, what was tried in this order: ``rank``, ``relaxation`` (factor on the
        automatic penalty), mean ``score`` (R^2 on held-out entries) and ``n_iter``, iterations of
        all folds.
    n_features_in_ : int
        Number of objects, rows and columns, seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are strings.

    Raises
    ------
    ValueError
        In `fit`, if X is not square, or x_ij and x_ji are both observed and differ by more than
        rounding; and if a step size that is too long makes the iteration diverge, so that a grid
        search ranks it last.

    See Also
    --------
    FactorizedGDCompleter : Gradient descent on two factors, with offsets, for any matrix.
    sklearn.decomposition.KernelPCA : Components of a complete kernel.

    Notes
    -----
    `transform` takes similarities of any objects (rows) to the training objects (columns), with
    holes, each row on its own: ``u = argmin sum_j w_j (x_j - u . D u_j)^2 / 2 + a |u|^2 / 2``, and
    the prediction is ``u . D u_j``. At convergence with a penalty this gives back the training
    rows, so that the completed training matrix is symmetric to the accuracy of `tol`; without one
    the ridge shrinks rows with few entries a little. `fit_transform` fills in the other half of
    the training matrix first; `transform` reads rows as they are given. `predict_entries` needs no
    regression: it uses ``U D U'`` itself and is symmetric to the last bit.

    There are neither offsets nor scales of columns, which would break the symmetry. Subtract a
    constant, or divide x_ij by ``d_i d_j``, beforehand if need be. Multiplying the data by a
    positive number does so to the result. To count object i as s_i objects, pass
    ``entry_weight=np.outer(s, s)``; the penalty still counts each object once. Cross-validation
    over rows, as in `sklearn.model_selection.GridSearchCV`, leaves out rows and columns of the same
    objects, so it needs both halves: ``np.where(np.isnan(X), X.T, X)``. With ``signed=True`` wrong
    signs are a local minimum, which `converged_` does not exclude.

    Cost per iteration: 2 nnz r multiply-adds with nnz the entries of both halves, nnz r more with
    momentum, about nnz r / 2 for the step size, and about 12 n r^2; memory: six arrays over the
    observed entries.

    Near a solution plain steps of length t shrink the distance by the factor ``max |1 - t l|``,
    over the eigenvalues l of the Hessian but the r (r - 1) / 2 zeros that rotations of U cause
    [1]_. Where nothing is missing, these lie between the least eigenvalue of the matrix and twice
    the largest, so that ill-conditioned matrices take many plain steps; the preconditioner [2]_
    puts an end to that.

    References
    ----------
    .. [1] Vu, T. and Raich, R. (2021). Exact linear convergence rate analysis for low-rank
       symmetric matrix completion via gradient descent. ICASSP. arXiv:2102.02396.
    .. [2] Zhang, G., Fattahi, S. and Zhang, R. Y. (2023). Preconditioned gradient descent for
       overparameterized nonconvex Burer-Monteiro factorization with global optimality
       certification. Journal of Machine Learning Research 24(163), 1-55. arXiv:2206.03345.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import SymmetricGDCompleter
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(100, 3))
    >>> K = points @ points.T
    >>> X = np.where(np.triu(rng.random(K.shape) < 0.5), K, np.nan)
    >>> completed = SymmetricGDCompleter(rank=3, alpha=0, tol=1e-4).fit_transform(X)
    >>> bool(np.abs(completed - K).max() < 1e-6)
    True
    """

    # Columns with an offset or a scale of their own would no longer equal their rows.
    center = False
    scale = False

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseCompleter._constraints_without("center", "scale"),
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        # With bounds of its own for each column (i, j) would no longer equal (j, i).
        "min_value": [Real, None],
        "max_value": [Real, None],
        "check": [StrOptions({"fast", "off"})],
        "signed": ["boolean"],
        "step_size": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "preconditioner": [StrOptions({"scaled"}), None],
        "momentum": [StrOptions({"nesterov"}), None],
    }
    _test_variants: ClassVar = (
        {"signed": True},
        {"alpha": 0, "rank": 2},
        {"alpha": 1.0, "rank": 1, "preconditioner": None, "momentum": None},
    )

    def __init__(
        self,
        rank=10,
        *,
        alpha="auto",
        signed=False,
        step_size="auto",
        preconditioner="scaled",
        momentum="nesterov",
        init="svd",
        max_iter=2000,
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
        self.signed = signed
        self.step_size = step_size
        self.preconditioner = preconditioner
        self.momentum = momentum
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
        return SymmetricGradient(
            signed=self.signed,
            step_size=self.step_size,
            preconditioner=self.preconditioner,
            momentum=self.momentum,
        )

    def _rank_and_alpha(self):
        return self.rank, self.alpha

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, entry_weight=None):
        """Fit the factor to the observed entries of X.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_samples)
            The symmetric matrix with holes. Dense: `missing_values`, None, NA or a mask mark what
            is missing. Sparse: the stored entries are observed (a stored zero is a zero), the
            absent ones are missing. One half is enough.
        y : Ignored
            Not used, present for consistency.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_samples), default=None
            Weight of the squared error of each observed entry, symmetric; 0 means missing. A
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
        """Fit to X and complete it.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_samples)
            The symmetric matrix with holes; one half is enough.
        y : Ignored
            Not used, present for consistency.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_samples), default=None
            Entry weights of the fit.

        Returns
        -------
        X_completed : ndarray of shape (n_samples, n_features_out)
            The completed matrix: ``fit(X, ...).transform(X)`` of both halves.
        """
        check_dense_fits(X, X.shape[1] if self.add_indicator and sparse.issparse(X) else 0)
        observed = self._fit(X, y, None, entry_weight)
        if entry_weight is not None:
            # Weights are of the fit alone: rows are folded in without them.
            observed = self._both_halves(self._validate(X))
        fold_in = self._fold_in()
        with single_threaded_blas():
            return self._complete(observed, fold_in, *fold_in.factors(observed))

    def _validate(self, X, *, reset=False, entry_weight=None):
        observed = super()._validate(X, reset=reset, entry_weight=entry_weight)
        return self._both_halves(observed) if reset else observed

    def _both_halves(self, observed):
        """The training matrix with x_ji wherever only x_ij is observed."""
        n, m = observed.shape
        if n != m:
            raise ValueError(
                f"X must be square, as row i and column i stand for the same object; its shape is "
                f"{(n, m)}. FactorizedGDCompleter is for other matrices."
            )
        images = mirror_images(observed)
        refuse_asymmetric(observed, images)
        return with_mirror_images(observed, images)

    def _read_entries(self, *entries, names=None):
        raise ValueError(
            f"{type(self).__name__} cannot be fitted by labels of rows and columns: numbered "
            "separately, row i and column i are not the same object."
        )

    def _splits(self, observed, sample_weight):
        return quick_pair_folds(observed, self.random_state)

    def _store(self, result, training):
        super()._store(result, training)
        C = self.components_.astype(np.float64)
        norms = np.einsum("ki,ki->k", C, C)
        U, V = (F.astype(np.float64) for F in (result.factors.U, result.factors.V))
        forms = np.einsum("kr,kr->k", *(C[:, training.learned] @ F for F in (U, V)))
        values = np.divide(forms, norms, out=np.zeros_like(norms), where=norms > 0)
        self.eigenvalues_ = (values * self.scale_[0]).astype(self.components_.dtype)

    def _store_rows(self, observed):
        # The model has its own factors of the training rows.
        self._n_rows, self._row_number = observed.shape[0], None
        self._row_offsets = np.zeros(self._n_rows, observed.dtype)

    def predict_entries(self, rows, cols):
        """Entries of the completed training matrix, without forming it.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.

        Returns
        -------
        values : ndarray of shape (n_entries,)
            Predictions of ``U D U'``, for observed entries too; (i, j) and (j, i) get the same
            bits. Cost: O(n_entries rank + n_samples rank).

        Raises
        ------
        ValueError
            If an index is fractional, negative or out of range.
        """
        rows, cols = self._check_positions(rows, cols)
        C = self.components_
        norms = np.einsum("ki,ki->k", C, C)
        ratio = np.divide(self.eigenvalues_, norms, out=np.zeros_like(norms), where=norms > 0)
        factors = Factors(C.T * ratio, C.T)
        values = factors.entries(np.minimum(rows, cols), np.maximum(rows, cols))
        return self._bounded(values, cols)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        return tags
