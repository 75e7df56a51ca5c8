"""Files of ratings, alone, in a directory or in an archive, read in blocks of lines."""

import re
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath

import numpy as np

BLOCK_BYTES = 1 << 24
# No line of a ratings file is as long; bounds what is read of a file without line breaks.
MAX_LINE_BYTES = 256


@contextmanager
def open_ratings(path, file_names, what):
    """Open the file of ratings at, or in, a path.

    Parameters
    ----------
    path : Path
        The file, a zip archive with it, or a directory with either.
    file_names : tuple of str
        Names that such a file has.
    what : str
        What the path should hold, for messages.

    Yields
    ------
    file : binary file
        The file.
    source : str
        Its name, for messages.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"There is nothing at {path}. Pass where your copy of {what} is; nothing is downloaded."
        )
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        path = path / _choose(names, file_names, f"directory {path}")
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                name = _choose(archive.namelist(), file_names, f"archive {path}")
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


def _choose(names, file_names, where):
    """Choose the one name, in a directory or an archive, that is of a file of ratings."""
    found = [name for name in names if PurePosixPath(name).name in file_names]
    if len(found) > 1:
        raise ValueError(
            f"The {where} holds several files of ratings: {', '.join(found)}. Pass the path of one "
            "of them."
        )
    if not found:
        there = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise FileNotFoundError(
            f"No file of ratings in the {where}. Expected one of {', '.join(file_names)}; found "
            f"{there or 'nothing'}."
        )
    return found[0]


def parse_lines(file, source, line, separator, example, *, rest=b"", n_lines=0):
    """Yield the numbers of one block of valid lines after the other.

    Parameters
    ----------
    file : binary file
        What to read.
    source : str
        Its name, for messages.
    line : list of bytes
        Patterns of the fields of a line, possessive: they never look back, which takes linear time
        and no memory.
    separator : bytes
        What is between them.
    example : str
        What was expected, for messages.
    rest : bytes, default=b""
        What has been read of the file and not parsed.
    n_lines : int, default=0
        Lines that were parsed before.

    Yields
    ------
    values : ndarray of shape (n, n_fields)
        Numbers.

    Raises
    ------
    ValueError
        At the first line that does not match.
    """
    valid_lines = re.compile(rb"(?:" + separator.join(line) + rb"\r?+\n)*+")
    while block := rest + file.read(BLOCK_BYTES) + file.readline(MAX_LINE_BYTES):
        rest = b""
        if not block.endswith(b"\n"):
            block += b"\n"
        stop = valid_lines.match(block).end()
        if stop < len(block):
            number = n_lines + block.count(b"\n", 0, stop) + 1
            raise malformed(source, number, block[stop : block.index(b"\n", stop)], example)
        values = np.fromstring(block.replace(separator, b" "), sep=" ").reshape(-1, len(line))
        n_lines += values.shape[0]
        yield values


def malformed(source, number, found, expected):
    """Error of a line that is not as it should be.

    Parameters
    ----------
    source : str
        Where it is.
    number : int
        Its number, from 1.
    found : bytes
        What it is.
    expected : str
        What it should be.

    Returns
    -------
    error : ValueError
        To be raised.
    """
    return ValueError(f"{source}, line {number}: expected {expected}; found {quote(found)}.")


def quote(line, length=60):
    """Show what may be any bytes, on one line.

    Parameters
    ----------
    line : bytes
        What to show.
    length : int, default=60
        How much of it.

    Returns
    -------
    text : str
        Quoted ASCII.
    """
    text = line.rstrip(b"\r\n").decode("latin-1")
    return ascii(text if len(text) <= length else text[:length] + "...")
