"""Nested plain values as JSON with the arrays set aside, and back."""

import json
import math
from dataclasses import fields

import numpy as np

from skmc._storage._archive import KINDS

PLAIN = (str, bool, int, type(None))


def encode(value, name, arrays, types=()):
    """What JSON can hold of a value; its arrays are added to a dict.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, NumPy array or scalar, or a list, tuple or dict of such. An
        array of objects may hold strings, numbers and bools.
    name : str
        Name of the value, and the beginning of those of its arrays.
    arrays : dict of str to ndarray
        Gets the arrays.
    types : tuple of type, default=()
        Dataclasses that may be in it. Fields whose metadata say ``transient`` come back empty.

    Returns
    -------
    node : object
        What `decode` makes the value of.

    Raises
    ------
    TypeError
        If there is anything else in it; the message names it.
    """
    if type(value) in PLAIN:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(value, name, arrays)
    if type(value) in (list, tuple):
        parts = enumerate(value)
        parts = [encode(part, f"{name}.{k}", arrays, types) for k, part in parts]
        return {type(value).__name__: parts}
    if type(value) is dict and all(type(key) is str for key in value):
        parts = value.items()
        return {"dict": {key: encode(part, f"{name}.{key}", arrays, types) for key, part in parts}}
    if type(value) in types:
        kept = [field.name for field in fields(value) if "transient" not in field.metadata]
        parts = {key: encode(getattr(value, key), f"{name}.{key}", arrays, types) for key in kept}
        return {"object": [type(value).__name__, parts]}
    raise TypeError(f"{name} is of type {type(value).__name__}, which cannot be saved.")


def _encode_array(value, name, arrays):
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    array = np.asarray(value)
    if array.dtype.kind == "O" and kind == "array":
        kind, array = "objects", _text_of_objects(array, name)
    if array.dtype.kind not in KINDS:
        raise TypeError(f"{name} has the type {array.dtype}, which cannot be saved.")
    arrays[name] = array
    return {kind: name}


def _text_of_objects(array, name):
    """A 1-D array of strings, numbers and bools as the bytes of a JSON list."""
    items = [item.item() if isinstance(item, np.generic) else item for item in array.tolist()]
    for item in items:
        finite = type(item) is float and math.isfinite(item)
        if array.ndim != 1 or not (finite or type(item) in (str, bool, int)):
            raise TypeError(
                f"{name} holds a {type(item).__name__}, which cannot be saved; strings and finite "
                "numbers can."
            )
    return np.frombuffer(json.dumps(items).encode("ascii"), np.uint8)


def decode(node, arrays, types=()):
    """The value that `encode` made a node of.

    Parameters
    ----------
    node : object
        The node.
    arrays : dict of str to ndarray
        The arrays; those used are taken out.
    types : tuple of type, default=()
        Dataclasses that may be in it.

    Returns
    -------
    value : object
        The value.

    Raises
    ------
    ValueError
        If the node is none, or lacks its array.
    """
    if type(node) in PLAIN or type(node) is float:
        return node
    if type(node) is not dict or len(node) != 1:
        raise ValueError(f"there is no value like {node!r:.80}")
    ((kind, content),) = node.items()
    if kind == "float" and content in ("nan", "inf", "-inf"):
        return float(content)
    if kind in ("array", "scalar", "objects"):
        return _decode_array(kind, content, arrays)
    if kind in ("list", "tuple") and type(content) is list:
        return (list if kind == "list" else tuple)(decode(part, arrays, types) for part in content)
    if kind == "dict" and type(content) is dict:
        return {key: decode(part, arrays, types) for key, part in content.items()}
    if kind == "object":
        for cls in types:
            if cls.__name__ == content[0]:
                parts = content[1].items()
                return cls(**{key: decode(part, arrays, types) for key, part in parts})
    raise ValueError(f"there is no value like {node!r:.80}")


def _decode_array(kind, name, arrays):
    if not isinstance(name, str) or name not in arrays:
        raise ValueError(f"the array {name!r:.80} is missing")
    array = arrays.pop(name)
    if kind == "array":
        return array
    if kind == "scalar":
        if array.shape != ():
            raise ValueError(f"{name} is no single number")
        return array[()]
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError(f"{name} is no text")
    items = json.loads(array.tobytes().decode("ascii"))
    if type(items) is not list or not all(type(item) in (str, bool, int, float) for item in items):
        raise ValueError(f"{name} is no list of strings and numbers")
    return np.fromiter(items, object, len(items))
