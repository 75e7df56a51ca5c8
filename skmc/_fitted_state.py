"""What a fit leaves, checked where it does not come from a fit."""

import numpy as np

# What only one kind of completer has, or what holds one.
OF_KIND = {
    "_draws": "sampled", "_row_draws": "sampled", "eigenvalues_": "symmetric",
    "completer_": "holder",
}  # fmt: skip
CONTAINERS = ("default", "pandas", "polars")


def check_completer_state(completer, kind):
    """Raise ValueError or AttributeError if the attributes of a completer are no fitted model.

    Shapes, types and ranges are those that the kernels rely on. `kind` is that of its class:
    "sampled", "symmetric" or "factors".
    """
    for name, owner in OF_KIND.items():
        if kind != owner and name in vars(completer):
            raise ValueError(f"{name} is none of its attributes")
    _check_container(completer)
    n, m, r = (_count(completer, name) for name in ("_n_rows", "n_features_in_", "rank_"))
    _numbers(completer, "components_", (r, m))
    for name in ("offsets_", "_column_means"):
        _numbers(completer, name, (m,))
    for name in ("scale_", "spread_"):
        if _numbers(completer, name, (m,)).min(initial=1.0) <= 0:
            raise ValueError(f"{name} must be positive")
    _array(completer, "_learned", (m,), "b")
    for name in ("_indicated", "_kept"):
        if getattr(completer, name) is not None:
            _positions(completer, name, None, m)
    if kind == "sampled":
        r = _check_draws(completer, m)
    else:
        _check_penalties(completer)
    _check_rows(completer, n, r, kind)
    if hasattr(completer, "_solution"):
        components, offsets = completer._solution
        _is_array("_solution", components, (np.shape(components)[0], m), "f")
        _is_array("_solution", offsets, (m,), "f")
    _check_names(completer, m)
    trace = completer.trace_
    if not (isinstance(trace, dict) and all(isinstance(x, np.ndarray) for x in trace.values())):
        raise ValueError("trace_ must be a dict of arrays")


def _check_container(estimator):
    config = getattr(estimator, "_sklearn_output_config", {})
    if not isinstance(config, dict) or not all(
        key == "transform" and value in CONTAINERS for key, value in config.items()
    ):
        raise ValueError("_sklearn_output_config must name a container of tables")


def _check_names(estimator, m):
    if hasattr(estimator, "feature_names_in_"):
        names = _array(estimator, "feature_names_in_", (m,), "O")
        if not all(isinstance(name, str) for name in names):
            raise ValueError("feature_names_in_ must be strings")


def _check_penalties(completer):
    _penalty(completer, "fold_in_alpha_")
    if completer.row_offset_alpha_ is not None:
        _penalty(completer, "row_offset_alpha_")
    power, mean = completer._penalty_growth
    if not (_is_finite(power) and _is_finite(mean) and mean > 0):
        raise ValueError("_penalty_growth must be a power and a positive weight")


def _check_draws(completer, m):
    """Check draws from a posterior; returns the length of the factors of a row, of all draws."""
    draws = completer._draws
    if not isinstance(draws, dict) or draws.keys() != {"F", "level", "precision"}:
        raise ValueError("_draws must have the names F, level and precision")
    s, q = np.shape(draws["F"])[1:]
    if s < 1 or q < 1:
        raise ValueError("_draws must not be empty")
    for name, shape in (("F", (m, s, q)), ("level", (s, m)), ("precision", (s, m))):
        _is_array(f"_draws[{name!r}]", draws[name], shape, "f")
    if draws["precision"].min(initial=1.0) <= 0:
        raise ValueError("_draws['precision'] must be positive")
    _numbers(completer, "_typical", (s, q))
    _numbers(completer, "_center", (m,))
    _numbers(completer, "_row_draws", (np.shape(completer._row_factors)[0], s * q))
    if _numbers(completer, "noise_std_", (m,)).min(initial=0.0) < 0:
        raise ValueError("noise_std_ must not be negative")
    _count(completer, "_seed")
    return s * q


def _check_rows(completer, n, r, kind):
    """Check what is known of the training rows."""
    if kind == "symmetric":
        _numbers(completer, "eigenvalues_", (r,))
        _numbers(completer, "_row_offsets", (completer.n_features_in_,))
        if n != completer.n_features_in_:
            raise ValueError("a symmetric matrix has as many rows as columns")
        return
    k = np.shape(completer._row_factors)[0]
    _numbers(completer, "_row_factors", (k, r))
    _numbers(completer, "_row_offsets", (k,))
    if completer._row_number is not None:
        _positions(completer, "_row_number", n, k)
    elif k != n:
        raise ValueError(f"_row_factors has {k} rows; there were {n}")


def check_conformal_state(conformal, completer):
    """Raise ValueError or AttributeError if a ConformalCompleter is no fit of a fitted completer.

    Scores must be in order, and what they count for must add up.
    """
    _check_container(conformal)
    if _count(conformal, "n_features_in_") != completer.n_features_in_:
        raise ValueError("n_features_in_ must be that of the completer")
    _check_names(conformal, completer.n_features_in_)
    _count(conformal, "n_unbounded_")
    pattern, calibration = conformal._pattern, conformal._calibration
    for name in ("intercept", "log_likelihood", "null_log_likelihood"):
        if not _is_finite(getattr(pattern, name)):
            raise ValueError(f"_pattern.{name} must be a finite number")
    _is_array("_pattern.rows", pattern.rows, (completer._n_rows,), "f")
    _is_array("_pattern.columns", pattern.columns, (completer.n_features_in_,), "f")
    shape = (_count(conformal, "n_calibration_"),)
    for name in ("scores", "cumulative"):
        values = getattr(calibration, name)
        _is_array(f"_calibration.{name}", values, shape, "f")
        if values.min(initial=0.0) < 0 or (np.diff(values) < 0).any():
            raise ValueError(f"_calibration.{name} must not be negative, nor fall")
    if not (_is_finite(calibration.alpha) and 0 < calibration.alpha < 1):
        raise ValueError("_calibration.alpha must be between 0 and 1")


def check_regressor_state(regressor, completer):
    """Raise ValueError or AttributeError if an EntryRegressor is no fit of a fitted completer."""
    n, m = completer._n_rows, completer.n_features_in_
    _count(regressor, "n_features_in_")
    for name, size in (("row_labels_", n), ("column_labels_", m)):
        labels = getattr(regressor, name)
        _is_array(name, labels, (size,), "biufUSMO")
        if labels.dtype.kind != "O" and not (labels[1:] > labels[:-1]).all():
            raise ValueError(f"{name} must be distinct, and in order")
        if labels.dtype.kind == "O" and len(set(labels.tolist())) != size:
            raise ValueError(f"{name} must be distinct")
    if not _is_finite(regressor.mean_):
        raise ValueError("mean_ must be a finite number")
    indptr, indices = regressor._pattern
    _is_array("_pattern", indptr, (n + 1,), "i")
    _is_array("_pattern", indices, (indptr[-1] if n else 0,), "i")
    if indptr[0] != 0 or (np.diff(indptr) < 0).any():
        raise ValueError("_pattern must have row pointers that start at 0 and do not fall")
    _within("_pattern", indices, m)


def _count(estimator, name):
    value = getattr(estimator, name)
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} must be a whole number, not negative")
    return int(value)


def _is_finite(value):
    return isinstance(value, (int, float, np.floating)) and bool(np.isfinite(value))


def _penalty(estimator, name):
    value = getattr(estimator, name)
    if not _is_finite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number, not negative")


def _is_array(name, value, shape, kinds):
    if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds or value.shape != shape:
        found = f"{value.shape} of {value.dtype}" if isinstance(value, np.ndarray) else type(value)
        raise ValueError(f"{name} must be an array of shape {shape}; it is {found}")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite")


def _array(estimator, name, shape, kinds):
    value = getattr(estimator, name)
    _is_array(name, value, shape, kinds)
    return value


def _numbers(estimator, name, shape):
    value = _array(estimator, name, shape, "f")
    if value.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} must be of float32 or float64")
    return value


def _within(name, values, size):
    if values.size and not (values.min() >= 0 and values.max() < size):
        raise ValueError(f"{name} must be numbers from 0 to {size - 1}")


def _positions(estimator, name, size, bound):
    """Check numbers of rows or columns."""
    value = getattr(estimator, name)
    _is_array(name, value, np.shape(value)[:1] if size is None else (size,), "i")
    _within(name, value, bound)
