"""The observed entries of a table, and tables of its kind that hold only some of them."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from skmc._observed import row_pointers
from skmc._validation import check_some_observed, validate_matrix


class ObservedTable(BaseEstimator):
    """Stands in for an estimator where a function validates its input."""


@dataclass(frozen=True, eq=False)
class Table:
    """Observed entries of a matrix in row-major order, and the container they came in.

    Attributes
    ----------
    like : array-like, dataframe or sparse matrix
        The container.
    rows, columns : ndarray of int, shape (nnz,)
        Position of each observed entry.
    values : ndarray of float, shape (nnz,)
        Its value.
    shape : tuple of int
        Shape of the matrix.
    """

    like: object
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    shape: tuple

    @classmethod
    def of(cls, X):
        """Validate a matrix and find its observed entries.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n, m)
            The matrix; it is left as it is.

        Returns
        -------
        table : Table
            Its entries, at least one.
        """
        observed = validate_matrix(ObservedTable(), X, reset=True)
        check_some_observed(observed)
        rows, columns = observed.rows_and_columns()
        return cls(X, rows, columns, observed.rows.values, observed.shape)

    def with_entries(self, chosen):
        """Keep some of the entries.

        Parameters
        ----------
        chosen : ndarray of bool, shape (nnz,)
            True for the entries to keep.

        Returns
        -------
        X : {ndarray, dataframe, csr_array, csr_matrix} of shape (n, m)
            New container of the same kind with these entries and holes elsewhere.
        """
        rows, columns, values = self.rows[chosen], self.columns[chosen], self.values[chosen]
        return self._contain(rows, columns, values, self.shape[0])

    def empty_row(self):
        """Make a row without entries.

        Returns
        -------
        X : {ndarray, dataframe, csr_array, csr_matrix} of shape (1, m)
            New container of the same kind.
        """
        nothing = slice(0)
        return self._contain(self.rows[nothing], self.columns[nothing], self.values[nothing], 1)

    def _contain(self, rows, columns, values, n_rows):
        shape = (n_rows, self.shape[1])
        if sparse.issparse(self.like):
            kind = sparse.csr_array if isinstance(self.like, sparse.sparray) else sparse.csr_matrix
            indptr = row_pointers(np.bincount(rows, minlength=n_rows))
            return kind((values, columns.copy(), indptr), shape=shape)
        dense = np.full(shape, np.nan, dtype=values.dtype)
        dense[rows, columns] = values
        if hasattr(self.like, "iloc"):
            index = self.like.index[:n_rows]
            return type(self.like)(dense, index=index, columns=self.like.columns)
        if hasattr(self.like, "fill_nan"):
            # In polars what is missing is null.
            return type(self.like)(dense, schema=list(self.like.columns)).fill_nan(None)
        return dense
