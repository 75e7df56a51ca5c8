"""Files of factors, whole and spoilt."""

import io
import json
import zipfile

import numpy as np

from skmc import save_factors


def assert_same(a, b, at="value"):
    """Equal to the last bit, with the same types."""
    assert type(a) is type(b), at
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, at
        np.testing.assert_array_equal(a, b, err_msg=at)
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), at
        for key in a:
            assert_same(a[key], b[key], f"{at}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), at
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{at}.{k}")
    elif hasattr(a, "get_params"):
        assert_same(a.get_params(deep=False), b.get_params(deep=False), f"{at} parameters")
        assert_same(vars(a), vars(b), at)
    else:
        assert a == b or a != a, at


def written(tmp_path, completer):
    path = tmp_path / "model.npz"
    save_factors(completer, path)
    return path


def edited(model, path, *, change=None, header=None, **options):
    """The file with other parts, and another header; parts are bytes, or None to leave one out."""
    with zipfile.ZipFile(model) as old:
        parts = {info.filename: old.read(info) for info in old.infolist()}
    if header is not None:
        text = json.loads(str(np.load(io.BytesIO(parts["header.npy"]))))
        header(text)
        parts["header.npy"] = as_npy(np.array(json.dumps(text)))
    parts.update(change or {})
    with zipfile.ZipFile(path, "w", **options) as new:
        for name, part in parts.items():
            if part is not None:
                new.writestr(name, part)
    return path


def as_npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def claiming(dtype, shape):
    """An array of which there is nothing but the header."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()
