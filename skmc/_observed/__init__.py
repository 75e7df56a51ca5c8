"""The observed set Omega with its values and weights, in the form that is fastest for it."""

from skmc._observed._base import ObservedMatrix
from skmc._observed._build import observed_from_csr, observed_from_dense
from skmc._observed._dense import DenseObserved
from skmc._observed._sparse import SparseObserved
from skmc._observed._view import row_major, row_pointers

__all__ = [
    "DenseObserved",
    "ObservedMatrix",
    "SparseObserved",
    "observed_from_csr",
    "observed_from_dense",
    "row_major",
    "row_pointers",
]
