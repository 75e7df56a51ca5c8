"""The registered completers, as the shared tests use them."""

from skmc.completers import COMPLETERS


def make(E, **params):
    """A completer that is told the rank where that decides, and returns what it predicts."""
    return E(**{"keep_observed": False, **E._test_settings, **params})


def supports(E):
    """Capabilities of its solver."""
    return make(E)._make_solver().supports


# Those for values of either sign.
SIGNED = tuple(E for E in COMPLETERS if "non_negative" not in supports(E))


def at(E, *, rank=None, alpha=None, **params):
    """A completer at a rank and a penalty, as far as it has them for parameters."""
    names = E().get_params()
    if rank is not None:
        params["rank" if "rank" in names else "max_rank"] = rank
    if alpha is not None and "alpha" in names:
        params["alpha"] = alpha
    return make(E, **params)
