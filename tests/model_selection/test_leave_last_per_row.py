"""The latest entries of each row: which they are, and what times may be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmc.model_selection import LeaveLastPerRow

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


@settings(deadline=None, max_examples=100)
@given(
    n_entries=st.integers(1, 40),
    n=st.integers(1, 8),
    n_last=st.integers(1, 4),
    n_splits=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_leave_last(n_entries, n, n_last, n_splits, seed):
    rng = np.random.default_rng(seed)
    where = np.column_stack([rng.integers(n, size=n_entries), rng.integers(9, size=n_entries)])
    # Two times are often equal; then the order of appearance decides.
    when = rng.integers(20, size=n_entries)
    expected = []
    for step in range(n_splits, 0, -1):
        train, test = [], []
        for row in set(where[:, 0].tolist()):
            entries = sorted(np.flatnonzero(where[:, 0] == row).tolist(), key=when.__getitem__)
            cut = max(1, len(entries) - step * n_last)
            train += entries[:cut]
            test += entries[cut : max(cut, len(entries) - (step - 1) * n_last)]
        expected.append((sorted(train), sorted(test)))
    X = pd.DataFrame(where, columns=["user", "item"]).assign(when=when)
    for data, time in ((X, "when"), (X, 2), (pl.DataFrame(X.to_dict("list")), 2), (X.values, 2)):
        cv = LeaveLastPerRow(n_last, n_splits=n_splits, time=time)
        if all(test for _, test in expected):
            found = [(train.tolist(), test.tolist()) for train, test in cv.split(data)]
            assert found == expected
        else:
            with pytest.raises(ValueError, match="No row has entries to test"):
                list(cv.split(data))


def test_times_of_many_types():
    where = pd.DataFrame({"user": ["a", "b", "a", "a"], "item": [1, 1, 2, 3]})
    days = pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-09", "2020-01-02"])
    for when in (days, days.tz_localize("UTC"), pd.array([3, 1, 9, 2], dtype="Int64")):
        _, test = next(LeaveLastPerRow(time="when").split(where.assign(when=when)))
        assert test.tolist() == [2]
    _, test = next(LeaveLastPerRow().split(where))
    assert test.tolist() == [3]


@pytest.mark.parametrize(
    ("when", "time", "error", "message"),
    [
        (["2", "10", "1"], "when", TypeError, "are text"),
        ([1.0, np.nan, 2.0], "when", ValueError, "1 times in column 'when' are missing"),
        ([1.0, 2.0, 3.0], "date", ValueError, "time='date' is no column of X, whose .* are"),
        ([1.0, 2.0, 3.0], 7, ValueError, "time=7 is no column of X, which has 3 columns"),
    ],
)
def test_bad_times(when, time, error, message):
    X = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 1], "when": when})
    with pytest.raises(error, match=message):
        next(LeaveLastPerRow(time=time).split(X))
    if error is TypeError:
        with pytest.raises(error, match=message):
            next(LeaveLastPerRow(time=2).split(X.to_numpy().astype(str)))


def test_name_of_a_time_needs_a_data_frame():
    with pytest.raises(ValueError, match=r"time='when' .* has no names: give a position"):
        next(LeaveLastPerRow(time="when").split(np.ones((3, 3))))
