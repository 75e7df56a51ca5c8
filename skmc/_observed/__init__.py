"""The observed set Omega with its values and weights, in the form that is fastest for it."""

from skmc._observed._base import ObservedMatrix
from skmc._observed._build import observed_from_csr, observed_from_dense
from skmc._observed._dense import DenseObserved
from skmc._observed._mirror import (
    is_symmetric,
    mirror_images,
    refuse_asymmetric,
    with_mirror_images,
)
from skmc._observed._sparse import SparseObserved
from skmc._observed._view import (
    CompressedView,
    compressed,
    count,
    entries_of,
    row_blocks,
    row_major,
    row_pointers,
    transposed,
)

__all__ = [
    "CompressedView",
    "DenseObserved",
    "ObservedMatrix",
    "SparseObserved",
    "compressed",
    "count",
    "entries_of",
    "is_symmetric",
    "mirror_images",
    "observed_from_csr",
    "observed_from_dense",
    "refuse_asymmetric",
    "row_blocks",
    "row_major",
    "row_pointers",
    "transposed",
    "with_mirror_images",
]
