"""Rows from their observed entries under draws from a posterior."""

from dataclasses import dataclass, replace

import numpy as np

from skmc._bayes import row_problem
from skmc._fold_in import BLOCK, FoldIn


@dataclass(frozen=True, eq=False)
class PosteriorFoldIn(FoldIn):
    """Posterior mean of a row: the mean over s draws of the columns of its mean given each draw.

    Given a draw a row is level + F w with w standard normal, and noise. The draws stand side by
    side: `components` are F' / s of all of them, so that components times the means of w are the
    mean of the s products. The other parameters are those of `FoldIn`, with the posterior means of
    a row without entries for offsets.

    Parameters
    ----------
    center : ndarray, shape (m,)
        Centre of the standardised units.
    level, precision : ndarrays, shape (s, m)
        Mean, and precision of the noise, of each column in each draw, in standardised units.
    """

    center: np.ndarray = None
    level: np.ndarray = None
    precision: np.ndarray = None

    @classmethod
    def of_draws(cls, F, level, precision, *, center, scale, learned, n_threads):
        """Build from draws: F / s of shape (m, s, q) and the others, on all columns."""
        return cls(
            # A view, as is that of `FoldIn`.
            components=F.reshape(F.shape[0], -1).T,
            alpha=0.0,
            offsets=center + scale * level.mean(axis=0, dtype=np.float64),
            scale=scale,
            learned=learned,
            n_threads=n_threads,
            center=center,
            level=level,
            precision=precision,
        )

    def of_columns(self, keep):
        return replace(
            super().of_columns(keep),
            center=self.center[keep],
            level=self.level[:, keep],
            precision=self.precision[:, keep],
        )

    @property
    def n_draws(self):
        """Number s of draws."""
        return self.level.shape[0]

    def part(self, s):
        """Where draw s is among the components."""
        q = self.components.shape[0] // self.n_draws
        return slice(s * q, (s + 1) * q)

    def _regressors(self, s):
        return np.ascontiguousarray(self.components[self.part(s)].T, np.float64) * self.n_draws

    def _problem(self, observed, s):
        """Least-squares problem of the rows given draw s."""
        level, precision = (x[s].astype(np.float64) for x in (self.level, self.precision))
        F = self._regressors(s)
        return row_problem(F, level, precision, observed, self.center, self.scale)

    def factors(self, observed):
        U = np.empty((observed.shape[0], self.components.shape[0]), observed.dtype)
        for s in range(self.n_draws):
            standard, F = self._problem(observed, s)
            U[:, self.part(s)] = standard.ridge_rows(F, 1.0)[0]
        return U, np.zeros(observed.shape[0], observed.dtype)

    def factors_and_draws(self, observed, normals):
        """The same, and a draw of the factors from each: both (n, s q).

        ``normals(s)`` gives standard normals (n, q) for draw s.
        """
        U = np.empty((observed.shape[0], self.components.shape[0]), observed.dtype)
        draws = np.empty_like(U)
        for s in range(self.n_draws):
            standard, F = self._problem(observed, s)
            part = normals(s)
            U[:, self.part(s)] = standard.draw_rows(F, 1.0, part)
            draws[:, self.part(s)] = part
        return U, draws

    def draw_rows(self, observed, s, normals):
        """Turn standard normals (n, q) into draws of the factors of rows given draw s."""
        standard, F = self._problem(observed, s)
        standard.draw_rows(F, 1.0, normals)
        return normals

    def complete_draw(self, w, s):
        """All entries of rows with factors (n, q) in draw s, in user units, without noise."""
        Z = w @ self._regressors(s).T.astype(w.dtype)
        Z += self.level[s].astype(w.dtype)
        Z *= self.scale.astype(w.dtype)
        Z += self.center.astype(w.dtype)
        return Z

    def entry_deviations(self, U, i, j):
        """Predictive standard deviations of entries (i, j), from draws of the rows, in user units.

        Parameters
        ----------
        U : ndarray, shape (n, s q)
            Draws of the factors of the rows, side by side.
        i, j : ndarrays, shape (k,)
            Rows and columns.
        """
        out = np.empty(i.shape[0])
        V = self.components.T
        noise = (1.0 / self.precision.astype(np.float64)).mean(axis=0)
        step = max(1, BLOCK // V.shape[1])
        for start in range(0, i.shape[0], step):
            a, b = i[start : start + step], j[start : start + step]
            shape = (a.shape[0], self.n_draws, -1)
            Z = np.einsum("ksq,ksq->ks", U[a].reshape(shape), V[b].reshape(shape))
            Z = Z * Z.dtype.type(self.n_draws) + self.level[:, b].T
            out[start : start + step] = Z.var(axis=1, ddof=1, dtype=np.float64) + noise[b]
        return np.sqrt(out) * self.scale[j]

    def leave_one_out(self, observed):
        residual = np.zeros(observed.nnz)
        columns = observed.rows.indices
        for s in range(self.n_draws):
            standard, F = self._problem(observed, s)
            unit = 1.0 / np.sqrt(self.precision[s].astype(np.float64))
            residual += standard.leave_one_out(F, 1.0) * unit[columns]
        return (residual / self.n_draws).astype(observed.dtype)
