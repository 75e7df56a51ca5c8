"""The registered completers, as the shared tests use them."""

import pytest

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    NMFCompleter,
    SoftImputeCompleterCV,
    SymmetricGDCompleter,
)
from skmc._compat import InvalidParameterError
from skmc.completers import COMPLETERS, CROSS_VALIDATED, SAMPLERS

EVERY = COMPLETERS + CROSS_VALIDATED + SAMPLERS
# One of each kind: factors of any sign, of none, symmetric ones; a search; draws.
KINDS = (
    ALSCompleter,
    NMFCompleter,
    SymmetricGDCompleter,
    SoftImputeCompleterCV,
    BayesianCompleter,
)


def make(E, **params):
    """A completer that is told the rank where that decides, and returns what it predicts.

    Bounds on iterations are for those that iterate until they have converged.
    """
    known = E().get_params()
    params = {k: v for k, v in params.items() if k not in ("max_iter", "tol") or k in known}
    return E(**{"keep_observed": False, **E._test_settings, **params})


def at(E, *, rank=None, alpha=None, **params):
    """A completer at a rank and a penalty, as far as it has them for parameters.

    What matches the observed entries has the rank that takes.
    """
    names = E().get_params()
    if rank is not None and "interpolates" not in supports(E):
        params["rank" if "rank" in names else "max_rank"] = rank
    if alpha is not None and "alpha" in names:
        params["alpha"] = alpha
    return make(E, **params)


def supports(E):
    """Capabilities of its solver."""
    return make(E)._supports()


def same_fit(E, rtol):
    """Tolerance for two fits that differ by rounding, which another chain of draws follows."""
    return max(rtol, 0.01) if "sampled" in supports(E) else rtol


def accepts(E, params):
    """Whether it has these parameters and these values are among those allowed."""
    if not params.keys() <= E().get_params().keys():
        return False
    try:
        make(E, **params)._validate_params()
    except InvalidParameterError:
        return False
    return True


# Those for any table: values of either sign, and nothing that rows and columns share.
GENERAL = tuple(E for E in COMPLETERS if not supports(E) & {"non_negative", "symmetric"})
# Those of them that weights of entries make a difference to.
WEIGHTED = tuple(E for E in GENERAL if "weights" in supports(E))
each = pytest.mark.parametrize("E", GENERAL)


def each_with(*settings):
    """Parametrise a test by completer and settings, without those that a completer refuses."""
    cases = [(E, params) for E in GENERAL for params in settings if accepts(E, params)]
    return pytest.mark.parametrize(("E", "params"), cases, ids=str)
