"""MovieLens, downloaded once."""

import os

from skmc._compat import StrOptions, validate_params
from skmc.datasets._download import cached_file
from skmc.datasets._movielens import load_movielens

_URL = "https://files.grouplens.org/datasets/movielens/ml-{}.zip"
# MD5 sums that GroupLens publishes beside the archives.
_MD5 = {
    "100k": "0e33842e24a9c977be4e0107933c0723",
    "1m": "c4d9eecfca2ab87c1945afe126590906",
    "10m": "ce571fd55effeba0271552578f2648bd",
    "20m": "cd245b17a1ae2cc31bb14903e1204af3",
    "25m": "6b51fb2759a8657d3bfcbfc42b592ada",
    "32m": "d472be332d4daa821edc399621853b57",
}


@validate_params(
    {
        "size": [StrOptions(set(_MD5))],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_movielens(size="1m", *, data_home=None, download_if_missing=True):
    """Ratings of MovieLens, downloaded from GroupLens at the first call.

    The data are for research; mind the conditions in the README of each archive, which is kept
    beside the ratings. A copy of your own needs no download: see `load_movielens`.

    Parameters
    ----------
    size : {"100k", "1m", "10m", "20m", "25m", "32m"}, default="1m"
        Which of the stable data sets, by its number of ratings. The archives have between 5 and
        260 MB.
    data_home : str, path-like or None, default=None
        Where data are kept, in the folder ``movielens``; None takes what
        `sklearn.datasets.get_data_home` returns.
    download_if_missing : bool, default=True
        False: raise FileNotFoundError instead of downloading.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As that of `load_movielens`: ``coordinates``, ``ratings`` and ``timestamps``.

    Raises
    ------
    OSError
        If the download fails; the next call goes on where it broke off.
    ValueError
        If the archive does not have the checksum that GroupLens publishes; it is removed.

    See Also
    --------
    load_movielens : Read a copy that is there.
    make_ratings : Generate ratings that resemble MovieLens 1M.

    References
    ----------
    .. [1] Harper, F. M. and Konstan, J. A. (2015). The MovieLens datasets: history and context.
       ACM Transactions on Interactive Intelligent Systems 5(4), 19. :doi:`10.1145/2827872`.

    Examples
    --------
    >>> from skmc.datasets import fetch_movielens
    >>> data = fetch_movielens("100k")  # doctest: +SKIP
    >>> data.ratings.shape  # doctest: +SKIP
    (100000,)
    """
    archive = cached_file(
        _URL.format(size),
        "movielens",
        data_home=data_home,
        md5=_MD5[size],
        download_if_missing=download_if_missing,
    )
    return load_movielens(archive)
