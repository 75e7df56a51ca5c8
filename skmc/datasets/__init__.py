"""Synthetic matrices with holes, and a way to punch holes into a table."""

from skmc.datasets._hide_entries import hide_entries
from skmc.datasets._low_rank import make_low_rank
from skmc.datasets._ratings import make_ratings

__all__ = ["hide_entries", "make_low_rank", "make_ratings"]
