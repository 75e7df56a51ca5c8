"""Reading MovieLens ratings from a copy on disk."""

import os
import re
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from sklearn.utils import Bunch

from skmc._compat import validate_params

_FILE_NAMES = ("u.data", "ratings.dat", "ratings.csv")
_HEADER = b"userId,movieId,rating,timestamp"
_SEPARATORS = {b"\t": "tabs", b"::": "'::'", b",": "commas"}
_BLOCK_BYTES = 1 << 24
# No line of a ratings file is as long; bounds what is read of a file without line breaks.
_MAX_LINE_BYTES = 256


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
    with _open(Path(path).expanduser()) as (file, source):
        parts = list(_parse(file, source))
    if not parts:
        raise ValueError(
            f"{source} holds no ratings: it is empty, or has only a header. Expected one rating "
            "per line; is it a complete copy?"
        )
    coordinates, ratings, timestamps = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Bunch(coordinates=coordinates, ratings=ratings, timestamps=timestamps)


@contextmanager
def _open(path):
    """Open the file of ratings at, or in, the path; give it with its name for messages."""
    if not path.exists():
        raise FileNotFoundError(
            f"There is nothing at {path}. Pass where your copy of a MovieLens data set is; nothing "
            "is downloaded."
        )
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        path = path / _choose_ratings(names, f"directory {path}")
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                name = _choose_ratings(archive.namelist(), f"archive {path}")
                with archive.open(name) as file:
                    yield file, f"{name} in {path}"
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(
                f"The archive {path} is damaged ({error}). Replace it by a new copy."
            ) from error
    else:
        with path.open("rb") as file:
            if path.suffix == ".zip":
                raise ValueError(
                    f"{path} is no zip archive, or not all of one. Replace it by a complete copy."
                )
            yield file, str(path)


def _choose_ratings(names, where):
    """Choose the one name, in a directory or an archive, that is of a file of ratings."""
    found = [name for name in names if PurePosixPath(name).name in _FILE_NAMES]
    if len(found) > 1:
        raise ValueError(
            f"The {where} holds several files of ratings: {', '.join(found)}. Pass the path of one "
            "of them."
        )
    if not found:
        there = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise FileNotFoundError(
            f"No file of ratings in the {where}. Expected one of {', '.join(_FILE_NAMES)}; found "
            f"{there or 'nothing'}."
        )
    return found[0]


def _parse(file, source):
    """Yield coordinates, ratings and timestamps of one block of lines after the other."""
    first = file.readline(_MAX_LINE_BYTES)
    if not first:
        return
    if first.strip() == _HEADER:
        separator, rest, n_lines = b",", b"", 1
    else:
        separator, rest, n_lines = _separator(first, source), first, 0
    valid_lines = _valid_lines(separator)
    while block := rest + file.read(_BLOCK_BYTES) + file.readline(_MAX_LINE_BYTES):
        rest = b""
        if not block.endswith(b"\n"):
            block += b"\n"
        stop = valid_lines.match(block).end()
        if stop < len(block):
            number = n_lines + block.count(b"\n", 0, stop) + 1
            example = separator.join([b"12", b"345", b"4", b"978300000"])
            raise _malformed(
                source,
                number,
                block[stop : block.index(b"\n", stop)],
                f"user, item, rating and timestamp separated by {_SEPARATORS[separator]}, such as "
                f"{_quote(example)}",
            )
        values = np.fromstring(block.replace(separator, b" "), sep=" ").reshape(-1, 4)
        n_lines += values.shape[0]
        yield values[:, :2].astype(np.int64), values[:, 2].copy(), values[:, 3].astype(np.int64)


def _valid_lines(separator):
    """Pattern of any number of valid lines.

    Its repetitions are possessive: they never look back, which takes linear time and no memory.
    Up to 15 digits are exact when they are converted by way of double precision.
    """
    integer, rating = rb"\d{1,15}+", rb"\d{1,3}+(?:\.\d{1,12}+)?+"
    line = separator.join([integer, integer, rating, integer])
    return re.compile(rb"(?:" + line + rb"\r?+\n)*+")


def _separator(line, source):
    """Separator of the fields in the first line of a file without header."""
    for separator in (b"::", b"\t"):
        if separator in line:
            return separator
    raise _malformed(
        source,
        1,
        line,
        "fields separated by tabs (u.data) or by '::' (ratings.dat), or the header "
        f"{_quote(_HEADER)} (ratings.csv)",
    )


def _malformed(source, number, found, expected):
    return ValueError(f"{source}, line {number}: expected {expected}; found {_quote(found)}.")


def _quote(line, length=60):
    """Show what may be any bytes, on one line."""
    text = line.rstrip(b"\r\n").decode("latin-1")
    return ascii(text if len(text) <= length else text[:length] + "...")
