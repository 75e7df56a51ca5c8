"""Gaussian laws of factors, and the prior that their means and covariances are drawn from."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

# Least variance of a component against the sum of all, as far as double precision tells them apart.
CONDITION = 1e-13


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """The law N(mean, root root') of the factors of a row or column.

    Parameters
    ----------
    mean : ndarray of float64, shape (q,)
        Mean.
    root : ndarray of float64, shape (q, q)
        A root of the covariance.
    """

    mean: np.ndarray
    root: np.ndarray

    def whitened(self, regressors):
        """Regressors of the standard normal w behind a draw mean + root w, and their level."""
        regressors = regressors.astype(np.float64, copy=False)
        return regressors @ self.root, regressors @ self.mean

    def unwhitened(self, w):
        """Draws from standard normals, one in each row."""
        return w @ self.root.T.astype(w.dtype) + self.mean.astype(w.dtype)

    def precisions(self):
        """Diagonal of the inverse of the covariance."""
        inverse = linalg.inv(self.root, check_finite=False)
        return np.einsum("ik,ik->k", inverse, inverse)


@dataclass(frozen=True)
class NormalWishart:
    """Prior of a Gaussian law of dimension q.

    The precision P of the law is drawn from Wishart(diag(1 / spread), dof), its mean from N(0,
    P^-1 / strength), and each spread from Gamma(spread_shape, spread_rate). Drawn spreads, other
    than a fixed one [1]_, let a component vanish, whatever the unit of the others is: the standard
    deviations have half-t priors [2]_.

    Parameters
    ----------
    size : int
        Dimension q.
    dof : float or None, default=None
        Degrees of freedom of the Wishart distribution, more than q - 1; None means q.
    strength : float, default=2.0
        Draws that the prior mean, zero, counts for.
    spread_shape, spread_rate : float, default=0.5
        Prior of the spreads.

    References
    ----------
    .. [1] Salakhutdinov, R. and Mnih, A. (2008). Bayesian probabilistic matrix factorization using
       Markov chain Monte Carlo. ICML. :doi:`10.1145/1390156.1390267`.
    .. [2] Huang, A. and Wand, M. P. (2013). Simple marginally noninformative prior distributions
       for covariance matrices. Bayesian Analysis 8(2), 439-452. :doi:`10.1214/13-BA815`.
    """

    size: int
    dof: float | None = None
    strength: float = 2.0
    spread_shape: float = 0.5
    spread_rate: float = 0.5

    def draw(self, rng, rows=None, law=None):
        """Draw a law.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        rows : ndarray, shape (n, q), or None
            Draws from the law that are known.
        law : GaussianLaw or None
            The last law of the chain, given which the spreads are drawn; None draws them from
            their prior.
        """
        q = self.size
        dof, strength = q if self.dof is None else self.dof, self.strength
        shape, rate = self.spread_shape, self.spread_rate
        if law is not None:
            shape, rate = shape + 0.5 * dof, rate + 0.5 * law.precisions()
        scatter = np.diag(rng.gamma(shape, 1.0 / rate, q))
        mean = np.zeros(q)
        if rows is not None:
            n = rows.shape[0]
            rows = rows.astype(np.float64, copy=False)
            middle = rows.mean(axis=0)
            deviations = rows - middle
            scatter += deviations.T @ deviations
            scatter += strength * n / (strength + n) * np.outer(middle, middle)
            mean = n / (strength + n) * middle
            dof, strength = dof + n, strength + n
        # Components that the data have no use for shrink without end where there is no noise.
        scatter.flat[:: q + 1] += CONDITION * np.trace(scatter)
        # P = K'^-1 A A' K^-1 with scatter = K K' and A of Bartlett's decomposition.
        K = linalg.cholesky(scatter, lower=True, check_finite=False)
        A = np.tril(rng.standard_normal((q, q)), -1)
        np.fill_diagonal(A, np.sqrt(rng.chisquare(dof - np.arange(q))))
        root = linalg.solve_triangular(A, K.T, lower=True, check_finite=False).T
        return GaussianLaw(mean + root @ rng.standard_normal(q) / np.sqrt(strength), root)
