"""Jester: ratings of jokes."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skmc._compat import validate_params
from skmc.datasets._download import cached_file
from skmc.datasets._rating_files import open_ratings, parse_lines

_URL = "https://eigentaste.berkeley.edu/dataset/archive/jester_dataset_2.zip"
_FILE_NAMES = ("jester_ratings.dat",)
_INTEGER, _RATING = rb"\d{1,15}+", rb"-?+\d{1,2}+(?:\.\d{1,12}+)?+"


@validate_params(
    {
        "path": [str, os.PathLike, None],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_jester(path=None, *, data_home=None, download_if_missing=True):
    r"""Ratings of 150 jokes by visitors of Jester, from -10 to 10: its second data set.

    Downloaded from Berkeley at the first call, unless `path` is where your copy is. Users have
    rated many of the few jokes, and on a continuous scale: a table that is nearly dense, beside
    MovieLens.

    Parameters
    ----------
    path : str, path-like or None, default=None
        Your copy: the zip archive, the directory with its content, or ``jester_ratings.dat``.
        None: the copy that is kept, or a download.
    data_home : str, path-like or None, default=None
        Where data are kept, in the folder ``jester``; None takes what
        `sklearn.datasets.get_data_home` returns.
    download_if_missing : bool, default=True
        False: raise FileNotFoundError instead of downloading.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes, in the order of the file.

        coordinates : ndarray of shape (n_entries, 2), dtype=int64
            User and joke ids of each rating. They start at 1 and may leave gaps.
        ratings : ndarray of shape (n_entries,), dtype=float64
            Ratings between -10 and 10.

    Raises
    ------
    OSError
        If the download fails; the next call goes on where it broke off.
    ValueError
        If a line is malformed, or the archive is damaged, which the sums in it tell: there is no
        published one of the whole.

    See Also
    --------
    fetch_movielens : Ratings of films.

    References
    ----------
    .. [1] Goldberg, K., Roeder, T., Gupta, D. and Perkins, C. (2001). Eigentaste: a constant time
       collaborative filtering algorithm. Information Retrieval 4(2), 133-151.
       :doi:`10.1023/A:1011419012209`.

    Examples
    --------
    A file with two invented ratings takes the place of the real one.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from skmc.datasets import fetch_jester
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "jester_ratings.dat"
    ...     _ = file.write_text("1\t\t5\t\t0.219\n1\t\t7\t\t-9.281\n")
    ...     data = fetch_jester(folder)
    >>> data.ratings
    array([ 0.219, -9.281])
    """
    if path is None:
        path = cached_file(
            _URL, "jester", data_home=data_home, download_if_missing=download_if_missing
        )
    example = "user, joke and rating separated by two tabs, such as '12\\t\\t34\\t\\t-5.156'"
    with open_ratings(Path(path).expanduser(), _FILE_NAMES, "the Jester data") as (file, source):
        line = [_INTEGER, _INTEGER, _RATING]
        parts = list(parse_lines(file, source, line, b"\t\t", example))
    if not parts:
        raise ValueError(f"{source} holds no ratings: it is empty. Is it a complete copy?")
    values = np.concatenate(parts)
    return Bunch(coordinates=values[:, :2].astype(np.int64), ratings=values[:, 2].copy())
