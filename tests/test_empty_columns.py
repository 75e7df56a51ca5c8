"""What the warning of columns without entries says of their fill."""

import numpy as np
import pytest

from skmc import ALSCompleter
from skmc.datasets import make_low_rank


@pytest.mark.parametrize(
    ("params", "fill", "ends"),
    [
        ({"center": False}, "zeros;", (0, 0)),
        ({"center": False, "min_value": 1}, "zeros, moved into the bounds to 1;", (1, 1)),
        (
            {"center": False, "min_value": np.arange(30.0)},
            "zeros, moved into the bounds to values from 4 to 9;",
            (4, 9),
        ),
        ({"max_value": -7.5}, r"grand mean .* moved into the bounds to -7\.5;", (-7.5, -7.5)),
        ({"min_value": -99}, "a guess if all have one unit;", None),
        ({"center": "both"}, "one unit, plus the offset of the row, all within the bounds", None),
    ],
    ids=str,
)
def test_the_warning_tells_the_fill(params, fill, ends):
    X = make_low_rank(60, 30, 3, observed=0.6, noise=0.1, offsets=1.0, random_state=0).X
    X[:, [4, 9]] = np.nan
    with pytest.warns(UserWarning, match=f"They are filled with .*{fill}"):
        filled = ALSCompleter(rank=2, **params).fit_transform(X)[:, [4, 9]]
    if ends is not None:
        assert (filled.min(), filled.max()) == ends
    assert (np.ptp(filled, axis=0) > 0).all() == (params.get("center") == "both")
