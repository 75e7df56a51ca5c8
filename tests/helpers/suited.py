"""Every public completer with a small table that it can complete."""

import numpy as np
from problems import low_rank_table, symmetric_table
from registry import make


def table_for(E, n=40, m=25, **options):
    """A table with holes, of the kind that a completer is for."""
    supported = E()._supports()
    if "symmetric" in supported:
        X, mask = symmetric_table(n=n, **options)
    else:
        X, mask = low_rank_table(n, m, non_negative="non_negative" in supported, **options)
    return np.where(mask, X, np.nan)


def small(E, **params):
    """The completer with settings for such a table."""
    return make(E, **{"keep_observed": True, **params})
