"""Downloads, by a server that is not there."""

import hashlib
import io
import zipfile
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

from skmc.datasets import _download, _fetch_movielens, fetch_jester, fetch_movielens
from skmc.datasets._download import cached_file

RATINGS = "1::20::4::978300000\n2::10::3::978300060\n"
JESTER = "1\t\t5\t\t0.219\r\n1\t\t7\t\t-9.281\r\n63978\t\t150\t\t10\r\n"


def archive(name, text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(name, text)
        out.writestr("README", "Conditions of use.")
    return buffer.getvalue()


class Server:
    """Answers like `urlopen`; may know of ranges, and may break off."""

    def __init__(self, content, *, ranges=True, stops=()):
        self.content, self.ranges, self.stops = content, ranges, list(stops)
        self.requests = []

    def __call__(self, request, timeout):
        begin = request.headers.get("Range")
        self.requests.append(begin)
        start = int(begin[len("bytes=") : -1]) if begin and self.ranges else 0
        if start >= len(self.content):
            raise HTTPError(request.full_url, 416, "Range Not Satisfiable", {}, None)
        answer = io.BytesIO(self.content[start : self.stops.pop(0) if self.stops else None])
        answer.status = 206 if begin and self.ranges else 200
        answer.headers = {"Content-Length": str(len(self.content) - start)}
        return answer


@pytest.fixture
def serve(monkeypatch):
    def start(content, **options):
        server = Server(content, **options)
        monkeypatch.setattr(_download, "urlopen", server)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        monkeypatch.setitem(_fetch_movielens._MD5, "1m", digest)
        return server

    return start


def test_the_second_call_needs_no_server(serve, tmp_path):
    server = serve(archive("ml-1m/ratings.dat", RATINGS))
    for _ in range(2):
        data = fetch_movielens("1m", data_home=tmp_path)
        np.testing.assert_array_equal(data.coordinates, [[1, 20], [2, 10]])
    assert server.requests == [None]
    assert [file.name for file in (tmp_path / "movielens").iterdir()] == ["ml-1m.zip"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_broke_off(serve, tmp_path, ranges):
    content = archive("ml-1m/ratings.dat", RATINGS)
    server = serve(content, ranges=ranges, stops=[50])
    with pytest.raises(OSError, match=r"after 50 bytes .*Call again to go on"):
        fetch_movielens("1m", data_home=tmp_path)
    assert fetch_movielens("1m", data_home=tmp_path).ratings.tolist() == [4.0, 3.0]
    assert server.requests == [None, "bytes=50-"]


def test_a_complete_part_is_used(serve, tmp_path):
    content = archive("ml-1m/ratings.dat", RATINGS)
    serve(content)
    (tmp_path / "movielens").mkdir()
    (tmp_path / "movielens" / "ml-1m.zip.part").write_bytes(content)
    assert fetch_movielens("1m", data_home=tmp_path).ratings.size == 2


def test_another_file_than_the_publisher_has_is_removed(serve, tmp_path, monkeypatch):
    serve(archive("ml-1m/ratings.dat", RATINGS))
    monkeypatch.setitem(_fetch_movielens._MD5, "1m", "0" * 32)
    with pytest.raises(ValueError, match="the publisher's is 000"):
        fetch_movielens("1m", data_home=tmp_path)
    assert not list((tmp_path / "movielens").iterdir())


def test_without_permission_nothing_is_downloaded(serve, tmp_path):
    server = serve(b"")
    with pytest.raises(FileNotFoundError, match="download_if_missing=False"):
        fetch_movielens("1m", data_home=tmp_path, download_if_missing=False)
    assert server.requests == []


def test_no_network_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    def nobody(request, timeout):
        raise URLError("no route to host")

    monkeypatch.setattr(_download, "urlopen", nobody)
    with pytest.raises(OSError, match=r"no route to host.*pass where your copy is"):
        cached_file("https://example.org/data.zip", "somewhere", data_home=tmp_path)


def test_every_size_has_a_published_sum():
    sums = _fetch_movielens._MD5
    assert set(sums) == {"100k", "1m", "10m", "20m", "25m", "32m"}
    assert all(len(md5) == 32 and int(md5, 16) for md5 in sums.values())
    assert len(set(sums.values())) == 6


def test_jester_from_a_server_and_from_a_copy(serve, tmp_path):
    content = archive("jester_ratings.dat", JESTER)
    server = serve(content)
    copy = tmp_path / "copy.zip"
    copy.write_bytes(content)
    file = tmp_path / "jester_ratings.dat"
    file.write_bytes(JESTER.encode())
    for data in (
        fetch_jester(data_home=tmp_path / "home"),
        fetch_jester(copy),
        fetch_jester(file),
    ):
        np.testing.assert_array_equal(data.coordinates, [[1, 5], [1, 7], [63978, 150]])
        np.testing.assert_array_equal(data.ratings, [0.219, -9.281, 10.0])
    assert server.requests == [None]


@pytest.mark.parametrize("line", ["1\t5\t0.2", "1\t\t5", "1\t\t5\t\t0.2\t\t9", "1\t\t5\t\tnan"])
def test_malformed_jokes_are_named(tmp_path, line):
    file = tmp_path / "jester_ratings.dat"
    file.write_text("1\t\t5\t\t0.2\n" + line + "\n")
    with pytest.raises(ValueError, match=r"line 2: expected user, joke and rating"):
        fetch_jester(file)


def test_an_empty_file_of_jokes(tmp_path):
    file = tmp_path / "jester_ratings.dat"
    file.write_text("")
    with pytest.raises(ValueError, match="holds no ratings"):
        fetch_jester(tmp_path)
