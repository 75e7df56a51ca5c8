"""Whether chains have converged, and how much their draws say."""

import numpy as np


def split_r_hat(chains):
    """Potential scale reduction of the halves of chains.

    The root of the variance of all draws over the mean variance within half a chain [1]_: one
    where all halves agree.

    Parameters
    ----------
    chains : ndarray, shape (n_chains, n_draws)
        Draws of one number.

    Returns
    -------
    r_hat : float
        At least about one; NaN from fewer than four draws.

    References
    ----------
    .. [1] Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Buerkner, P.-C. (2021).
       Rank-normalization, folding, and localization: an improved R-hat. Bayesian Analysis 16(2),
       667-718. :doi:`10.1214/20-BA1221`.
    """
    halves = _halves(chains)
    if halves.shape[1] < 2:
        return np.nan
    within, total = _variances(halves)
    if within > 0:
        return float(np.sqrt(total / within))
    return np.inf if total > 0 else 1.0


def effective_sample_size(chains):
    """Number of independent draws whose mean is as precise as that of the chains.

    Autocorrelations of the split chains are summed in pairs, as long as these stay positive and do
    not grow [1]_.

    Parameters
    ----------
    chains : ndarray, shape (n_chains, n_draws)
        Draws of one number.

    Returns
    -------
    size : float
        At most the number of draws times the logarithm of it to base ten; NaN from fewer than four
        draws.

    References
    ----------
    .. [1] Geyer, C. J. (1992). Practical Markov chain Monte Carlo. Statistical Science 7(4),
       473-483. :doi:`10.1214/ss/1177011137`.
    """
    halves = _halves(chains)
    k, n = halves.shape
    if n < 2:
        return np.nan
    within, total = _variances(halves)
    if not within > 0:
        return float(k if total > 0 else k * n)
    deviations = halves - halves.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(deviations, 2 * n, axis=1)) ** 2
    covariances = np.fft.irfft(spectrum, axis=1)[:, :n].mean(axis=0) / n
    correlations = 1.0 - (within * (n - 1) / n - covariances) / total
    correlations[0] = 1.0
    pairs = correlations[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = np.argmax(pairs <= 0) if (pairs <= 0).any() else pairs.size
    time = 2.0 * np.minimum.accumulate(pairs[:stop]).sum() - 1.0
    return float(k * n / max(time, 1.0 / np.log10(max(k * n, 10))))


def _halves(chains):
    n = chains.shape[1] // 2
    return np.concatenate([chains[:, :n], chains[:, chains.shape[1] - n :]])


def _variances(halves):
    """Mean variance within the chains, and the estimate of that of all draws."""
    n = halves.shape[1]
    within = halves.var(axis=1, ddof=1).mean()
    between = halves.mean(axis=1).var(ddof=1)
    return within, within * (n - 1) / n + between
