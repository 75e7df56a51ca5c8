"""Files from which an interrupted fit goes on as if nothing had happened."""

import hashlib
import importlib.metadata
import json
import os
from numbers import Integral

import numpy as np

from skmc._storage import decode, encode, read_archive, write_archive

FORMAT = "skmc snapshot"
VERSIONS = (1,)
# Parameters that make no difference to the iterations.
IDLE = frozenset(
    ("check", "max_iter", "n_jobs", "verbose", "warm_start", "keep_observed", "keep_empty_features",
     "add_indicator", "missing_values", "min_value", "max_value")
)  # fmt: skip


class Snapshot:
    """Callback that keeps the state of a fit in a file, from which the fit can be resumed.

    Every so many iterations the whole state of the solver is written: factors, momentum, estimates
    of the curvature, the search for the noise. If the file is there when a fit begins, the fit
    goes on from it, and ends with the same result, to the last bit on the same machine, as one
    that was never interrupted. The file replaces the one before at once: a process that is killed
    while it writes leaves the old one, and perhaps an unfinished ``.part`` beside it.

    Parameters
    ----------
    path : str or path-like
        The file. Remove it to begin anew.
    every : int, default=10
        Iterations between two snapshots; the last one that `max_iter` allows is written too.

    See Also
    --------
    save_factors : A file of what a fit has found.

    Notes
    -----
    It needs scikit-learn 1.9, which has callbacks. The file tells which data, weights and
    parameters it belongs to, and a fit to others is refused. `max_iter` may be another one, to go
    on for longer, unless the fit looks for the noise (``alpha="auto"``, ``scale="noise"``), which
    takes up to half of the iterations. A search for the rank by held-out entries is done again
    when a fit is resumed. Gauss-Newton, IRLS and continuation keep what they know in the middle of
    a search, which cannot be written; their completers refuse a snapshot.

    Size of a file: that of the state, three to five arrays over the observed entries, or for
    alternating least squares 2 (n + m) r numbers.

    Examples
    --------
    >>> import os, tempfile
    >>> from skmc import ALSCompleter, Snapshot
    >>> from skmc.datasets import make_low_rank
    >>> X = make_low_rank(60, 30, 2, observed=0.6, noise=0.1, random_state=0).X
    >>> completer = ALSCompleter(rank=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     snapshot = Snapshot(os.path.join(folder, "fit.npz"), every=5)
    ...     if hasattr(completer, "set_callbacks"):
    ...         completer = completer.set_callbacks(snapshot)
    ...     completer = completer.fit(X)
    >>> completer.converged_
    True
    """

    def __init__(self, path, *, every=10):
        if not isinstance(every, Integral) or every < 1:
            raise ValueError(f"every must be a whole number from 1 up; got {every!r}.")
        self.path = os.fspath(path)
        self.every = int(every)

    def setup(self, estimator, context):
        """Refuse estimators that have nothing to write."""
        if not hasattr(estimator, "_snapshot_types"):
            raise TypeError(
                f"Snapshot is for completers; set it on the completer in the "
                f"{type(estimator).__name__}."
            )

    def teardown(self, estimator, context):
        """Do nothing: all is written when an iteration ends."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing: a fit begins with its own look at the file."""

    def on_fit_task_end(self, estimator, context):
        """Do nothing: the solver itself tells of the ends of its iterations."""


class SnapshotFile:
    """The file of a snapshot during one fit.

    Parameters
    ----------
    snapshot : Snapshot
        Where to, and how often.
    fingerprint : dict
        What the fit is of, see `fingerprint`.

    Raises
    ------
    ValueError
        If there is a file of another fit.
    """

    def __init__(self, snapshot, fingerprint):
        self.path, self.every = snapshot.path, snapshot.every
        self.fingerprint = fingerprint
        # Which solution of the fit it is: some follow one another.
        self.number = -1
        self.saved = self.arrays = None
        if os.path.exists(self.path):
            self.saved, self.arrays = read_archive(self.path)
            self._check(self.saved)

    def _check(self, saved):
        if saved.get("format") != FORMAT or saved.get("version") not in VERSIONS:
            raise ValueError(f"{self.path!r} is no snapshot that this version of skmc can read.")
        kinds = {"fingerprint": dict, "problem": dict, "content": dict, "number": int}
        if not all(type(saved.get(name)) is kind for name, kind in kinds.items()):
            raise ValueError(f"{self.path!r} is a damaged snapshot.")
        old, new = saved["fingerprint"], self.fingerprint
        changed = [name for name in new if name != "parameters" and old.get(name) != new[name]]
        before, after = old.get("parameters"), new["parameters"]
        if type(before) is not dict:
            raise ValueError(f"{self.path!r} is a damaged snapshot.")
        changed += [
            f"{name} ({before.get(name)} then, {after.get(name)} now)"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]
        self._refuse(changed)

    def _refuse(self, changed):
        if changed:
            raise ValueError(
                f"{self.path!r} is the snapshot of another fit: not the same {', '.join(changed)}. "
                "Remove the file, or name another, to begin anew."
            )

    def begin(self, solver, at, max_iter):
        """Set the progress of a solver to that in the file if it is of this solution."""
        self.number += 1
        self.max_iter = max_iter
        self.writes = self.saved is None or self.number > self.saved["number"]
        self.problem = _describe(solver, at, max_iter)
        if self.saved is None or self.number != self.saved["number"]:
            return
        self.writes, saved = True, self.saved
        self._refuse([k for k, v in self.problem.items() if not _same(saved["problem"].get(k), v)])
        try:
            content = decode(saved["content"], self.arrays, solver.storable())
            at.state, at.iteration, at.stage = (content[k] for k in ("state", "iteration", "stage"))
            at.trace = _as_lists(content["trace"])
            vars(at.rule).update(_as_lists(content["rule"]))
            if at.schedule is not None:
                at.schedule.recall(content["schedule"])
                at.problem = at.schedule.problem
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"{self.path!r} is a damaged snapshot: {error}.") from error
        self.arrays = None

    def after(self, solver, at):
        """Write the progress if it is time."""
        if not self.writes or (at.iteration % self.every and at.iteration != self.max_iter):
            return
        if at.rule.reason or at.state.failure:
            # It has ended, and nothing is left to go on with.
            return
        content = {
            "state": at.state,
            "iteration": at.iteration,
            "stage": at.stage,
            "trace": _as_arrays(at.trace),
            "rule": _as_arrays(vars(at.rule)),
            "schedule": None if at.schedule is None else at.schedule.memory(),
        }
        arrays = {}
        header = {
            "format": FORMAT,
            "version": VERSIONS[-1],
            "skmc": importlib.metadata.version("skmc"),
            "fingerprint": self.fingerprint,
            "number": self.number,
            "problem": self.problem,
            "content": encode(content, "fit", arrays, solver.storable()),
        }
        write_archive(self.path, header, arrays)


def fingerprint(completer, training):
    """What tells a fit from others: data, weights and parameters.

    Parameters
    ----------
    completer : completer
        The completer.
    training : Training
        Its data.

    Returns
    -------
    fingerprint : dict
        Digests and parameters, as JSON can hold them.
    """
    observed, parameters = training.observed, {}
    for name, value in completer.get_params(deep=False).items():
        if name not in IDLE:
            arrays = {}
            try:
                node = encode(value, name, arrays)
            except TypeError:
                node = type(value).__name__
            parameters[name] = _digest(*arrays.values()) if arrays else json.dumps(node)
    return {
        "class of completer": type(completer).__name__,
        "pattern of observed entries": _digest(*observed.pattern_arrays),
        "observed values": _digest(observed.values),
        "entry weights": _digest(observed.weights),
        "sample weights": _digest(training.used, training.row_scale),
        "parameters": parameters,
    }


def _describe(solver, at, max_iter):
    """The problem of a solution, as far as the data and parameters leave it open."""
    problem = at.problem
    described = {
        "solver": solver.name,
        "rank": int(problem.rank),
        "penalty": float(problem.alpha),
        "shape": [int(side) for side in problem.shape],
    }
    if at.schedule is not None:
        described["max_iter, half of which goes to the noise"] = int(max_iter)
    return described


def _same(a, b):
    if isinstance(b, float) and isinstance(a, float):
        # Other machines round otherwise.
        return abs(a - b) <= 1e-6 * abs(b)
    return a == b


def _digest(*arrays):
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            found.update(b"none")
        else:
            found.update(f"{array.shape}{array.dtype}".encode())
            found.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return found.hexdigest()


def _as_arrays(lists):
    return {k: np.asarray(v) if type(v) is list else v for k, v in lists.items()}


def _as_lists(arrays):
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in arrays.items()}
