"""Choosing rank and penalty by what predicts held-out entries."""

from skmc._search._fold import Fold, make_folds
from skmc._search._path import Path, RankAlphaPath, growing_ranks, nuclear_path, relaxed
from skmc._search._plan import Plan
from skmc._search._rank import RankChoice, RankSearch
from skmc._search._splits import entry_folds, quick_folds, quick_pair_folds

__all__ = [
    "Fold",
    "Path",
    "Plan",
    "RankAlphaPath",
    "RankChoice",
    "RankSearch",
    "entry_folds",
    "growing_ranks",
    "make_folds",
    "nuclear_path",
    "quick_folds",
    "quick_pair_folds",
    "relaxed",
]
