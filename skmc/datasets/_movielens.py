"""Reading MovieLens ratings from a copy on disk."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skmc._compat import validate_params
from skmc.datasets._rating_files import (
    MAX_LINE_BYTES,
    malformed,
    open_ratings,
    parse_lines,
    quote,
)

_FILE_NAMES = ("u.data", "ratings.dat", "ratings.csv")
_HEADER = b"userId,movieId,rating,timestamp"
# Up to 15 digits are exact when they are converted by way of double precision.
_INTEGER, _RATING = rb"\d{1,15}+", rb"\d{1,3}+(?:\.\d{1,12}+)?+"
_LINE = [_INTEGER, _INTEGER, _RATING, _INTEGER]
_SEPARATORS = {b"\t": "tabs", b"::": "'::'", b",": "commas"}


@validate_params({"path": [str, os.PathLike]}, prefer_skip_nested_validation=True)
def load_movielens(path):
    r"""Read MovieLens ratings from a copy on disk.

    Nothing is downloaded. The data sets are at https://grouplens.org/datasets/movielens, each as a
    zip archive, with the conditions of use in the README in it. All sizes that come as text are
    read: 100K (``u.data``), 1M and 10M (``ratings.dat``), and 20M, 25M, 32M, Latest and Latest
    Small (``ratings.csv``).

    Parameters
    ----------
    path : str or path-like
        The zip archive as downloaded, the directory with its content, or a file of ratings in one
        of the three layouts, which is recognised by its first line, whatever its name.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes, in the order of the file.

        coordinates : ndarray of shape (n_entries, 2), dtype=int64
            User and item ids of each rating. They start at 1 and may leave gaps.
        ratings : ndarray of shape (n_entries,), dtype=float64
            Ratings in stars.
        timestamps : ndarray of shape (n_entries,), dtype=int64
            When the rating was given, in seconds since 1970-01-01 UTC.

    Raises
    ------
    FileNotFoundError
        If nothing is at `path`, or a directory or an archive holds no file of ratings.

    ValueError
        If a line is malformed, there are no ratings at all, there are several files of ratings, or
        the archive is damaged.

    See Also
    --------
    fetch_movielens : Download a copy, once.
    make_ratings : Generate ratings that resemble MovieLens 1M.
    skmc.EntryRegressor : Fit a completer to coordinates and ratings.

    Notes
    -----
    Every line is checked. A million ratings take about a third of a second, and the peak of memory
    is 64 bytes per rating.

    References
    ----------
    .. [1] Harper, F. M. and Konstan, J. A. (2015). The MovieLens datasets: history and context.
       ACM Transactions on Interactive Intelligent Systems 5(4), 19. :doi:`10.1145/2827872`.

    Examples
    --------
    A file with two invented ratings takes the place of the real one.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from skmc.datasets import load_movielens
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "ratings.dat"
    ...     _ = file.write_text("1::20::4::978300000\n2::10::3::978300060\n")
    ...     data = load_movielens(folder)
    >>> data.coordinates
    array([[ 1, 20],
           [ 2, 10]])
    >>> data.ratings
    array([4., 3.])
    """
    with open_ratings(Path(path).expanduser(), _FILE_NAMES, "a MovieLens data set") as (
        file,
        source,
    ):
        parts = list(_parse(file, source))
    if not parts:
        raise ValueError(
            f"{source} holds no ratings: it is empty, or has only a header. Expected one rating "
            "per line; is it a complete copy?"
        )
    coordinates, ratings, timestamps = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Bunch(coordinates=coordinates, ratings=ratings, timestamps=timestamps)


def _parse(file, source):
    """Yield coordinates, ratings and timestamps of one block of lines after the other."""
    first = file.readline(MAX_LINE_BYTES)
    if not first:
        return
    if first.strip() == _HEADER:
        separator, rest, n_lines = b",", b"", 1
    else:
        separator, rest, n_lines = _separator(first, source), first, 0
    example = (
        f"user, item, rating and timestamp separated by {_SEPARATORS[separator]}, such as "
        f"{quote(separator.join([b'12', b'345', b'4', b'978300000']))}"
    )
    for values in parse_lines(file, source, _LINE, separator, example, rest=rest, n_lines=n_lines):
        yield values[:, :2].astype(np.int64), values[:, 2].copy(), values[:, 3].astype(np.int64)


def _separator(line, source):
    """Separator of the fields in the first line of a file without header."""
    for separator in (b"::", b"\t"):
        if separator in line:
            return separator
    raise malformed(
        source,
        1,
        line,
        "fields separated by tabs (u.data) or by '::' (ratings.dat), or the header "
        f"{quote(_HEADER)} (ratings.csv)",
    )
