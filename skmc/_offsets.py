"""Unpenalised column offsets and shrunk row offsets, eliminated by variable projection."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg


@dataclass(frozen=True, eq=False)
class Offsets:
    """Offsets of a fit, in the standardised units of the problem.

    Parameters
    ----------
    columns : ndarray, shape (m,)
        Column offsets mu.
    rows : ndarray, shape (n,), or None
        Row offsets b, None in a model without them.
    """

    columns: np.ndarray
    rows: np.ndarray | None = None

    def towards(self, other, t):
        """Return the offsets that are t of the way to others."""
        t = self.columns.dtype.type(t)
        columns = self.columns + t * (other.columns - self.columns)
        rows = None if self.rows is None else self.rows + t * (other.rows - self.rows)
        return Offsets(columns, rows)


@dataclass(frozen=True, eq=False)
class OffsetModel:
    """The offsets that a problem fits jointly with its factors.

    For a residual e on Omega the best offsets minimise 1/2 sum w_ij (e_ij - a_i mu_j - b_i)^2 +
    kappa/2 sum b_i^2. Taking them out is an orthogonal projection in the metric of w (for
    kappa = 0), or a contraction (kappa > 0), so it leaves every step-size bound of the data term
    as it was.

    Parameters
    ----------
    observed : ObservedMatrix
        The observed set.
    kind : {"none", "column", "both"}
        Which offsets the model has.
    row_scale : ndarray, shape (n,), or None
        The design a of the column offsets: the root of the sample weights; None means one.
    """

    observed: object
    kind: str = "column"
    row_scale: np.ndarray | None = None

    @property
    def has_columns(self):
        """Whether the model has column offsets."""
        return self.kind != "none"

    @property
    def has_rows(self):
        """Whether the model has row offsets."""
        return self.kind == "both"

    def of_values(self, observed):
        """Return the model for other values with the same pattern and weights."""
        other = replace(self, observed=observed)
        for name in ("design", "column_weight", "row_weight"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @cached_property
    def design(self):
        """The vector a, shape (n,)."""
        n = self.observed.shape[0]
        a = np.ones(n) if self.row_scale is None else self.row_scale
        return a.astype(self.observed.dtype, copy=False)

    @cached_property
    def column_weight(self):
        """Sum over each column of w_ij a_i^2, shape (m,)."""
        if self.observed.weights is None and self.row_scale is None:
            return self.observed.column_counts.astype(self.observed.dtype)
        return self.observed.weight_rmatmul((self.design**2)[:, None])[:, 0]

    @cached_property
    def row_weight(self):
        """Sum over each row of w_ij, shape (n,)."""
        if self.observed.weights is None:
            return self.observed.row_counts.astype(self.observed.dtype)
        ones = np.ones((self.observed.shape[1], 1), self.observed.dtype)
        return self.observed.weight_matmul(ones)[:, 0]

    @cached_property
    def row_penalty(self):
        """Penalty kappa of the row offsets: the ratio of residual to row-offset variance.

        Moments of the column-centred data: with d_i the weight of row i, the sum of squared row
        sums has expectation s_e^2 sum d_i + s_b^2 sum d_i^2, and the sum of squares s_e^2 nnz +
        s_b^2 sum d_i. Without a sign of row effects kappa is so large that they vanish.
        """
        observed = self.observed
        entries, _ = self._project_columns(observed.values)
        weighted = observed.weighted(entries)
        multiplicity = self.design.astype(np.float64) ** 2
        d = self.row_weight.astype(np.float64)
        counts = observed.row_counts
        system = np.array(
            [
                [multiplicity @ d, multiplicity @ d**2],
                [multiplicity @ counts, multiplicity @ d],
            ]
        )
        row_sums = observed.row_sums(weighted).astype(np.float64)
        moments = np.array([row_sums @ row_sums, observed.dot(weighted, entries)])
        if abs(np.linalg.det(system)) <= 1e-12 * np.abs(system).max() ** 2:
            return 1e6 * float(d.max(initial=1.0))
        noise, between = np.linalg.solve(system, moments)
        largest = 1e6 * float(d.max(initial=1.0))
        return float(min(largest, max(noise, 0.0) / between)) if between > 0 else largest

    def project(self, entries, start=None, *, rows=None, overwrite=False):
        """Take the best offsets out of a residual.

        Parameters
        ----------
        entries : ndarray
            Entry array of the residual e.
        start : Offsets or None
            Offsets of a near-by residual, to start from.
        rows : ndarray, shape (n,), or None
            Row offsets to take out instead of the best ones.
        overwrite : bool, default=False
            Whether the result may take the place of `entries`: an array less to be filled.

        Returns
        -------
        entries : ndarray
            The residual less its offsets.
        offsets : Offsets
            The offsets.
        """
        if self.kind == "none":
            return entries, Offsets(np.zeros(self.observed.shape[1], self.observed.dtype))
        if self.has_rows:
            if rows is None:
                rows = self._best_rows(entries, None if start is None else start.rows)
            ones = np.ones(self.observed.shape[1], dtype=entries.dtype)
            out = entries if overwrite else None
            entries, overwrite = self.observed.subtract_outer(entries, rows, ones, out), True
        entries, columns = self._project_columns(entries, overwrite=overwrite)
        return entries, Offsets(columns, rows)

    def _project_columns(self, entries, *, overwrite=False):
        means = self._column_means(entries)
        design = None if self.row_scale is None else self.design
        out = entries if overwrite else None
        return self.observed.subtract_outer(entries, design, means, out), means

    def _column_means(self, entries):
        total = self.observed.column_sums(self.observed.weighted(entries), self.design)
        weight = self.column_weight
        return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)

    def _best_rows(self, entries, start):
        """Solve the reduced normal equations of b, with mu eliminated, by conjugate gradients."""
        observed, design = self.observed, self.design
        diagonal = self.row_weight + observed.dtype.type(self.row_penalty)
        column_weight = self.column_weight

        def apply(b):
            b = b.astype(observed.dtype, copy=False)
            sums = observed.weight_rmatmul((design * b)[:, None])[:, 0]
            means = np.divide(sums, column_weight, out=np.zeros_like(sums), where=column_weight > 0)
            return diagonal * b - design * observed.weight_matmul(means[:, None])[:, 0]

        centred = observed.weight_matmul(self._column_means(entries)[:, None])[:, 0]
        rhs = observed.row_sums(observed.weighted(entries)) - design * centred
        operator = LinearOperator((rhs.shape[0],) * 2, matvec=apply, dtype=rhs.dtype)
        precise = 1e-10 if observed.dtype == np.float64 else 1e-6
        inverse = LinearOperator(operator.shape, matvec=lambda b: b / diagonal, dtype=rhs.dtype)
        b, _ = cg(operator, rhs, x0=start, rtol=precise, maxiter=200, M=inverse)
        return b.astype(observed.dtype, copy=False)
