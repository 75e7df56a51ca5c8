"""Steps and momenta, and the rates at which they converge between two extreme eigenvalues."""

from dataclasses import dataclass

import numpy as np

from skmc.diagnostics._point import check_positive


@dataclass(frozen=True)
class Scheme:
    """A choice of step and momentum with the rate at which it converges.

    Attributes
    ----------
    name : str
        What it is.
    step : float
        Step t in ``Z - t * gradient``, with the gradient of half the sum of squares; for ALS the
        relaxation.
    momentum : float
        Weight of the last change.
    rate : float
        Factor by which the error shrinks in each iteration, in the limit.
    """

    name: str
    step: float
    momentum: float
    rate: float


def iterations(tol, rate):
    """Iterations until an error that shrinks at a rate is `tol` times what it was.

    Parameters
    ----------
    tol : float
        Positive.
    rate : float
        Factor per iteration.

    Returns
    -------
    n_iter : int or float
        Infinite where the rate is 1 or more.
    """
    tol = check_positive(tol, "tol")
    if tol >= 1:
        return 0
    if rate >= 1:
        return np.inf
    return int(np.ceil(np.log(tol) / np.log(rate))) if rate > 0 else 1


def gradient_schemes(low, high):
    """Steps with and without momentum, the best of each kind for these ends of the spectrum.

    Parameters
    ----------
    low, high : float
        Smallest and largest eigenvalue.

    Returns
    -------
    schemes : tuple of Scheme
        The usual step first.
    """
    root = np.sqrt(low / high)
    best = 2.0 / (low + high)
    heavy = 4.0 / (np.sqrt(high) + np.sqrt(low)) ** 2, ((1 - root) / (1 + root)) ** 2
    ratio = np.sqrt(3.0 + root**2)
    tuned = 4.0 / (3.0 * high + low), (ratio - 2.0 * root) / (ratio + 2.0 * root)
    return (
        Scheme("step 1 / L", 1.0 / high, 0.0, 1.0 - low / high),
        Scheme("best step", best, 0.0, (high - low) / (high + low)),
        Scheme("best heavy ball", *heavy, (1 - root) / (1 + root)),
        Scheme("best Nesterov", *tuned, 1.0 - 2.0 * root / ratio),
    )


def als_schemes(rate):
    """Sweeps as they are, and with the best over-relaxation.

    Parameters
    ----------
    rate : float
        Rate of sweeps as they are.

    Returns
    -------
    schemes : tuple of Scheme
        Both.
    """
    rate = max(rate, 0.0)
    relaxation = 2.0 / (1.0 + np.sqrt(max(1.0 - rate, 0.0)))
    return (
        Scheme("sweeps", 1.0, 0.0, rate),
        Scheme("over-relaxed sweeps", relaxation, 0.0, relaxation - 1.0),
    )


def over_relaxed_rate(rate, relaxation):
    """Spectral radius of two-block over-relaxation: z + w - 1 = w sqrt(rate z).

    Parameters
    ----------
    rate : float
        Rate of sweeps without it.
    relaxation : float
        Its weight w.

    Returns
    -------
    rate : float
        The largest of the sizes of the roots z, and of |w - 1|.
    """
    if not 0 < relaxation < 2:
        raise ValueError(f"The relaxation of ALS must be between 0 and 2; got {relaxation}.")
    half = relaxation * np.sqrt(max(rate, 0.0)) / 2.0
    square = half * half - relaxation + 1.0
    if square < 0:
        return relaxation - 1.0
    return max((half + np.sqrt(square)) ** 2, abs(relaxation - 1.0))


def momentum_rate(low, high, step, momentum, kind):
    """Largest root in size of the quadratics of both ends of the spectrum.

    Parameters
    ----------
    low, high : float
        Smallest and largest eigenvalue.
    step, momentum : float
        What is chosen.
    kind : {"heavy_ball", "nesterov"}
        Where the gradient is taken.

    Returns
    -------
    rate : float
        Spectral radius of the iteration.
    """
    found = 0.0
    for value in (low, high):
        shrink = 1.0 - step * value
        if kind == "heavy_ball":
            roots = np.roots([1.0, -(momentum + shrink), momentum])
        else:
            roots = np.roots([1.0, -(1.0 + momentum) * shrink, momentum * shrink])
        found = max(found, float(np.abs(roots).max()))
    return found
