"""Splitting the observed entries of a matrix, and the way from matrices to entries and back."""

from skmc.model_selection._entry_kfold import EntryKFold
from skmc.model_selection._entry_shuffle_split import EntryShuffleSplit
from skmc.model_selection._from_entries import from_entries
from skmc.model_selection._leave_last_per_row import LeaveLastPerRow
from skmc.model_selection._to_entries import to_entries
from skmc.model_selection._train_test_entries import train_test_entries

__all__ = [
    "EntryKFold",
    "EntryShuffleSplit",
    "LeaveLastPerRow",
    "from_entries",
    "to_entries",
    "train_test_entries",
]
