"""A penalty that falls as fast as the iterates can follow."""

import numpy as np

# A path starts at this multiple of the penalty above which nothing is fitted. A start that lets
# all components in at once, as at 0.1, picks wrong ones: it fails at 1.2 entries to a degree of
# freedom, where this one succeeds.
FIRST_ALPHA = 0.5
# Relative movement of Z between two penalties that the decay aims at, and the factor by which a
# penalty may fall.
MOVEMENT = 0.02
FASTEST, SLOWEST = 0.5, 0.98
# Sweeps at a penalty: until they move Z by this part of what the first one did, but within these.
SETTLED = 0.3
FEWEST_SWEEPS, MOST_SWEEPS = 2, 25


class Decay:
    """Decay of a penalty as fast as the iterates can follow.

    A stage at one penalty lasts until a sweep moves Z by less than a part of what the first sweep
    did. The next factor is chosen so that Z moves by a given relative distance; if a stage did
    not settle in its number of sweeps, the decay slows down.
    """

    def __init__(self):
        self._log_step = -np.log(0.95)
        self._first = np.inf
        self._sweeps = 0

    def settled(self, change):
        """Count a sweep that moved Z by `change`, relative to Z; True ends the stage."""
        self._sweeps += 1
        if self._sweeps == 1:
            self._first = change
        enough = change <= max(SETTLED * self._first, 1e-3 * MOVEMENT)
        return self._sweeps >= MOST_SWEEPS or (enough and self._sweeps >= FEWEST_SWEEPS)

    def factor(self, moved):
        """Factor to the next penalty, Z having moved by `moved` at this one."""
        self._log_step *= np.clip(MOVEMENT / max(moved, 1e-12), 0.5, 1.5)
        if self._sweeps >= MOST_SWEEPS:
            self._log_step *= 0.7
        self._log_step = np.clip(self._log_step, -np.log(SLOWEST), -np.log(FASTEST))
        self._sweeps = 0
        return float(np.exp(-self._log_step))


def movement(new, old):
    """Norm of Z - Z_old relative to Z, or 0 where Z is."""
    norm = new.norm()
    return new.distance(old) / norm if norm > 0 else 0.0
