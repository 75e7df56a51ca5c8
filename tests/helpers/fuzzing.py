"""Drawing until time is up, and what a function may do with bytes and indices from anyone."""

import os
import time
import warnings

from hypothesis import HealthCheck, given, seed, settings

try:
    import resource
except ImportError:  # not on Windows
    resource = None

REFUSALS = (ValueError, TypeError, MemoryError)
# Address space; far more than a sound input needs.
MOST_BYTES = 8 * 2**30


def budget(default):
    """Seconds for each fuzzed function: the variable SKMC_FUZZ_SECONDS, or the default."""
    return float(os.environ.get("SKMC_FUZZ_SECONDS", default))


def limit_memory():
    """Let allocations of this process fail where a sound input would have no need of them."""
    if resource is not None:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, hard))


def refusal(call, *arguments, **keywords):
    """The result of a call and None, or None and the message of its refusal, which is never empty.

    Errors of any other kind pass.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return call(*arguments, **keywords), None
    except REFUSALS as error:
        message = str(error)
    assert message.strip()
    return None, message


def fuzz(function, strategy, seconds, per_round):
    """Call a function with draws from a strategy, in rounds of so many, until time is up.

    Returns the number of draws.
    Rounds have seeds 0, 1, ... so that a failure, which Hypothesis shrinks, can be had again.
    """
    count = 0

    def counted(drawn):
        nonlocal count
        count += 1
        function(drawn)

    until, number = time.monotonic() + seconds, 0
    while number == 0 or time.monotonic() < until:
        options = settings(
            deadline=None, max_examples=per_round, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        seed(number)(options(given(strategy)(counted)))()
        number += 1
    return count
