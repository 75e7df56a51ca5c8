"""What a pattern of holes can determine, against brute force."""

import re
import sys

import numpy as np
import pytest
from completable import brute_force
from scipy import sparse

from skmc._diagnosis import _motions
from skmc._diagnosis._pattern import Pattern
from skmc.diagnostics import completability


def table(mask):
    return np.where(mask, 1.0, np.nan)


def random_pattern(seed, largest=12):
    """A small random pattern with at least one entry; each fifth one falls apart."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(4, largest + 1, 2)
    mask = rng.random((n, m)) < rng.uniform(0.2, 0.9)
    if seed % 5 == 0:
        mask[: n // 2, m // 2 :] = mask[n // 2 :, : m // 2] = False
    mask[0, 0] = True
    return mask, int(rng.integers(1, 4))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("way", ["decomposed", "iterated"])
def test_random_patterns_agree_with_brute_force(way, center, monkeypatch):
    if way == "iterated":
        monkeypatch.setattr(_motions, "DENSE_UNKNOWNS", 0)
    outcomes = set()
    for seed in range(200):
        mask, rank = random_pattern(seed)
        report = completability(table(mask), rank, center=center)
        expected, determined = brute_force(mask, rank, center)
        assert report.decided
        assert report.jacobian_rank == expected
        np.testing.assert_array_equal(report.identifiable.to_matrix(), determined | mask)
        np.testing.assert_array_equal(report.free_in_row, (~determined & ~mask).sum(axis=1))
        np.testing.assert_array_equal(report.free_in_column, (~determined & ~mask).sum(axis=0))
        freedom = rank * (sum(mask.shape) - center - rank) + center * mask.shape[1]
        assert report.degrees_of_freedom == freedom
        assert report.completable == (expected == freedom)
        outcomes.add((rank, report.completable))
    assert len(outcomes) == 6


def test_a_larger_pattern_with_few_entries_agrees_with_brute_force():
    rng = np.random.default_rng(0)
    n, rank = 90, 4
    mask = np.zeros(n * n, bool)
    mask[rng.choice(n * n, int(1.15 * rank * (2 * n - rank)), replace=False)] = True
    mask = mask.reshape(n, n)
    assert rank * 2 * n > _motions.DENSE_UNKNOWNS
    report = completability(table(mask), rank)
    expected, determined = brute_force(mask, rank)
    assert expected < report.degrees_of_freedom
    assert report.jacobian_rank == expected
    np.testing.assert_array_equal(report.identifiable.to_matrix(), determined | mask)


def test_at_rank_one_it_is_connectedness():
    seen = set()
    for seed in range(60):
        mask, _ = random_pattern(seed)
        report = completability(table(mask), 1)
        rows, columns = Pattern(*np.nonzero(mask), mask.shape).components
        connected = rows[:, None] == columns
        np.testing.assert_array_equal(report.identifiable.to_matrix(), connected)
        assert report.completable == connected.all() == (report.n_components == 1)
        assert report.jacobian_rank == sum(mask.shape) - report.n_components
        seen.add(report.completable)
    assert seen == {True, False}


@pytest.mark.parametrize("center", [False, True])
def test_largest_rank_is_the_last_that_is_completable(center):
    for seed in range(40):
        mask, _ = random_pattern(seed, largest=9)
        report = completability(table(mask), 1, center=center)
        ranks = range(1, min(mask.shape[0] - center, mask.shape[1]) + 1)
        verdicts = [completability(table(mask), r, center=center).completable for r in ranks]
        assert report.largest_rank_exact
        # What is completable at a rank is at all lower ones.
        assert verdicts == sorted(verdicts, reverse=True)
        assert report.largest_rank == sum(verdicts)


def test_two_blocks_do_not_determine_what_is_between():
    rng = np.random.default_rng(0)
    mask = np.zeros((400, 300), bool)
    mask[:250, :200] = rng.random((250, 200)) < 0.4
    mask[250:, 200:] = rng.random((150, 100)) < 0.4
    report = completability(table(mask), 3)
    expected = np.zeros_like(mask)
    expected[:250, :200] = expected[250:, 200:] = True
    assert report.n_components == 2
    assert report.decided
    assert report.jacobian_rank == report.degrees_of_freedom - 9
    np.testing.assert_array_equal(report.identifiable.to_matrix(), expected)
    rows, cols = report.entries(limit=150)
    np.testing.assert_array_equal(rows, np.repeat([0, 1], [100, 50]))
    np.testing.assert_array_equal(cols[:100], np.arange(200, 300))


def test_lines_with_too_few_entries_are_named():
    rng = np.random.default_rng(0)
    mask = rng.random((80, 50)) < 0.5
    mask[7], mask[:, 11] = False, False
    mask[7, [1, 2]] = mask[[3, 20], 11] = True
    report = completability(table(mask), 3)
    assert not report.completable
    np.testing.assert_array_equal(report.rows, [7])
    np.testing.assert_array_equal(report.columns, [11])
    # Each has two unknowns too many.
    assert report.jacobian_rank == report.degrees_of_freedom - 2
    assert report.core_shape == (79, 49)
    assert report.largest_rank == 2
    assert completability(table(mask), 2).completable


def test_every_container_gives_the_same_report():
    mask, _ = random_pattern(3)
    stored = sparse.csc_array((np.zeros(mask.sum()), np.nonzero(mask)), shape=mask.shape)
    dense, other = completability(table(mask), 2), completability(stored, 2)
    assert repr(dense) == repr(other)
    assert dense._repr_html_() == other._repr_html_()


def test_reports_of_large_patterns_do_not_look_at_every_entry(monkeypatch):
    rng = np.random.default_rng(0)
    mask = rng.random((200, 150)) < 0.1
    mask[0], mask[0, 0] = False, True
    exact = completability(table(mask), 3)
    monkeypatch.setattr("skmc._diagnosis._identifiable.CELLS", 10)
    sampled = completability(table(mask), 3)
    assert sampled.free_in_row is None
    assert sampled.fraction_identifiable == pytest.approx(exact.fraction_identifiable, abs=5e-3)
    np.testing.assert_array_equal(sampled.rows, exact.rows)
    np.testing.assert_array_equal(sampled.entries(5), exact.entries(5))


def test_an_iteration_that_has_not_settled_says_so(monkeypatch):
    monkeypatch.setattr(_motions, "DENSE_UNKNOWNS", 0)
    monkeypatch.setattr(_motions, "WORK", 0.0)
    monkeypatch.setattr(_motions, "MIN_STEPS", 2)
    mask = np.random.default_rng(0).random((60, 50)) < 0.5
    report = completability(table(mask), 3)
    assert not report.decided
    assert not report.completable
    assert report.jacobian_rank < report.degrees_of_freedom
    assert "not settled" in repr(report)


@pytest.mark.parametrize("steps", [8, 15, 30])
def test_what_an_iteration_that_has_not_settled_says_is_on_the_safe_side(steps, monkeypatch):
    rng = np.random.default_rng(1)
    mask = rng.random((60, 60)) < 0.22
    mask[:3], mask[:3, :2] = False, True
    expected, determined = brute_force(mask, 4)
    monkeypatch.setattr(_motions, "DENSE_UNKNOWNS", 0)
    monkeypatch.setattr(_motions, "WORK", 0.0)
    monkeypatch.setattr(_motions, "MIN_STEPS", steps)
    report = completability(table(mask), 4)
    assert not report.decided
    assert report.jacobian_rank <= expected
    assert not (report.identifiable.to_matrix() & ~(determined | mask)).any()


def test_empty_lines_are_named():
    mask = np.random.default_rng(0).random((30, 20)) < 0.6
    mask[[4, 9]], mask[:, 3] = False, False
    report = completability(table(mask), 2)
    np.testing.assert_array_equal(report.empty_rows, [4, 9])
    np.testing.assert_array_equal(report.empty_columns, [3])
    text = repr(report)
    assert re.search(r"rows without an entry +4, 9\n", text)
    assert re.search(r"columns without an entry +3\n", text)


def test_offsets_take_a_rank_at_most():
    full = np.ones((5, 8))
    assert completability(full, 4, center=True).completable
    with pytest.raises(ValueError, match=r"between 1 and min\(n - 1, m\) = 4"):
        completability(full, 5, center=True)
    assert "2 and column offsets" in repr(completability(full, 2, center=True))


@pytest.mark.parametrize("rank", [0, 6, 2.0, True, None])
def test_impossible_ranks_are_refused(rank):
    with pytest.raises(ValueError, match=r"between 1 and min\(n, m\) = 5"):
        completability(np.ones((5, 8)), rank)


@pytest.mark.parametrize(
    ("rows", "cols", "message"),
    [([0], [8], r"cols has values outside 0 ... 7"), ([0, 1], [1], "rows has 2 entries, cols 1"),
     ([0.5], [1], "rows must be a 1-D array of integers")],
)  # fmt: skip
def test_positions_outside_are_refused(rows, cols, message):
    with pytest.raises(ValueError, match=message):
        completability(np.ones((5, 8)), 2).identifiable(rows, cols)


def test_the_frame_has_a_row_for_every_line():
    pytest.importorskip("pandas")
    mask, _ = random_pattern(3)
    frame = completability(table(mask), 2).to_frame()
    counts = np.concatenate([mask.sum(axis=1), mask.sum(axis=0)])
    np.testing.assert_array_equal(frame["n_entries"], counts)


def test_without_pandas_the_frame_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        completability(np.ones((5, 8)), 2).to_frame()


@pytest.mark.slow
def test_a_million_entries_take_seconds():
    rng = np.random.default_rng(0)
    n = 10_000
    at = rng.choice(n * n, 10**6, replace=False)
    X = sparse.coo_array((np.ones(at.size), (at // n, at % n)), shape=(n, n)).tocsr()
    report = completability(X, 5)
    assert report.completable
    assert report.fraction_identifiable == 1.0
