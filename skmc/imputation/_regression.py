"""Regressions on several completed tables."""

import numpy as np
from sklearn.base import clone

from skmc.imputation._pool import pool


def pool_regression(regression, tables, target):
    """Fit a regression to each of several completed tables, and combine the coefficients.

    Parameters
    ----------
    regression : LinearRegression or callable
        A `sklearn.linear_model.LinearRegression`, whose coefficients get the covariance
        ``s^2 (A' A)^-1`` of least squares; or a function of the columns without the target and the
        target that returns a fit with the attributes `params` and `bse` (standard errors), and
        `df_resid` if there is one, as those of statsmodels:
        ``lambda X, y: sm.OLS(y, sm.add_constant(X)).fit()``.
    tables : sequence of {ndarray, dataframe} of shape (n_samples, n_features)
        Completed tables, at least two, as `multiple_impute` returns them.
    target : int, str or array-like of shape (n_samples,)
        Number or name of the column that is to be explained by the others, or its values.

    Returns
    -------
    pooled : PooledEstimate
        Of the intercept, if there is one, and the coefficients.

    Raises
    ------
    TypeError
        If nothing is known of the errors of the coefficients of a regression.
    ValueError
        If there are no more rows than coefficients, or these are not determined, to the `tol` of
        the regression.

    See Also
    --------
    pool : What combines them.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmc import BayesianCompleter, multiple_impute, pool_regression
    >>> from skmc.datasets import make_low_rank
    >>> X = make_low_rank(100, 6, 2, observed=0.8, noise=0.3, random_state=0).X
    >>> tables = multiple_impute(BayesianCompleter(rank=3), X, m=10, random_state=0)
    >>> pooled = pool_regression(LinearRegression(), tables, target=0)
    >>> pooled.names
    ('intercept', 'x1', 'x2', 'x3', 'x4', 'x5')
    """
    # Which takes longer to import than all of skmc.
    from sklearn.linear_model import LinearRegression

    least_squares = isinstance(regression, LinearRegression) and not regression.positive
    if not least_squares and (hasattr(regression, "fit") or not callable(regression)):
        raise TypeError(
            f"Nothing is known of the errors of the coefficients of {regression!r}. Pass "
            "LinearRegression() without constraints, or a function of X and y that returns a fit "
            "with params and bse."
        )
    found = []
    for table in tables:
        features, y, names = _split(table, target)
        if least_squares:
            found.append(_least_squares(clone(regression), features, y, names))
        else:
            fit = regression(features, y)
            names = list(getattr(fit.params, "index", range(len(fit.params))))
            variances = np.asarray(fit.bse, dtype=np.float64) ** 2
            found.append((names, fit.params, variances, getattr(fit, "df_resid", None)))
    if not found:
        raise ValueError("There are no tables.")
    names, _, _, df = found[0]
    estimates, variances = ([np.asarray(fit[k]) for fit in found] for k in (1, 2))
    return pool(estimates, variances, df=df, names=[str(name) for name in names])


def _split(table, target):
    """Features, target and names of the features."""
    frame = hasattr(table, "iloc")
    names = list(table.columns) if frame else [f"x{j}" for j in range(table.shape[1])]
    if not (isinstance(target, str) or np.ndim(target) == 0):
        return table, np.asarray(target), names
    j = names.index(target) if isinstance(target, str) and target in names else target
    if isinstance(j, str) or not 0 <= j < len(names):
        raise ValueError(f"target={target!r} is no column of the tables, which have {names}.")
    kept = [k for k in range(len(names)) if k != j]
    names = [names[k] for k in kept]
    if frame:
        return table.iloc[:, kept], table.iloc[:, j].to_numpy(), names
    return table[:, kept], table[:, j], names


def _least_squares(regression, features, y, names):
    """Names, coefficients, their variances and degrees of freedom."""
    A = np.asarray(features, dtype=np.float64)
    regression.fit(A, y)
    coefficients = np.ravel(regression.coef_)
    residual = y - regression.predict(A)
    if regression.fit_intercept:
        A = np.column_stack([np.ones(A.shape[0]), A])
        coefficients = np.append(regression.intercept_, coefficients)
        names = ["intercept", *names]
    n, k = A.shape
    rank = np.linalg.matrix_rank(A)
    if n <= k or rank < k:
        raise ValueError(
            f"{n} rows and columns of rank {rank} do not determine {k} coefficients and their "
            "errors: leave columns out."
        )
    used = getattr(regression, "rank_", len(coefficients))
    if used < regression.n_features_in_:
        raise ValueError(
            f"{type(regression).__name__} used {used} of {regression.n_features_in_} columns: to "
            "its tolerance the others follow from them, as where columns have very different "
            "units, and these coefficients have no errors of least squares. Bring columns to "
            "similar units (StandardScaler), leave out those that follow from others, or pass a "
            "smaller tol, as LinearRegression(tol=1e-12)."
        )
    R = np.linalg.qr(A, mode="r")
    inverse = np.linalg.inv(R)
    variances = residual @ residual / (n - k) * np.einsum("ij,ij->i", inverse, inverse)
    return names, coefficients, variances, n - k
