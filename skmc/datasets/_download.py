"""Downloads that are kept, checked, and go on where they broke off."""

import hashlib
import os
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from sklearn.datasets import get_data_home

_CHUNK = 1 << 20
_SECONDS = 60


def cached_file(url, folder, *, data_home=None, md5=None, download_if_missing=True):
    """Path of the file at an address, downloaded unless a complete copy is there.

    Parameters
    ----------
    url : str
        Address.
    folder : str
        Folder under `data_home` that it is kept in.
    data_home : str, path-like or None, default=None
        None takes that of scikit-learn, ``~/scikit_learn_data``.
    md5 : str or None, default=None
        Checksum that the publisher gives, if any.
    download_if_missing : bool, default=True
        Whether to download at all.

    Returns
    -------
    path : Path
        The file. One that is not complete has another name, and the next call goes on with it.
    """
    path = Path(get_data_home(data_home)) / folder / url.rsplit("/", 1)[1]
    if path.exists():
        _check(path, md5)
        return path
    if not download_if_missing:
        raise FileNotFoundError(
            f"There is no {path}, and download_if_missing=False. Download {url}, and pass where "
            "your copy is."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _download(url, part)
    _check(part, md5)
    os.replace(part, path)
    return path


def _download(url, part):
    """Append to a file what it lacks of an address."""
    done = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            # A server that does not know of ranges sends everything.
            done = done if answer.status == 206 else 0
            length = answer.headers.get("Content-Length")
            with part.open("ab" if done else "wb") as file:
                while chunk := answer.read(_CHUNK):
                    done += file.write(chunk)
                    length = length and int(length) - len(chunk)
    except HTTPError as error:
        if error.code == 416:  # nothing is left to send
            return
        raise _failed(url, part, error) from error
    except (URLError, OSError) as error:
        raise _failed(url, part, error) from error
    if length:
        raise _failed(url, part, f"broke off {length} bytes before the end")


def _failed(url, part, reason):
    done = part.stat().st_size if part.exists() else 0
    return OSError(
        f"The download of {url} failed after {done} bytes ({reason}). Call again to go on with it, "
        "or download the file in another way and pass where your copy is."
    )


def _check(path, md5):
    """Raise ValueError, and remove the file, if its checksum is not that of the publisher."""
    if md5 is None:
        return
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != md5:
        path.unlink()
        raise ValueError(
            f"{path} had the MD5 checksum {digest.hexdigest()}, the publisher's is {md5}; the file "
            "was removed. Call again to download it anew. If that does not help, the publisher has "
            "changed it."
        )
