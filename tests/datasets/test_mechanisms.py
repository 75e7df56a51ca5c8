"""Reasons why entries are missing."""

import numpy as np
import pytest

from skmc.datasets import hide_entries, make_low_rank
from skmc.datasets._mechanisms import MECHANISMS

every_mechanism = pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
X = make_low_rank(80, 30, 4, observed=0.95, noise=0.5, random_state=0).X


@every_mechanism
@pytest.mark.parametrize("fraction", [0.05, 0.3])
def test_the_fraction_is_hidden_and_nothing_emptied(mechanism, fraction):
    X_hidden, hidden = hide_entries(X, fraction, mechanism=mechanism, random_state=0)
    observed = ~np.isnan(X)
    assert hidden.sum() == round(fraction * observed.sum())
    assert not (hidden & ~observed).any()
    np.testing.assert_array_equal(np.isnan(X_hidden), ~observed | hidden)
    np.testing.assert_array_equal(X_hidden[~np.isnan(X_hidden)], X[observed & ~hidden])
    assert (~np.isnan(X_hidden)).any(axis=0).all()
    assert (~np.isnan(X_hidden)).any(axis=1).all()
    again = hide_entries(X, fraction, mechanism=mechanism, random_state=0)[1]
    np.testing.assert_array_equal(hidden, again)


def test_uniform_holes_are_those_they_always_were():
    rows, columns = np.nonzero(~np.isnan(X))
    first = np.random.RandomState(3).permutation(rows.size)[:10]
    _, hidden = hide_entries(X, 0.1, random_state=3)
    assert hidden[rows[first], columns[first]].all()


@pytest.mark.parametrize("mechanism", ["mar", "mnar", "popularity"])
def test_without_strength_all_are_alike(mechanism):
    rates = [hide_entries(X, 0.3, mechanism=mechanism, strength=0.0, random_state=seed)[1]
             for seed in range(40)]  # fmt: skip
    value = np.nan_to_num(X) * ~np.isnan(X)
    hidden = np.mean(rates, axis=0)
    assert abs(np.corrcoef(hidden[:, 1:].ravel(), value[:, 1:].ravel())[0, 1]) < 0.06


def test_values_decide_when_not_at_random():
    _, hidden = hide_entries(X, 0.3, mechanism="mnar", strength=2.0, random_state=0)
    z = (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0)
    assert np.nanmean(z[hidden]) > 0.4
    assert np.nanmean(z[~hidden]) < -0.1


def test_one_column_decides_at_random():
    table = np.random.default_rng(0).normal(size=(400, 10))
    table[::7, 1:] = np.nan
    table[::7, 1] = 0.0
    _, hidden = hide_entries(table, 0.3, mechanism="mar", strength=2.0, random_state=0)
    assert not hidden[:, 0].any()
    rate = hidden[:, 2:].mean(axis=1)
    observed = ~np.isnan(table[:, 2])
    assert np.corrcoef(rate[observed], table[observed, 0])[0, 1] > 0.6
    # Given that column the values themselves do not matter.
    z = table[:, 2:]
    residual = z[hidden[:, 2:]]
    assert abs(np.nanmean(residual)) < 0.15


def test_popular_lines_keep_their_entries():
    table = np.ones((300, 200))
    _, skewed = hide_entries(table, 0.5, mechanism="popularity", strength=1.5, random_state=0)
    _, even = hide_entries(table, 0.5, random_state=0)
    for axis in (0, 1):
        assert skewed.mean(axis=axis).std() > 5 * even.mean(axis=axis).std()


def test_blocks_are_contiguous():
    table = np.ones((60, 40))
    _, hidden = hide_entries(table, 0.2, mechanism="blocks", random_state=0)
    changes = np.sum(hidden != np.roll(hidden, 1, axis=1))
    _, even = hide_entries(table, 0.2, random_state=0)
    assert changes < 0.3 * np.sum(even != np.roll(even, 1, axis=1))


def test_staggered_rows_end_and_do_not_begin_again():
    table = np.ones((60, 40))
    _, hidden = hide_entries(table, 0.3, mechanism="staggered", random_state=0)
    assert (np.diff(hidden.astype(int), axis=1) >= 0).all()
    assert not hidden[:, 0].any()
    assert (~hidden).all(axis=1).any()
    assert len(set(hidden.sum(axis=1))) > 5


def test_what_a_mechanism_spares_is_never_hidden():
    with pytest.raises(ValueError, match="mechanism='staggered'"):
        hide_entries(np.ones((20, 5)), 0.9, mechanism="staggered", random_state=0)
