"""What a search, or the user, has decided to fit."""

from dataclasses import dataclass

from skmc.solvers import RELAXATION


@dataclass(frozen=True)
class Plan:
    """What to fit.

    Parameters
    ----------
    rank : int or float
        Bound on the rank, infinite for none.
    alpha : float or "auto"
        Penalty in user units.
    relaxation : float
        Fraction of the edge of the noise that is the penalty if that is automatic.
    search : dict or None
        Fitted attributes that tell how these were found on held-out entries.
    """

    rank: float
    alpha: object
    relaxation: float = RELAXATION
    search: dict | None = None
