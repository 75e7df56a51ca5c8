"""The one optimisation problem of the package."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skmc._factors import Factors, penalty_multiples
from skmc._linalg import SparsePlusLowRank, gram_spectrum, spectral_norm
from skmc._offsets import OffsetModel, Offsets


@dataclass(frozen=True, eq=False)
class Residual:
    """What is left of the data at some Z, offsets taken out.

    Parameters
    ----------
    entries : ndarray
        Entry array of e_ij = x_ij - a_i mu_j - b_i - z_ij at the best offsets.
    loss : float
        1/2 sum w_ij e_ij^2 + kappa/2 sum b_i^2.
    offsets : Offsets
        The best offsets.
    """

    entries: np.ndarray
    loss: float
    offsets: Offsets


@dataclass(frozen=True, eq=False)
class CompletionProblem:
    """Penalised low-rank completion of the observed entries of a matrix.

    minimise over U (n x r), V (m x r), mu, b
        1/2 sum_Omega w_ij (x_ij - a_i mu_j - b_i - u_i . v_j)^2 + kappa/2 |b|^2
        + alpha/2 (sum_i p_i |u_i|^2 + sum_j q_j |v_j|^2)

    p_i is the weight of row i relative to the mean row, to the power `penalty_power`; so is q_j for
    columns. At power 0 and with r at least the rank of its solution this is the nuclear-norm
    problem, since alpha |Z|_* = min over Z = U V' of alpha/2 (|U|^2 + |V|^2). alpha = 0 is the
    hard-rank problem.

    Parameters
    ----------
    observed : ObservedMatrix
        Omega with values and weights, in standardised units.
    rank : int
        Largest rank r of the factors.
    alpha : float
        Penalty, at least 0.
    offsets : OffsetModel
        Offsets that are fitted jointly.
    penalty_power : float, default=0.0
        How the penalty of a row or column grows with what is observed of it.
    """

    observed: object
    rank: int
    alpha: float
    offsets: OffsetModel
    penalty_power: float = 0.0

    @property
    def shape(self):
        """(n, m)."""
        return self.observed.shape

    @property
    def dtype(self):
        """Floating-point type of the factors."""
        return self.observed.dtype

    def with_alpha(self, alpha, rank=None, penalty_power=None):
        """Return the same problem with another penalty, and another rank or power if given."""
        power = self.penalty_power if penalty_power is None else penalty_power
        rank = self.rank if rank is None else rank
        other = replace(self, alpha=float(alpha), rank=rank, penalty_power=power)
        # What depends on neither is not computed again.
        known = "at_zero", "loss_at_zero", "zero_spectrum", "_alpha_max"
        for name in (*known, "total_weight", "n_rows", "mean_weight"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def in_column_units(self, units):
        """Return the problem with column j divided by units_j; its solution scales likewise."""
        observed = self.observed.standardized(np.zeros(self.shape[1]), units)
        return replace(self, observed=observed, offsets=self.offsets.of_values(observed))

    @cached_property
    def at_zero(self):
        """Residual at Z = 0: the data less their offsets."""
        return self._residual(self.observed.values)

    @cached_property
    def loss_at_zero(self):
        """Loss at Z = 0."""
        return self.at_zero.loss

    def release(self):
        """Let go of the residual at Z = 0, as large as the data; it is found anew when needed."""
        if "at_zero" in self.__dict__:
            self.__dict__["loss_at_zero"] = self.__dict__.pop("at_zero").loss

    @cached_property
    def total_weight(self):
        """Number of observed entries, each counted with its sample weight."""
        counts = self.observed.row_counts.astype(np.float64)
        return float(counts @ self.offsets.design.astype(np.float64) ** 2)

    @cached_property
    def n_rows(self):
        """Number of rows, each counted with its sample weight."""
        a = self.offsets.design.astype(np.float64)
        return float(a @ a)

    @cached_property
    def row_multiples(self):
        """The multiples p of the penalty, shape (n,), or None where all are one."""
        return self._multiples(self.offsets.row_weight, self.mean_row_weight)

    @cached_property
    def column_multiples(self):
        """The multiples q of the penalty, shape (m,), or None where all are one."""
        return self._multiples(self.offsets.column_weight, self.offsets.column_weight.mean())

    def _multiples(self, weights, mean):
        # Balancing divides by them.
        least = np.finfo(self.dtype).eps * mean
        return penalty_multiples(np.maximum(weights, least), mean, self.penalty_power)

    @cached_property
    def mean_row_weight(self):
        """Mean over the rows of the weight of what is observed."""
        multiplicity = self.offsets.design.astype(np.float64) ** 2
        return float(multiplicity @ self.offsets.row_weight) / self.n_rows

    @property
    def largest_rank(self):
        """Largest rank that the shape allows; a row of weight k counts as k rows here too."""
        n, m = self.shape
        return min(max(n, int(np.ceil(self.n_rows))), m)

    @property
    def fraction_observed(self):
        """Observed part of the matrix, rows counted with their sample weight."""
        return self.total_weight / (self.n_rows * self.shape[1])

    @cached_property
    def mean_weight(self):
        """Mean weight of all entries, zero where none is observed: without weights their fraction.

        Rows count with their sample weight.
        """
        return self.mean_row_weight / self.shape[1]

    @property
    def mean_degrees(self):
        """Size-biased mean weight of the entries in a row and in a column.

        Sample weights count as repetitions of their row.
        """
        multiplicity = self.offsets.design.astype(np.float64) ** 2
        rows = self.offsets.row_weight.astype(np.float64)
        columns = self.offsets.column_weight.astype(np.float64)
        total = max(columns.sum(), np.finfo(np.float64).tiny)
        return float(multiplicity @ rows**2 / total), float(columns @ columns / total)

    def residual(self, factors, start=None, out=None, rows=None):
        """Residual at Z = U V', in O(nnz r); its entries may be written to the array `out`.

        Row offsets may be given by `rows`; otherwise those of `start` are where the search for the
        best ones starts.
        """
        if factors.rank == 0:
            return self.at_zero
        known, residual = self.__dict__.pop("_known", (None, None))
        if known is factors:
            return residual
        entries = self.observed.residual(factors.U, factors.V, out)
        return self._residual(entries, start, rows, overwrite=True)

    def know(self, factors, residual):
        """Note the residual at some factors, which the next call of `residual` has, if for them."""
        self.__dict__["_known"] = factors, residual

    def between(self, first, last, t):
        """The residual that is t of the way from one to another, as that of Z is between two Z."""
        entries = last.entries - first.entries
        entries *= self.dtype.type(t)
        entries += first.entries
        offsets = first.offsets.towards(last.offsets, t)
        return Residual(entries, self._loss(entries, offsets), offsets)

    def _residual(self, entries, start=None, rows=None, *, overwrite=False):
        entries, offsets = self.offsets.project(entries, start, rows=rows, overwrite=overwrite)
        return Residual(entries, self._loss(entries, offsets), offsets)

    def _loss(self, entries, offsets):
        loss = 0.5 * self.observed.dot(self.observed.weighted(entries), entries)
        if offsets.rows is not None:
            b = offsets.rows.astype(np.float64)
            loss += 0.5 * self.offsets.row_penalty * float(b @ b)
        return loss

    def centred(self, factors, columns):
        """The same fit with row factors of mean zero, the mean moved into the column offsets.

        Without a penalty (U + a t') V' and mu - V t are one fit for every t.
        """
        if not self.offsets.has_columns:
            return factors, columns
        a = self.offsets.design
        t = a @ factors.U / a.dtype.type(self.n_rows)
        return Factors(factors.U - np.outer(a, t), factors.V), columns + factors.V @ t

    def row_penalty(self, U):
        """alpha/2 sum_i p_i |u_i|^2."""
        return 0.5 * self.alpha * _squares(U, self.row_multiples)

    def column_penalty(self, V):
        """alpha/2 sum_j q_j |v_j|^2."""
        return 0.5 * self.alpha * _squares(V, self.column_multiples)

    def penalty(self, factors):
        """The part of the objective that is proportional to alpha."""
        return self.row_penalty(factors.U) + self.column_penalty(factors.V)

    def balanced(self, factors):
        """The factors of the same Z of the least penalty."""
        if self.penalty_power == 0:
            return factors.balanced()
        p, q = (np.sqrt(x)[:, None] for x in (self.row_multiples, self.column_multiples))
        scaled = Factors(p * factors.U, q * factors.V).balanced()
        return Factors(scaled.U / p, scaled.V / q)

    def objective(self, factors):
        """Objective at the factors, with the best offsets for them."""
        return self.residual(factors).loss + self.penalty(factors)

    def gradient(self, factors):
        """Gradient of the objective (best offsets eliminated) in U and in V."""
        observed = self.observed
        entries = observed.weighted(self.residual(factors).entries)
        p, q = (
            self.dtype.type(self.alpha) * (1 if multiples is None else multiples[:, None])
            for multiples in (self.row_multiples, self.column_multiples)
        )
        return (
            p * factors.U - observed.matmul(entries, factors.V),
            q * factors.V - observed.rmatmul(entries, factors.U),
        )

    def noise_variance(self, loss, rank=0.0):
        """Residual variance 2 loss / (nnz - degrees of freedom of offsets and factors).

        Entries and rows count with their sample weight. The factors take nine tenths at most of
        what the offsets leave.
        """
        m = self.shape[1]
        left = max(self.total_weight - (m if self.offsets.has_columns else 0.0), 1.0)
        return 2.0 * loss / max(left - rank * (self.n_rows + m - rank), 0.1 * left)

    def alpha_max(self):
        """Smallest alpha at which Z = 0 is optimal: the spectral norm of the centred data."""
        return self._alpha_max

    @cached_property
    def _alpha_max(self):
        spectrum = self.zero_spectrum
        return self._spectral_norm(self.at_zero) if spectrum is None else float(spectrum[0][0])

    @cached_property
    def zero_spectrum(self):
        """What `gram_spectrum` says of the centred data, None where it would take long."""
        dense = self._operator(self.at_zero).dense()
        return None if dense is None else gram_spectrum(dense)

    def _operator(self, residual):
        return SparsePlusLowRank(self.observed, self.observed.weighted(residual.entries))

    def _spectral_norm(self, residual):
        return spectral_norm(self._operator(residual))

    def duality_gap(self, factors):
        """Distance of alpha |Z|_* + loss from its minimum, at most.

        The residual scaled until its spectral norm is at most alpha is feasible in the dual,
        max_t t <e, x>_w - t^2/2 (|e|_w^2 + kappa |b|^2) over 0 <= t <= alpha / |w e|_2. A gap of
        eps proves that the factors are within eps of the global optimum over all ranks.
        """
        if self.penalty_power != 0:
            raise ValueError("The duality gap is that of the nuclear norm: penalty_power = 0.")
        if not self.alpha > 0:
            raise ValueError("The duality gap needs alpha > 0; at alpha = 0 the problem is the "
                             "hard-rank one, which has no dual certificate.")  # fmt: skip
        residual = self.residual(factors)
        nuclear = float(factors.singular_values().sum(dtype=np.float64))
        primal = residual.loss + self.alpha * nuclear
        weighted = self.observed.weighted(residual.entries)
        linear = self.observed.dot(weighted, self.at_zero.entries)
        if residual.offsets.rows is not None:
            b, b0 = (o.rows.astype(np.float64) for o in (residual.offsets, self.at_zero.offsets))
            linear += self.offsets.row_penalty * float(b @ b0)
        norm = self._spectral_norm(residual)
        feasible = self.alpha / norm if norm > 0 else np.inf
        quadratic = 2.0 * residual.loss
        best = linear / quadratic if quadratic > 0 else 0.0
        t = min(max(best, 0.0), feasible)
        return primal - (t * linear - 0.5 * t * t * quadratic)


def _squares(F, multiples):
    if multiples is None:
        return float(np.einsum("ik,ik->", F, F, dtype=np.float64))
    return float(np.einsum("i,ik,ik->", multiples, F, F, dtype=np.float64))


def zero_factors(problem):
    """The rank-0 factors of a problem."""
    n, m = problem.shape
    return Factors(np.zeros((n, 0), problem.dtype), np.zeros((m, 0), problem.dtype))
