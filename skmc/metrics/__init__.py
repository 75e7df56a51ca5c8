"""Scores on held-out entries for any imputer."""

from skmc.metrics._held_out_scorer import make_held_out_scorer

__all__ = ["make_held_out_scorer"]
