"""Gibbs sampling of the Gaussian factor model."""

from dataclasses import dataclass

import numpy as np

from skmc._bayes._normal_wishart import GaussianLaw, NormalWishart

# A column which factors happen to match, a constant one above all, leaves no noise. Rows that are
# not so would be read as if nothing but this column counted, were its precision, relative to what
# varies in it, not limited to this multiple of that of the median column: noise of a tenth.
SHARPEST = 100.0


@dataclass(frozen=True)
class Model:
    """What is sampled: x_ij = u_i . v_j + b_i + c_j + noise of precision p_j.

    (u_i, b_i) come from one Gaussian law and (v_j, c_j) from another, each with a Normal-Wishart
    prior. The p_j come from Gamma(noise_shape, t), and t, the level of the noise, from a Gamma law
    too; these are given by shape and rate.

    Parameters
    ----------
    rank : int
        Length of u_i and v_j.
    has_rows, has_columns : bool
        Whether there are offsets b and c.
    by_column : bool
        Whether each column has a precision of its own; if not, all share one.
    row_prior, column_prior : NormalWishart
        Priors of the laws.
    noise_shape : float, default=2.0
        The larger, the more alike are the precisions.
    level_prior : tuple of float, default=(0.5, 0.5)
        Shape and rate of the law of t.
    spread : ndarray of shape (m,), or None
        What varies in each column, if that is no constant: by its multiples the noise of columns
        is compared. None stands for ones.
    """

    rank: int
    has_rows: bool
    has_columns: bool
    by_column: bool
    row_prior: NormalWishart
    column_prior: NormalWishart
    noise_shape: float = 2.0
    level_prior: tuple = (0.5, 0.5)
    spread: np.ndarray | None = None

    @classmethod
    def of(cls, rank, *, has_rows, has_columns, by_column, spread=None):
        """The model with the default priors."""
        priors = (NormalWishart(rank + has_rows), NormalWishart(rank + has_columns))
        return cls(rank, has_rows, has_columns, by_column, *priors, spread=spread)

    def row_regressors(self, V):
        """Regressors of (u_i, b_i) from (v_j, c_j), one row for each column."""
        return _with_ones(V[:, : self.rank], self.has_rows)

    def column_regressors(self, U):
        """Regressors of (v_j, c_j) from (u_i, b_i)."""
        return _with_ones(U[:, : self.rank], self.has_columns)

    def pair(self, U, V):
        """Factors whose product is u_i . v_j + b_i + c_j."""
        left, right = [U[:, : self.rank]], [V[:, : self.rank]]
        if self.has_rows:
            left.append(U[:, self.rank :])
            right.append(np.ones_like(V[:, :1]))
        if self.has_columns:
            left.append(np.ones_like(U[:, :1]))
            right.append(V[:, self.rank :])
        return np.hstack(left), np.hstack(right)


def _with_ones(F, wanted):
    return np.hstack([F, np.ones_like(F[:, :1])]) if wanted else F


@dataclass
class Sample:
    """One draw of everything: (u_i, b_i), (v_j, c_j), their laws, and p_j of every column."""

    U: np.ndarray
    V: np.ndarray
    row_law: GaussianLaw
    column_law: GaussianLaw
    precision: np.ndarray

    def of_rows(self, model):
        """Regressors F (m, q) and level (m,): row i is level + F w_i with w_i standard normal."""
        F, level = self.row_law.whitened(model.row_regressors(self.V))
        return F, level + self.V[:, model.rank] if model.has_columns else level

    def typical_column(self, model):
        """Regressors (q,) of a column that is the mean of its law."""
        mean = self.column_law.mean[None, :]
        return self.row_law.whitened(model.row_regressors(mean))[0][0]


def row_problem(F, level, precision, observed, center=0.0, scale=1.0):
    """The least-squares problem of the rows whose ridge solution with penalty one is their law.

    Parameters
    ----------
    F : ndarray, shape (m, q)
        Regressors of the standard normals of the rows.
    level, precision : ndarrays, shape (m,)
        Mean, and precision of the noise, of each column.
    observed : ObservedMatrix
        The rows.
    center, scale : ndarrays, shape (m,), or float
        Units of the columns of `observed`.

    Returns
    -------
    observed : ObservedMatrix
        The rows less their mean, over the standard deviation of the noise.
    F : ndarray, shape (m, q)
        Regressors, likewise.
    """
    tightness = np.sqrt(precision)
    standard = observed.standardized(center + scale * level, scale / tightness)
    return standard, F * tightness[:, None]


class Gibbs:
    """A chain whose stationary law is the posterior of the model given the observed entries.

    One sweep draws the law of the rows, the rows, the law of the columns, the columns and the
    precisions, each given all the rest: nnz (q^2 + 2 q) + (n + m) q^3 multiply-adds with q = rank
    + 1. Normals come from one stream in a fixed order, so that the draws are the same to the last
    bit for any number of threads.

    Parameters
    ----------
    model : Model
        What is sampled.
    observed : ObservedMatrix
        The data, in standardised units.
    rng : numpy.random.Generator
        Source of all draws.
    """

    def __init__(self, model, observed, rng):
        self.model = model
        self.observed = observed
        self.rng = rng
        # Data that factors can match leave no noise. The precision ends where the systems that
        # are solved would lose a third of their digits.
        self.most_precise = float(np.finfo(observed.dtype).eps) ** (-2 / 3)
        spread = np.ones(observed.shape[1]) if model.spread is None else model.spread
        self.squared_spread = np.asarray(spread, np.float64) ** 2
        varies = observed.column_moments()[2]
        self.varies = varies > np.sqrt(np.finfo(observed.dtype).eps) * spread

    def start(self):
        """A first sample: random factors with a fourth of the variance, offsets that fit."""
        model, (n, m), rng = self.model, self.observed.shape, self.rng
        dtype = self.observed.dtype
        size = (0.25 / model.rank) ** 0.25
        U, V = (
            (size * rng.standard_normal((k, prior.size))).astype(dtype)
            for k, prior in ((n, model.row_prior), (m, model.column_prior))
        )
        U[:, model.rank :] = 0
        if model.has_columns:
            # From means near zero factors would take over what are offsets.
            V[:, model.rank] = self.observed.column_moments()[1]
        laws = model.row_prior.draw(rng, U), model.column_prior.draw(rng, V)
        return Sample(U, V, *laws, np.ones(m))

    def sweep(self, s):
        """The next sample of the chain."""
        model, rng = self.model, self.rng
        row_law = model.row_prior.draw(rng, s.U, s.row_law)
        U = self._draw_rows(Sample(s.U, s.V, row_law, s.column_law, s.precision))
        column_law = model.column_prior.draw(rng, s.V, s.column_law)
        V = self._draw_columns(U, column_law, s.precision)
        return Sample(U, V, row_law, column_law, self._draw_precision(U, V, s.precision))

    def _normals(self, n, law):
        return self.rng.standard_normal((n, law.mean.size), self.observed.dtype)

    def _draw_rows(self, s):
        normals = self._normals(self.observed.shape[0], s.row_law)
        standard, F = row_problem(*s.of_rows(self.model), s.precision, self.observed)
        standard.draw_rows(F, 1.0, normals)
        return s.row_law.unwhitened(_finite(normals, "rows"))

    def _draw_columns(self, U, law, precision):
        model = self.model
        normals = self._normals(self.observed.shape[1], law)
        normals /= np.sqrt(precision).astype(normals.dtype)[:, None]
        F, level = law.whitened(model.column_regressors(U))
        if model.has_rows:
            level += U[:, model.rank]
        self.observed.draw_columns(F, 1.0, normals, shift=level, penalty_scale=1.0 / precision)
        return law.unwhitened(_finite(normals, "columns"))

    def _draw_precision(self, U, V, old):
        observed, model = self.observed, self.model
        residual = observed.residual(*model.pair(U, V))
        weighted = observed.weighted(residual)
        if model.by_column:
            squares, counts = observed.column_dots(weighted, residual), observed.column_counts
        else:
            squares, counts, old = observed.dot(weighted, residual), observed.nnz, old[:1]
        shape, rate = model.level_prior
        level = self.rng.gamma(shape + model.noise_shape * old.size, 1.0 / (rate + old.sum()))
        new = self.rng.gamma(model.noise_shape + 0.5 * counts, 1.0 / (level + 0.5 * squares))
        new = np.minimum(new, self.most_precise)
        if model.by_column and self.varies.any():
            relative = new * self.squared_spread
            sharpest = SHARPEST * np.median(relative[self.varies])
            new = np.minimum(relative, sharpest) / self.squared_spread
        return new * np.ones(observed.shape[1])


def _finite(draws, lines):
    bad = np.count_nonzero(~np.isfinite(draws).all(axis=1))
    if bad:
        raise FloatingPointError(
            f"The factors of {bad} {lines} cannot be drawn in {draws.dtype}: their entries or "
            "weights span too many orders of magnitude. Pass float64, or weights that are closer."
        )
    return draws
