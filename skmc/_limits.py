"""How large values and weights may be, and the words for it."""

import numpy as np

# Differences of values and predictions a few times as large must have room in their type.
HEADROOM = 16.0
# Weights, starting factors and tolerances are relative to something: products of a few must have
# room in float32.
LARGEST_RATIO = 1e12

CORRECT = "Correct such entries, mark them as missing, or divide all by a constant."
BAD_WEIGHT = f"entry_weight must be finite, not negative, and at most {LARGEST_RATIO:g}"


def largest_value(dtype):
    """Largest absolute value that leaves room for differences and predictions."""
    return float(np.finfo(dtype).max / HEADROOM)


def too_large(dtype):
    """What is wrong with larger values, in words."""
    largest = largest_value(dtype)
    return (
        f"infinity or a value too large for {np.dtype(dtype)}, in which values must lie between "
        f"{-largest:.3g} and {largest:.3g}"
    )


def largest_magnitude(values):
    """Largest absolute value, NaN if there is one, without an array in between."""
    if values.size == 0:
        return 0.0
    return float(np.maximum(values.max(), -values.min()))


def check_digits(observed):
    """Raise ValueError if all values are so small that their type does not hold their digits."""
    tiny = np.finfo(observed.dtype).tiny
    largest = largest_magnitude(observed.values)
    if 0 < largest < tiny:
        raise ValueError(
            f"The largest of the {observed.nnz} observed entries of X is {largest:.3g}. Numbers "
            f"below {tiny:.3g} have lost digits in {observed.dtype}; multiply the data by a "
            "constant before they are stored in that type."
        )
