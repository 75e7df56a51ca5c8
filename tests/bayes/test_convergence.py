"""R-hat and effective sample sizes of chains whose law is known."""

import numpy as np
import pytest

from skmc._bayes import effective_sample_size, split_r_hat


def autoregressive(correlation, shape, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        x[:, t] = correlation * x[:, t - 1] + np.sqrt(1 - correlation**2) * x[:, t]
    return x


def test_independent_draws():
    x = np.random.default_rng(0).standard_normal((4, 1000))
    assert split_r_hat(x) == pytest.approx(1, abs=0.01)
    assert effective_sample_size(x) == pytest.approx(4000, rel=0.15)


@pytest.mark.parametrize("correlation", [0.5, 0.9])
def test_autoregressive_draws(correlation):
    x = autoregressive(correlation, (4, 5000))
    wanted = x.size * (1 - correlation) / (1 + correlation)
    assert effective_sample_size(x) == pytest.approx(wanted, rel=0.15)


def test_one_chain_that_drifts():
    x = np.random.default_rng(0).standard_normal((1, 400)) + np.linspace(0, 3, 400)
    assert split_r_hat(x) > 1.3
    assert effective_sample_size(x) < 40


def test_chains_that_stay_apart():
    x = np.random.default_rng(0).standard_normal((2, 400))
    x[1] += 3
    assert split_r_hat(x) > 1.5


def test_numbers_that_do_not_move_agree():
    assert split_r_hat(np.ones((2, 10))) == 1
    assert effective_sample_size(np.ones((2, 10))) == 20


def test_chains_that_are_stuck_apart():
    stuck = np.outer([1, 2], np.ones(8))
    assert split_r_hat(stuck) == np.inf
    assert effective_sample_size(stuck) <= 4


def test_too_few_draws_say_nothing():
    assert np.isnan(split_r_hat(np.ones((1, 3))))
    assert np.isnan(effective_sample_size(np.ones((1, 3))))
