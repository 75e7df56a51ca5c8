"""Rubin's rules: one estimate from those of several completed tables."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

# Degrees of freedom beyond which the t distribution is the normal one to all digits.
LARGEST_DF = 1e10


@dataclass(frozen=True, eq=False, repr=False)
class PooledEstimate:  # numpydoc ignore=PR02
    """Estimates from several completed tables, combined; printed as a table.

    Attributes
    ----------
    estimate : float or ndarray of shape (k,)
        Mean Q of the estimates.
    variance : float or ndarray of shape (k,)
        Its variance T = W + (1 + 1/m) B.
    within : float or ndarray of shape (k,)
        Mean W of the variances: what there would be if nothing were missing.
    between : float or ndarray of shape (k,)
        Variance B of the estimates.
    df : float or ndarray of shape (k,)
        Degrees of freedom of Barnard and Rubin.
    missing_information : float or ndarray of shape (k,)
        Fraction of the information on the estimate that is missing.
    n_tables : int
        Number m of tables.
    names : tuple of str or None
        What is estimated.

    See Also
    --------
    pool, pool_regression : Make them.

    Examples
    --------
    >>> from skmc import pool
    >>> estimates, variances = [[1.0, 0.4], [1.2, 0.5], [1.1, 0.3]], [[0.01, 0.04]] * 3
    >>> pooled = pool(estimates, variances, names=["dose", "age"])
    >>> pooled
    Rubin's rules, 3 tables, 95 % intervals
         estimate std_error    lower  upper   p_value    df missing_information
    dose      1.1    0.1528   0.7281  1.472 0.0003306 6.125              0.6654
    age       0.4    0.2309 -0.07041 0.8704    0.0929    32              0.2929
    >>> pooled.names, pooled.std_error.round(3)
    (('dose', 'age'), array([0.153, 0.231]))
    """

    estimate: float | np.ndarray
    variance: float | np.ndarray
    within: float | np.ndarray
    between: float | np.ndarray
    df: float | np.ndarray
    missing_information: float | np.ndarray
    n_tables: int
    names: tuple | None = None

    @property
    def std_error(self):  # numpydoc ignore=RT01
        """Root of the variance."""
        return np.sqrt(self.variance)

    def confidence_interval(self, level=0.95):
        """Interval of the estimate, from the t distribution.

        Parameters
        ----------
        level : float, default=0.95
            How often it should hold the truth, between 0 and 1.

        Returns
        -------
        lower, upper : float or ndarray of shape (k,)
            Its ends.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1, as 0.95; got {level}.")
        width = stdtrit(np.minimum(self.df, LARGEST_DF), 0.5 + 0.5 * level) * self.std_error
        return self.estimate - width, self.estimate + width

    @property
    def p_value(self):  # numpydoc ignore=RT01
        """Two-sided p-value of the estimate being zero; NaN where estimate and variance are."""
        size, error = np.abs(self.estimate), self.std_error
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2.0 * stdtr(np.minimum(self.df, LARGEST_DF), -size / error)

    def _columns(self, level=0.95):
        """What there is to say of each estimate, by name."""
        lower, upper = self.confidence_interval(level)
        columns = {
            "estimate": self.estimate, "std_error": self.std_error, "lower": lower, "upper": upper,
            "p_value": self.p_value, "df": self.df,
            "missing_information": self.missing_information,
        }  # fmt: skip
        return {name: np.atleast_1d(values) for name, values in columns.items()}

    def to_frame(self, level=0.95):
        """All of it as a data frame of pandas, a row for each estimate.

        Parameters
        ----------
        level : float, default=0.95
            Level of the confidence intervals.

        Returns
        -------
        frame : pandas.DataFrame
            The columns estimate, std_error, lower, upper, p_value, df, missing_information, and
            `names` for index.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas.") from error
        index = None if self.names is None else list(self.names)
        return pandas.DataFrame(self._columns(level), index=index)

    def __repr__(self):
        columns = self._columns()
        names = range(columns["estimate"].size) if self.names is None else self.names
        lines = [["", *map(str, names)]]
        lines += [[name, *(f"{x:.4g}" for x in values)] for name, values in columns.items()]
        widths = [max(map(len, line)) for line in lines]
        rows = (
            " ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in zip(*lines, strict=True)
        )
        return "\n".join([f"Rubin's rules, {self.n_tables} tables, 95 % intervals", *rows])


def pool(estimates, variances, *, df=None, names=None):
    """Combine estimates from several completed tables by Rubin's rules.

    Q = mean of q_t,  T = W + (1 + 1/m) B,  W = mean of v_t,  B = sum_t (q_t - Q)^2 / (m - 1)

    over the tables t = 1, ..., m, with degrees of freedom of Barnard and Rubin [2]_::

        1 / df = lambda^2 / (m - 1) + 1 / (df_c (df_c + 1) / (df_c + 3) (1 - lambda)),
        lambda = (1 + 1/m) B / T

    Parameters
    ----------
    estimates : array-like of shape (m,) or (m, k)
        What is estimated, from each table.
    variances : array-like of the same shape
        Squares of the standard errors, from each table as if it were complete.
    df : float or None, default=None
        Degrees of freedom df_c if nothing were missing, for a regression the number of rows less
        that of coefficients. None: infinitely many.
    names : sequence of k str or None, default=None
        What is estimated.

    Returns
    -------
    pooled : PooledEstimate
        Estimate, variances, degrees of freedom, fraction of missing information, and methods for
        confidence intervals and a data frame.

    Raises
    ------
    ValueError
        If there are fewer than two tables, shapes differ, or a number is not finite or a variance
        negative.

    See Also
    --------
    multiple_impute : Make the tables.
    pool_regression : Fit a regression to each of them, and combine.

    References
    ----------
    .. [1] Rubin, D. B. (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.
       :doi:`10.1002/9780470316696`.
    .. [2] Barnard, J. and Rubin, D. B. (1999). Small-sample degrees of freedom with multiple
       imputation. Biometrika 86, 948-955. :doi:`10.1093/biomet/86.4.948`.

    Examples
    --------
    >>> from skmc import pool
    >>> pooled = pool([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    >>> pooled.estimate, round(pooled.variance, 3), round(pooled.df, 2)
    (2.0, 2.333, 6.12)
    """
    q, v = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if q.shape != v.shape or q.ndim not in (1, 2):
        raise ValueError(
            f"estimates and variances must have one shape, (m,) or (m, k); they have {q.shape} and "
            f"{v.shape}."
        )
    m = q.shape[0]
    if m < 2:
        raise ValueError(f"Rubin's rules need at least two tables; there are estimates from {m}.")
    _refuse("estimates must be finite", ~np.isfinite(q))
    _refuse("variances must be finite and not negative", ~(np.isfinite(v) & (v >= 0)))
    if df is not None and not df > 0:
        raise ValueError(f"df must be positive; got {df}.")
    if names is not None and len(names) != (q.shape[1] if q.ndim == 2 else 1):
        raise ValueError(f"There are {len(names)} names for estimates of shape {q.shape}.")
    return _rubin(q, v, np.inf if df is None else float(df), names)


def _refuse(what, wrong):
    if wrong.any():
        raise ValueError(
            f"{what}; {np.count_nonzero(wrong)} are not, the first from table "
            f"{np.argwhere(wrong)[0][0]}."
        )


def _rubin(q, v, df, names):
    m = q.shape[0]
    within, between = v.mean(axis=0), q.var(axis=0, ddof=1)
    added = (1.0 + 1.0 / m) * between
    total = within + added
    share = np.divide(added, total, out=np.zeros_like(total), where=total > 0)
    # 1 / 0 is a df without bound, and 1 / inf nothing.
    with np.errstate(divide="ignore"):
        freedom = (m - 1) / share**2
        if np.isfinite(df):
            freedom = 1.0 / (1.0 / freedom + (df + 3) / (df * (df + 1) * (1.0 - share)))
    # (r + 2 / (df + 3)) / (1 + r) with r = share / (1 - share).
    missing = share + (1.0 - share) * 2.0 / (freedom + 3.0) * (share > 0)
    found = (q.mean(axis=0), total, within, between, freedom, missing)
    if q.ndim == 1:
        found = tuple(float(x) for x in found)
    return PooledEstimate(*found, n_tables=m, names=None if names is None else tuple(names))
