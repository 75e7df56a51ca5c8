"""Files of arrays with a header in JSON: an uncompressed ``.npz`` that NumPy reads everywhere.

What is read may come from anyone. Names, sizes and types are checked before anything as large as
they say is allocated, and nothing is unpickled, imported or written to disk.
"""

import contextlib
import json
import math
import os
import re
import secrets
import zipfile

import numpy as np
from numpy.lib import format as npy

from skmc._memory import available_bytes

HEADER = "header"
# What a name may be: attribute names, joined by dots. No path, so that programs which unpack the
# file do not leave their folder either.
NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\.npy")
# Types of plain data: bool, integers, floats, text, bytes and times.
KINDS = "biufUSMm"
MOST_ARRAYS = 1000
LARGEST_HEADER = 2**26
CHUNK = 2**20
# The same in all files, so that equal models give equal files.
DATE = (1980, 1, 1, 0, 0, 0)


def write_archive(path, header, arrays):
    """Write a file, which replaces an older one as a whole or not at all.

    Parameters
    ----------
    path : str or path-like
        Where to; its folder must exist.
    header : dict
        What JSON can hold.
    arrays : dict of str to ndarray
        Arrays of plain data by name.
    """
    path = os.path.abspath(os.fspath(path))
    text = np.array(json.dumps(header, allow_nan=False))
    temporary = f"{path}.{secrets.token_hex(8)}.part"
    # Made by `open`, as those of `tempfile` can be read by their owner alone.
    try:
        with open(temporary, "xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                for name, array in ((HEADER, text), *arrays.items()):
                    member = zipfile.ZipInfo(f"{name}.npy", DATE)
                    with archive.open(member, "w", force_zip64=True) as part:
                        npy.write_array(part, np.asanyarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder):
    """Make the new name last through a loss of power, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_archive(path, max_bytes=None):
    """Read a file of `write_archive`.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int or None, default=None
        Bytes that its arrays may take in memory; None stands for what is available.

    Returns
    -------
    header : dict
        The header.
    arrays : dict of str to ndarray
        The arrays.

    Raises
    ------
    ValueError
        If the file is broken, is none of this kind, or holds more than it may.
    """
    limit = available_bytes() if max_bytes is None else max_bytes
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _checked_members(
                    archive.infolist(), limit, os.fstat(file.fileno()).st_size
                )
                text = _read_array(archive, members.pop(HEADER))
                arrays = {name: _read_array(archive, info) for name, info in members.items()}
            if text.dtype.kind != "U" or text.shape != ():
                raise ValueError("its header is no text")
            header = json.loads(str(text), parse_constant=_refuse_constant)
            if not isinstance(header, dict):
                raise ValueError("its header is no JSON object")
        except MemoryError:
            raise
        except Exception as error:  # the parsers of a damaged file may raise any
            raise ValueError(
                f"{os.fspath(path)!r} is no file of skmc, or a damaged one: {error}."
            ) from error
    return header, arrays


def _refuse_constant(name):
    raise ValueError(f"its header has {name}, which is no JSON")


def _checked_members(infos, limit, n_bytes):
    """Members of an archive by name, if their number, names and sizes are what they should be."""
    if len(infos) > MOST_ARRAYS:
        raise ValueError(f"it has {len(infos)} parts, more than {MOST_ARRAYS}")
    members, total = {}, 0
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if not NAME.fullmatch(info.filename) or name in members:
            raise ValueError(f"it has a part named {info.filename!r:.80}")
        # Without compression a part takes as much of the file as of memory.
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"its part {info.filename!r} is compressed")
        members[name] = info
        total += info.file_size
    if HEADER not in members:
        raise ValueError("it has no header")
    if members[HEADER].file_size > LARGEST_HEADER:
        raise ValueError(f"its header takes {members[HEADER].file_size} bytes")
    if total > n_bytes:
        raise ValueError(f"its arrays are said to take {total} bytes, and it has {n_bytes}")
    if limit is not None and total > limit:
        raise ValueError(
            f"its arrays take {total} bytes, more than the {limit} that max_bytes or memory allow"
        )
    return members


def _read_array(archive, info):
    with archive.open(info) as part:
        version = npy.read_magic(part)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{info.filename!r} has version {version} of the format of arrays")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(part)
        if dtype.kind not in KINDS:
            raise ValueError(f"{info.filename!r} has the type {dtype}, which is no plain data")
        if dtype.itemsize == 0 and math.prod(shape) > 0:
            # NumPy makes them longer when it copies them, out of nothing in the file.
            raise ValueError(f"{info.filename!r} has the type {dtype}, whose elements are empty")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != info.file_size - part.tell():
            raise ValueError(
                f"{info.filename!r} says that it has the shape {shape} and type {dtype}, and does "
                f"not have their {size} bytes"
            )
        raw = np.empty(size, np.uint8)
        for start in range(0, size, CHUNK):
            chunk = part.read(min(CHUNK, size - start))
            raw[start : start + len(chunk)] = np.frombuffer(chunk, np.uint8)
        if part.read(1):  # also makes the checksum be looked at
            raise ValueError(f"{info.filename!r} is longer than it says")
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    array = raw.view(dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), order="K", copy=False)
