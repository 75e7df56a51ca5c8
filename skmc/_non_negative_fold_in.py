"""Rows from their observed entries where factors are non-negative."""

from dataclasses import dataclass

import numpy as np

from skmc._fold_in import FoldIn
from skmc._non_negative import leave_one_out, non_negative_rows


@dataclass(frozen=True, eq=False)
class NonNegativeFoldIn(FoldIn):
    """Ridge regression of a row on the components with non-negative coefficients.

    The parameters are those of `FoldIn`; offsets are zero, and there are none of rows.
    """

    def factors(self, observed):
        standard = self._standard(observed)
        U = non_negative_rows(standard, self.components.T, self.alpha)
        return U, np.zeros(observed.shape[0], U.dtype)

    def leave_one_out(self, observed):
        standard = self._standard(observed)
        if self.components.shape[0] == 0:
            return standard.rows.values
        residual = leave_one_out(standard, self.components.T, self.alpha)
        return residual.astype(observed.dtype, copy=False)
