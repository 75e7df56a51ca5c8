"""One fit by one package in a process of its own, for `bench_peers.py`.

    python _peers.py METHOD DATA.npz SETTINGS

Prints its figures as JSON on the last line. It may run in an environment that has neither skmc nor
what the other benchmarks need: numpy is all it imports by itself.
"""

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

MB = 1e6


class Method:
    """Base of a method: the constructor imports and converts, `fit` alone is measured.

    Parameters
    ----------
    data : dict of ndarray
        For ratings ``rows``, ``cols``, ``values`` and ``shape``, sorted by row; for tables ``X``
        with NaN where missing.
    iterations : int
        How many to do.
    threads : int
        How many to use.
    lam : float
        For tables, the penalty of 1/2 |P(X - Z)|^2 + lam |Z|_*.
    settings : dict
        Parameters of the package.

    Attributes
    ----------
    pid : int
        The process that does the work, if not this one.
    imports_late : bool
        Whether the package imports anything in its first fit, which is then a small one that is
        not measured, as imports are not.
    """

    pid = os.getpid()
    imports_late = True

    def __init__(self, data, iterations, threads, lam=None, **settings):
        self.iterations, self.threads, self.lam, self.settings = iterations, threads, lam, settings
        self.load(data)

    def fit(self):
        """Fit; return figures, by name, that replace those that are measured from outside."""

    def predict(self, rows, cols):
        """Predicted ratings, or None if the method has none."""

    def low_rank(self):
        """Fitted matrix Z of a table, or None if the method has none."""

    def completed(self):
        """Completed table."""
        return self.low_rank()

    def version(self):
        from importlib.metadata import version

        return version(self.package)


class SkmcALS(Method):
    package = "skmc"

    def load(self, data):
        from scipy import sparse

        from skmc import ALSCompleter

        self.X = data["X"] if "X" in data else csr(data, sparse)
        self.completer = self.make(ALSCompleter)

    def make(self, completer):
        settings = dict(self.settings)
        if self.lam is not None:
            settings |= {"alpha": self.lam, "center": False, "scale": False}
        settings = {"n_jobs": self.threads} | settings
        return completer(max_iter=self.iterations, tol=0, **settings)

    def fit(self):
        self.completer.fit(self.X)

    def predict(self, rows, cols):
        return self.completer.predict_entries(rows, cols)

    def low_rank(self):
        n, m = self.X.shape
        return self.predict(np.repeat(np.arange(n), m), np.tile(np.arange(m), n)).reshape(n, m)


class SkmcSoftImpute(SkmcALS):
    def load(self, data):
        from skmc import SoftImputeCompleter

        self.X = data["X"]
        self.completer = self.make(SoftImputeCompleter)


class Cmfrec(Method):
    """CMF. Its objective is twice ours: the penalty has the same number."""

    package = "cmfrec"

    def load(self, data):
        from cmfrec import CMF
        from scipy import sparse

        settings = {"precompute_for_predictions": False, "verbose": False} | self.settings
        if self.lam is None:
            self.X = csr(data, sparse).tocoo()
        else:
            self.X = data["X"]
            off = dict.fromkeys(("center", "user_bias", "item_bias"), False)
            settings |= {"lambda_": self.lam, "use_float": False} | off
        self.model = CMF(niter=self.iterations, nthreads=self.threads, **settings)

    def fit(self):
        self.model.fit(self.X)

    def predict(self, rows, cols):
        return self.model.predict(rows, cols)

    def low_rank(self):
        return self.model.A_ @ self.model.B_.T


class ImplicitALS(Method):
    """Implicit feedback: another objective, so there are no ratings to predict."""

    package = "implicit"

    def load(self, data):
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy import sparse

        self.X = sparse.csr_matrix(csr(data, sparse))
        self.model = AlternatingLeastSquares(
            iterations=self.iterations,
            num_threads=self.threads,
            calculate_training_loss=False,
            dtype=np.float32,
            **self.settings,
        )

    def fit(self):
        self.model.fit(self.X, show_progress=False)


class Surprise(Method):
    package = "scikit-surprise"

    def load(self, data):
        import pandas as pd
        from surprise import SVD, Dataset, Reader

        values = data["values"]
        table = pd.DataFrame({"u": data["rows"], "i": data["cols"], "r": values})
        reader = Reader(rating_scale=(float(values.min()), float(values.max())))
        self.train = Dataset.load_from_df(table, reader).build_full_trainset()
        self.shape = data["shape"]
        self.model = SVD(n_epochs=self.iterations, random_state=0, **self.settings)

    def fit(self):
        self.model.fit(self.train)

    def predict(self, rows, cols):
        # One by one, as its own predictions go, takes longer than the fit.
        model, train, (n, m) = self.model, self.train, self.shape
        P, user = self.spread(model.pu, model.bu, train.to_raw_uid, n)  # codespell:ignore bu
        Q, item = self.spread(model.qi, model.bi, train.to_raw_iid, m)
        product = np.einsum("ij,ij->i", P[rows], Q[cols])
        return self.train.global_mean + user[rows] + item[cols] + product

    @staticmethod
    def spread(factors, biases, to_raw, size):
        raw = [to_raw(number) for number in range(biases.size)]
        F, b = np.zeros((size, factors.shape[1])), np.zeros(size)
        F[raw], b[raw] = factors, biases
        return F, b


class FancySoftImpute(Method):
    package = "fancyimpute"

    def load(self, data):
        from fancyimpute import SoftImpute

        class Keeping(SoftImpute):
            """Keeps Z, of which `solve` returns the missing entries only."""

            def _svd_step(self, *args, **kwargs):
                self.Z, rank = super()._svd_step(*args, **kwargs)
                return self.Z, rank

        self.X = data["X"]
        self.model = Keeping(
            shrinkage_value=self.lam,
            convergence_threshold=0,
            max_iters=self.iterations,
            verbose=False,
            **self.settings,
        )

    def fit(self):
        self.model.fit_transform(self.X)

    def low_rank(self):
        return self.model.Z


class Imputer(Method):
    """An imputer of scikit-learn."""

    package = "scikit-learn"

    def load(self, data):
        from sklearn import impute
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401

        settings = dict(self.settings)
        self.X, self.model = data["X"], getattr(impute, settings.pop("name"))(**settings)

    def fit(self):
        self.result = self.model.fit_transform(self.X)

    def completed(self):
        return self.result


def csr(data, sparse):
    """Ratings as CSR, from entries sorted by row."""
    n, m = (int(size) for size in data["shape"])
    indptr = np.r_[0, np.cumsum(np.bincount(data["rows"], minlength=n))]
    return sparse.csr_array((data["values"], data["cols"], indptr.astype(np.int32)), shape=(n, m))


def cpu_seconds(pid):
    """User and system time of this process, its children that ended, and the one that works."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    if pid != os.getpid():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def memory(pid):
    """Resident memory and its peak, in bytes; where the system does not tell, the peak twice."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,) * 2
    fields = dict(line.split(":", 1) for line in lines)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def forget_peak(pid):
    """Set the peak back to what is resident now, where the system can."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return


def first_rows(data):
    """A small part of the data, for a first fit: packages put imports off until then."""
    if "X" in data:
        return {"X": data["X"][:200, :50]}
    few = data["rows"] < 100
    part = {name: data[name][few] for name in ("rows", "cols", "values")}
    return part | {"shape": np.array([100, data["shape"][1]])}


def measure(method):
    """Figures of a fit."""
    before, earlier = memory(method.pid)
    forget_peak(method.pid)
    cpu, wall = cpu_seconds(method.pid), time.perf_counter()
    own = method.fit() or {}
    figures = {"wall": time.perf_counter() - wall, "cpu": cpu_seconds(method.pid) - cpu}
    peak = memory(method.pid)[1]
    figures |= {"added": (peak - before) / MB, "peak": max(peak, earlier) / MB}
    return figures | own


def objective(X, Z, lam):
    """Of the nuclear-norm problem, and the rank of Z."""
    singular = np.linalg.svd(Z, compute_uv=False)
    loss = 0.5 * np.nansum(np.square(X - Z, dtype=np.float64))
    return float(loss + lam * singular.sum()), int(np.sum(singular > 1e-6 * singular[0]))


def judge(method, data):
    """Held-out error, and the objective of a table."""
    if "X" not in data:
        predicted = method.predict(data["test_rows"], data["test_cols"])
        if predicted is None:
            return {}
        clipped = np.clip(predicted, data["values"].min(), data["values"].max())
        return {"rmse": rmse(clipped - data["test_values"])}
    missing, Z = np.isnan(data["X"]), method.low_rank()
    completed = method.completed() if Z is None else Z
    found = {"rmse": rmse((completed - data["truth"])[missing])}
    if Z is not None:
        value, rank = objective(data["X"], np.asarray(Z, dtype=np.float64), method.lam)
        found |= {"objective": value, "rank": rank}
    return found


def rmse(difference):
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))


METHODS = {
    "skmc_als": SkmcALS,
    "skmc_soft_impute": SkmcSoftImpute,
    "cmfrec": Cmfrec,
    "implicit": ImplicitALS,
    "surprise": Surprise,
    "fancyimpute": FancySoftImpute,
    "imputer": Imputer,
}


def main():
    warnings.simplefilter("ignore")
    name, path, settings = sys.argv[1:]
    with np.load(path) as file:
        data = dict(file)
    if name not in METHODS:
        from _peers_programs import PROGRAMS

        METHODS.update(PROGRAMS)
    make, settings = METHODS[name], json.loads(settings)
    try:
        if make.imports_late:
            make(first_rows(data), **settings).fit()
        method = make(data, **settings)
        version = method.version()
    except (ImportError, FileNotFoundError) as error:
        print(json.dumps({"absent": str(error)}))
        return
    figures = measure(method)
    print(json.dumps(figures | judge(method, data) | {"version": version}))


if __name__ == "__main__":
    main()
