"""Warnings of this package, to be caught or filtered by their class."""

__all__ = ["UndeterminedWarning"]


class UndeterminedWarning(UserWarning):
    """Entries are filled that the observed ones do not determine.

    Completers warn of it at the end of `fit`, as far as their parameter `check` says. It is no sign
    of a failure of the solver: other values would fit what is observed as well.
    That the test does not fit in memory is a warning of this kind too.

    Examples
    --------
    >>> import warnings
    >>> from skmc.exceptions import UndeterminedWarning
    >>> warnings.filterwarnings("error", category=UndeterminedWarning)
    """
