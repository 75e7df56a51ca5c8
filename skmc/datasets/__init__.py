"""Synthetic matrices with holes, ways to punch holes into a table, and readers of ratings."""

from skmc.datasets._fetch_movielens import fetch_movielens
from skmc.datasets._hide_entries import hide_entries
from skmc.datasets._jester import fetch_jester
from skmc.datasets._low_rank import make_low_rank
from skmc.datasets._movielens import load_movielens
from skmc.datasets._ratings import make_ratings

__all__ = [
    "fetch_jester",
    "fetch_movielens",
    "hide_entries",
    "load_movielens",
    "make_low_rank",
    "make_ratings",
]
