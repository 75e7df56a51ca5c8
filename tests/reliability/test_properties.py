"""Whatever table is handed to a fit: the whole of it completed, or an error that says why not."""

import re

import numpy as np
import pytest
from faults import unconverged
from hypothesis import HealthCheck, given, settings
from isolated import check_each
from registry import EVERY, supports
from strategies import tables

# Examples of all completers together, and of one with draws, whose fits take ten times as long.
MANY, MANY_SAMPLED = 10_000, 200
FEW = 4
ABOUT = re.compile(r"\b(X|weights?|entry_weight|sample_weight)\b")
QUICK = {"rank": 2, "max_rank": 2, "max_iter": 30, "n_samples": 6, "burn_in": 2, "n_draws": 3}


def quick(E):
    """The completer with its defaults, but for few iterations."""
    known = E().get_params()
    own = {"ranks", "cv", "n_alphas", "eps", "relaxations", "attempts"}
    params = {name: value for name, value in E._test_settings.items() if name in own}
    return E(**params, **{name: value for name, value in QUICK.items() if name in known})


def completes_or_says_why_not(case):
    E, examples, counted = case
    ended = {"complete": 0, "refused": 0}

    @settings(
        deadline=None, max_examples=examples, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(tables(E))
    def check(table):
        before = table.snapshot()
        try:
            # That columns without entries are kept is said in a UserWarning; no other is to come.
            with unconverged(UserWarning):
                filled = quick(E).fit(table.X, **table.weights).transform(table.X)
            message = None
        except ValueError as error:
            message = str(error)
        if message is not None:
            # In the words of who called, not of what is called in the end.
            assert ABOUT.search(message), message
            ended["refused"] += 1
        else:
            kept = table.observed
            filled = np.asarray(filled)
            assert filled.shape == table.full.shape
            assert filled.dtype == table.full.dtype
            assert np.isfinite(filled).all()
            assert filled[kept].tobytes() == table.full[kept].tobytes()
            ended["complete"] += 1
        assert table.snapshot() == before

    check()
    assert min(ended.values()) > 0 or not counted, ended
    assert sum(ended.values()) >= examples or not counted, ended


def test_any_table():
    check_each(completes_or_says_why_not, [(E, FEW, False) for E in EVERY])


def shares():
    """How many of the examples each completer takes."""
    sampled = {E: MANY_SAMPLED for E in EVERY if "sampled" in supports(E)}
    others = [E for E in EVERY if E not in sampled]
    return sampled | dict.fromkeys(others, -(-(MANY - sum(sampled.values())) // len(others)))


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("E", "examples"), shares().items())
def test_any_table_ten_thousand_times(E, examples):
    check_each(completes_or_says_why_not, [(E, examples, True)], limit=1200)
