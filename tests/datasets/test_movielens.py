import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmc import EntryRegressor
from skmc.datasets import _rating_files, load_movielens

HEADER = "userId,movieId,rating,timestamp\n"
# File name, header, separator.
LAYOUTS = [("u.data", "", "\t"), ("ratings.dat", "", "::"), ("ratings.csv", HEADER, ",")]
every_layout = pytest.mark.parametrize(("name", "header", "separator"), LAYOUTS)


def _entries(n_entries=500, seed=0):
    rng = np.random.default_rng(seed)
    coordinates = rng.integers(1, 300_000, (n_entries, 2))
    ratings = rng.integers(1, 11, n_entries) / 2
    timestamps = rng.integers(8 * 10**8, 17 * 10**8, n_entries)
    return coordinates, ratings, timestamps


def _text(entries, header, separator, end="\n"):
    coordinates, ratings, timestamps = entries
    lines = [
        separator.join(map(str, (user, item, rating if rating % 1 else int(rating), timestamp)))
        for (user, item), rating, timestamp in zip(
            coordinates.tolist(), ratings.tolist(), timestamps.tolist(), strict=True
        )
    ]
    return header + end.join(lines) + end


def _assert_same(data, entries):
    for name, expected in zip(("coordinates", "ratings", "timestamps"), entries, strict=True):
        np.testing.assert_array_equal(data[name], expected)
    assert data.coordinates.dtype == data.timestamps.dtype == np.int64
    assert data.ratings.dtype == np.float64
    assert list(data) == ["coordinates", "ratings", "timestamps"]


@every_layout
def test_round_trip(tmp_path, name, header, separator):
    entries = _entries()
    text = _text(entries, header, separator)
    file = tmp_path / name
    file.write_text(text)
    (tmp_path / "README.txt").write_text("Not ratings.")
    archive = tmp_path / "ml-copy.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("ml-copy/", "")
        out.writestr("ml-copy/README.txt", "Not ratings.")
        out.writestr(f"ml-copy/{name}", text)
        out.writestr(f"__MACOSX/ml-copy/._{name}", b"\x00\x05")
    renamed = tmp_path / "copy of ratings"
    renamed.write_text(text)
    for path in tmp_path, archive, file, renamed, str(file), str(archive):
        _assert_same(load_movielens(path), entries)


@every_layout
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["break", "no break"])
def test_line_ends(tmp_path, name, header, separator, end, last):
    entries = _entries(7)
    text = _text(entries, header.replace("\n", end), separator, end)
    (tmp_path / name).write_bytes((text if last == "break" else text.removesuffix(end)).encode())
    _assert_same(load_movielens(tmp_path), entries)


@every_layout
def test_blocks(tmp_path, monkeypatch, name, header, separator):
    entries = _entries(40)
    (tmp_path / name).write_text(_text(entries, header, separator))
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        archive.write(tmp_path / name)
    for size in 1, 2, 30, 64, 1000:
        monkeypatch.setattr(_rating_files, "BLOCK_BYTES", size)
        _assert_same(load_movielens(tmp_path), entries)
        _assert_same(load_movielens(tmp_path / "copy.zip"), entries)


def test_line_number_in_later_block(tmp_path, monkeypatch):
    lines = _text(_entries(40), HEADER, ",").splitlines(keepends=True)
    lines[30] = "1,2,3\n"
    (tmp_path / "ratings.csv").write_text("".join(lines))
    for size in 1, 100, 10_000:
        monkeypatch.setattr(_rating_files, "BLOCK_BYTES", size)
        with pytest.raises(ValueError, match=r"ratings\.csv, line 31: .* found '1,2,3'\.$"):
            load_movielens(tmp_path)


def test_large_numbers_are_exact(tmp_path):
    (tmp_path / "u.data").write_text("999999999999999\t900000000000001\t4.5\t100000000000001\n")
    data = load_movielens(tmp_path)
    assert data.coordinates.tolist() == [[999999999999999, 900000000000001]]
    assert data.timestamps.tolist() == [100000000000001]


def test_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "u.data").write_text("1\t2\t3\t4\n")
    assert load_movielens("~/u.data").ratings.tolist() == [3.0]


def test_into_regressor(tmp_path):
    rng = np.random.default_rng(0)
    users, items = np.divmod(rng.choice(30 * 20, 400, replace=False), 20)
    entries = np.column_stack([users, items]) + 1, rng.integers(1, 6, 400) / 1.0, users
    (tmp_path / "ratings.dat").write_text(_text(entries, "", "::"))
    data = load_movielens(tmp_path)
    prediction = EntryRegressor().fit(data.coordinates, data.ratings).predict(data.coordinates)
    assert prediction.shape == (400,)


MALFORMED = [
    " ",
    "1 2 3 4",
    "1{0}2{0}3",
    "1{0}2{0}3{0}",
    "1{0}2{0}3{0}4{0}5",
    "1{0}2{0}3{0}4{0}",
    "1{0}2{0}{0}4",
    "{0}2{0}3{0}4",
    " 1{0}2{0}3{0}4",
    "1{0}2{0}3{0}4 ",
    "1{0} 2{0}3{0}4",
    "1{0}b{0}3{0}4",
    "1.0{0}2{0}3{0}4",
    "-1{0}2{0}3{0}4",
    "1{0}2{0}nan{0}4",
    "1{0}2{0}-3{0}4",
    "1{0}2{0}3.{0}4",
    "1{0}2{0}.5{0}4",
    "1{0}2{0}3e0{0}4",
    "1{0}2{0}3{0}4.0",
    "1{0}2{0}3{0}4\r\r",
    "1{0}2{0}3{0}4#",
    "1{0}2{0}3{0}4\x00",
    "\N{ARABIC-INDIC DIGIT ONE}{0}2{0}3{0}4",
    "1234567890123456{0}2{0}3{0}4",
    "1" * 100_000,
]


@every_layout
@pytest.mark.parametrize("line", MALFORMED)
@pytest.mark.parametrize("where", ["second", "last", "last without break"])
def test_malformed_line(tmp_path, name, header, separator, line, where):
    line = line.format(separator)
    good = separator.join("1234") + "\n"
    if where == "second":
        text = header + good + line + "\n" + 3 * good
    else:
        text = header + good + line + "\n" * (where == "last")
    (tmp_path / name).write_bytes(text.encode())
    number = 3 if header else 2
    with pytest.raises(ValueError, match=f"{name}, line {number}: expected user, ") as error:
        load_movielens(tmp_path)
    message = str(error.value)
    assert separator.join(["12", "345", "4", "978300000"]).replace("\t", "\\t") in message
    assert message.isprintable()
    assert len(message) < 300 + len(str(tmp_path))


@every_layout
def test_blank_line(tmp_path, name, header, separator):
    good = separator.join("1234") + "\n"
    (tmp_path / name).write_text(header + good + "\n" + good)
    with pytest.raises(ValueError, match=f"line {3 if header else 2}: .* found ''"):
        load_movielens(tmp_path)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_damaged_text_is_read_exactly_or_not_at_all(tmp_path_factory, data):
    name, header, separator = data.draw(st.sampled_from(LAYOUTS))
    text = bytearray(_text(_entries(5), header, separator).encode())
    at = data.draw(st.integers(len(header), len(text) - 1))
    text[at] = data.draw(st.sampled_from(b"0.\t:,\r\n x\xff"))
    file = tmp_path_factory.mktemp("damaged") / name
    file.write_bytes(text)
    try:
        loaded = load_movielens(file)
    except ValueError as error:
        assert f"{name}, line " in str(error)  # noqa: PT017 - both outcomes are right
        return
    body = bytes(text).decode().removeprefix(header)
    rows = [[float(field) for field in line.split(separator)] for line in body.splitlines()]
    columns = [loaded.coordinates, loaded.ratings, loaded.timestamps]
    np.testing.assert_array_equal(np.column_stack(columns), rows)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1|2|3|4\n", "'1|2|3|4'"),
        ("1,2,3,4\n", "'1,2,3,4'"),
        (",userId,movieId,rating,timestamp\n", "',userId"),
        ("movieId,title,genres\n", "'movieId,title,genres'"),
        ("\n1\t2\t3\t4\n", "''"),
        ("x" * 10_000, "'" + "x" * 60 + r"\.\.\.'"),
    ],
)
def test_unknown_layout(tmp_path, text, found):
    file = tmp_path / "file.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"line 1: expected fields separated by tabs .*{found}"):
        load_movielens(file)


@pytest.mark.parametrize("text", ["", HEADER, HEADER.strip()])
def test_no_ratings(tmp_path, text):
    (tmp_path / "ratings.csv").write_text(text)
    with pytest.raises(ValueError, match=r"ratings\.csv holds no ratings: it is empty, or"):
        load_movielens(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing at .*absent\. Pass where .* downloaded"):
        load_movielens(tmp_path / "absent")


def test_directory_without_ratings(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"in the directory .* found nothing\."):
        load_movielens(tmp_path)
    for number in range(7):
        (tmp_path / f"{number}.csv").touch()
    expected = (
        r"Expected one of u\.data, ratings\.dat, ratings\.csv; found 0\.csv, .*4\.csv, \.\.\."
    )
    with pytest.raises(FileNotFoundError, match=expected):
        load_movielens(tmp_path)


def test_archive_without_ratings(tmp_path):
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        archive.writestr("ml/movies.dat", "1::A film::Drama\n")
    with pytest.raises(FileNotFoundError, match=r"in the archive .*found ml/movies\.dat\."):
        load_movielens(tmp_path / "copy.zip")


def test_several_files_of_ratings(tmp_path):
    for name in "u.data", "ratings.dat":
        (tmp_path / name).write_text("1::2::3::4\n")
    with pytest.raises(ValueError, match=r"several files of ratings: ratings\.dat, u\.data\. Pass"):
        load_movielens(tmp_path)
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        archive.writestr("ml-100k/u.data", "1\t2\t3\t4\n")
        archive.writestr("ml-1m/ratings.dat", "1::2::3::4\n")
    with pytest.raises(ValueError, match=r"archive .* several .*ml-1m/ratings\.dat\. Pass"):
        load_movielens(tmp_path / "copy.zip")


def test_damaged_archive(tmp_path):
    file = tmp_path / "copy.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml/u.data", _text(_entries(2000), "", "\t"))
    complete = file.read_bytes()
    file.write_bytes(complete[: len(complete) // 2])
    with pytest.raises(ValueError, match=r"copy\.zip is no zip archive, or not all of one"):
        load_movielens(file)
    damaged = bytearray(complete)
    damaged[len(complete) // 2] ^= 0xFF
    file.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"copy\.zip is damaged|copy\.zip, line \d+"):
        load_movielens(file)


def test_checksum_of_archive(tmp_path):
    file = tmp_path / "copy.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("ml/u.data", "1\t2\t3\t4\n")
    file.write_bytes(file.read_bytes().replace(b"1\t2\t3\t4", b"1\t2\t5\t4"))
    with pytest.raises(ValueError, match=r"copy\.zip is damaged \(Bad CRC-32 .*Replace it"):
        load_movielens(file)


@pytest.mark.parametrize("path", [None, 3, b"u.data"])
def test_bad_path(path):
    with pytest.raises(ValueError, match="'path' parameter"):
        load_movielens(path)


@pytest.mark.slow
def test_ten_million_in_time(tmp_path):
    line = "70000::100000::3.5::1234567890\n"
    (tmp_path / "ratings.dat").write_text(line * 10**7)
    start = time.process_time()
    data = load_movielens(tmp_path)
    assert data.ratings.size == 10**7
    assert time.process_time() - start < 20
