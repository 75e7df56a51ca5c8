"""Fitted completers in files that can be read without running any code."""

import importlib.metadata
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc._base import BaseCompleter
from skmc._conformal import Calibration
from skmc._fitted_state import (
    check_completer_state,
    check_conformal_state,
    check_regressor_state,
)
from skmc._propensity import Propensity
from skmc._storage import decode, encode, read_archive, write_archive
from skmc.completers import (
    COMPLETERS,
    CROSS_VALIDATED,
    SAMPLERS,
    ConformalCompleter,
    EntryRegressor,
    SymmetricGDCompleter,
)

FORMAT = "skmc factors"
# Formats that can be read, the last of which is written. After the first release one that adds
# attributes is a new one.
VERSIONS = (1,)
HOLDERS = (ConformalCompleter, EntryRegressor)
CLASSES = {E.__name__: E for E in (*COMPLETERS, *CROSS_VALIDATED, *SAMPLERS, *HOLDERS)}
# What the state of an estimator may hold besides plain values.
TYPES = (Calibration, Propensity)
# What a fit leaves besides the attributes that end in an underscore.
PRIVATE = frozenset(
    ("_learned", "_indicated", "_kept", "_n_rows", "_row_number", "_row_factors", "_row_offsets",
     "_penalty_growth", "_column_means", "_solution", "_pattern", "_sklearn_output_config",
     "_draws", "_typical", "_seed", "_center", "_row_draws", "_calibration")
)  # fmt: skip


def save_factors(completer, path):
    """Write a fitted completer to a file that holds numbers and text, and no code.

    Parameters
    ----------
    completer : completer, ConformalCompleter or EntryRegressor
        A fitted completer of skmc, or what holds one.
    path : str or path-like
        File to write, by custom with the extension ``.npz``. It replaces an older one at once, so
        that there is a whole file at any moment, whatever happens.

    Raises
    ------
    TypeError
        If the completer is not one of skmc's, or a parameter or label is of a type that cannot be
        saved: splitters in `cv`, labels other than strings, numbers and times.

    See Also
    --------
    load_factors : Read the file.

    Notes
    -----
    The file is an uncompressed ``.npz`` archive: the arrays under the names of the attributes, and
    ``header``, a JSON text with all else. ``numpy.load(path)["components_"]`` needs no skmc. A
    `random_state` that is no integer is saved as None; callbacks and metadata requests are not
    saved. Cost: the size of the arrays, (n + m) rank numbers.

    Examples
    --------
    >>> import os, tempfile
    >>> from skmc import ALSCompleter, load_factors, save_factors
    >>> from skmc.datasets import make_low_rank
    >>> X = make_low_rank(50, 20, 2, observed=0.7, noise=0.1, random_state=0).X
    >>> completer = ALSCompleter(rank=2).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.npz")
    ...     save_factors(completer, path)
    ...     loaded = load_factors(path)
    >>> bool((loaded.transform(X) == completer.transform(X)).all())
    True
    """
    check_is_fitted(completer)
    arrays = {}
    header = {
        "format": FORMAT,
        "version": VERSIONS[-1],
        "skmc": importlib.metadata.version("skmc"),
        **_encode_estimator(completer, "", arrays),
    }
    write_archive(path, header, arrays)


def load_factors(path, *, max_bytes=None):
    """Read a fitted completer that `save_factors` has written.

    The file may be from anyone: nothing in it is run, and what it says is checked before memory is
    taken. Whether its predictions are any good is another matter.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int or None, default=None
        Bytes that the arrays may take; None stands for the memory that is available.

    Returns
    -------
    completer : completer, ConformalCompleter or EntryRegressor
        The completer as it was fitted; its predictions are the same to the last bit.

    Raises
    ------
    ValueError
        If the file is damaged, of a newer format than this skmc knows, larger than `max_bytes`, or
        holds what no fit leaves.

    See Also
    --------
    save_factors : Write the file.

    Examples
    --------
    See `save_factors`.
    """
    header, arrays = read_archive(path, max_bytes)
    if header.get("format") != FORMAT:
        raise ValueError(f"{path!s} holds no factors; save_factors writes files that do.")
    if header.get("version") not in VERSIONS:
        raise ValueError(
            f"{path!s} was written by skmc {header.get('skmc')!s:.20} in version "
            f"{header.get('version')!s:.20} of the format; this skmc reads {VERSIONS}."
        )
    try:
        completer = _decode_estimator(header, arrays)
        if arrays:
            raise ValueError(f"nothing uses the array {min(arrays)!r:.80}")
    except MemoryError:
        raise
    except Exception as error:  # what is wrong with it may be anything
        raise ValueError(f"{path!s} holds no fitted completer: {error}.") from error
    return completer


def _encode_estimator(estimator, name, arrays):
    """Class, parameters and, if there is any, fitted state."""
    cls = type(estimator)
    if CLASSES.get(cls.__name__) is not cls:
        raise TypeError(f"A {cls.__name__} cannot be saved; the completers of skmc can.")
    params = estimator.get_params(deep=False)
    state = {key: value for key, value in vars(estimator).items() if _is_state(cls, key)}
    if isinstance(params.get("random_state"), np.random.RandomState | np.random.Generator):
        params["random_state"] = None
    node = {"class": cls.__name__}
    for part, values in (("params", params), ("state", state)):
        node[part] = {}
        for key, value in values.items():
            at = f"{name}{part}.{key}" if part == "params" else f"{name}{key}"
            if hasattr(value, "get_params"):
                inner = _encode_estimator(value, f"{at}.", arrays)
                node[part][key] = {"estimator": inner}
            else:
                # NumPy's integers are as good as Python's, as parameters.
                plain = part == "params" and isinstance(value, Integral | np.floating | np.bool_)
                value = value.item() if plain and isinstance(value, np.generic) else value
                if hasattr(value, "to_numpy"):  # bounds of columns, a series
                    value = value.to_numpy()
                node[part][key] = encode(value, at, arrays, TYPES)
    return node


def _kind_of(completer):
    if isinstance(completer, SAMPLERS):
        return "sampled"
    return "symmetric" if isinstance(completer, SymmetricGDCompleter) else "factors"


def _is_state(cls, name):
    """Whether a name is that of something that a fit sets, and not of something of the class."""
    if name in PRIVATE:
        return True
    return name.isidentifier() and name[0] != "_" and name[-1] == "_" and not hasattr(cls, name)


def _decode_estimator(node, arrays, depth=0):
    cls = CLASSES.get(node["class"]) if isinstance(node["class"], str) else None
    if cls is None or depth > len(HOLDERS):
        raise ValueError(f"there is no completer {node['class']!r:.80}")
    values = {"params": {}, "state": {}}
    for part, content in values.items():
        for key, value in node[part].items():
            if type(value) is dict and set(value) == {"estimator"}:
                content[key] = _decode_estimator(value["estimator"], arrays, depth + 1)
            else:
                content[key] = decode(value, arrays, TYPES)
    unknown = values["params"].keys() - cls().get_params(deep=False).keys()
    unknown |= {name for name in values["state"] if not _is_state(cls, name)}
    if unknown:
        raise ValueError(f"{cls.__name__} has no {min(unknown)!r:.80}")
    estimator = cls(**values["params"])
    estimator._validate_params()
    # Only what is in the state of a completer by itself, as the `completer` of a regressor, is
    # unfitted.
    if values["state"] or depth == 0:
        for name, value in values["state"].items():
            setattr(estimator, name, value)
        _check_fitted(estimator)
    return estimator


def _check_fitted(estimator):
    """Raise an error if an estimator, or one that it holds, is none that was fitted."""
    held = [estimator]
    for holder in (EntryRegressor, ConformalCompleter):
        if isinstance(held[-1], holder):
            held.append(held[-1].completer_)
    completer = held.pop()
    if not isinstance(completer, BaseCompleter):
        raise ValueError("completer_ must be a completer")
    check_completer_state(completer, _kind_of(completer))
    completer._bounds()
    for holder in held:
        regressor = isinstance(holder, EntryRegressor)
        (check_regressor_state if regressor else check_conformal_state)(holder, completer)
