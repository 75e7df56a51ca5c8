"""Whether any of a set of short tasks takes more CPU time at one commit than at another.

Each commit is checked out and built apart. Each task runs in processes of its own, at the two
commits in turn, and the times of a turn are compared with each other. Times are of the processor in
user mode: what the system takes to hand out large arrays may double from run to run. Exits with 1
if three of four ratios are above the limit, as noise alone does not bring about. Run it from a
clone (not on Windows); `pip` needs a package index unless the build tools are installed.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from _common import Table, print_machine, quiet
from scipy import sparse
from threadpoolctl import threadpool_limits

LIMIT = 1.10
REPOSITORY = Path(__file__).resolve().parents[1]
TASKS = {}


def task(prepare):
    """Register a function that prepares a task and returns the call to be timed.

    It takes the package and makes its data itself, so that they are the same at both commits.
    """
    TASKS[prepare.__name__] = prepare
    return prepare


def ratings(n=6_000, m=3_700, n_entries=1_000_000, dtype=np.float32):
    """Long-tailed rows and columns, in compressed rows."""
    rng = np.random.default_rng(0)
    # The density falls with the root.
    rows, columns = ((size * rng.random(n_entries) ** 2).astype(np.int32) for size in (n, m))
    places = np.unique(rows.astype(np.int64) * m + columns)
    rows, columns = (x.astype(np.int32) for x in np.divmod(places, m))
    U, V = rng.standard_normal((n, 5)), rng.standard_normal((m, 5))
    values = np.einsum("ij,ij->i", U[rows], V[columns]) + rng.standard_normal(places.size)
    return sparse.csr_array((values.astype(dtype), (rows, columns)), shape=(n, m))


def table(n=2_000, m=200, missing=0.3):
    """Rank 5 and noise of a tenth of the signal."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 5)) @ rng.standard_normal((5, m))
    X += 0.1 * np.sqrt(5) * rng.standard_normal((n, m))
    X[rng.random((n, m)) < missing] = np.nan
    return X


def als_on_ratings(skmc, rank, dtype, n_iterations):
    X = ratings(dtype=dtype)
    completer = skmc.ALSCompleter(rank=rank, alpha=10.0, max_iter=n_iterations, tol=0)
    return lambda: completer.fit(X)


@task
def als_10_float32(skmc):
    return als_on_ratings(skmc, 10, np.float32, 15)


@task
def als_10_float64(skmc):
    return als_on_ratings(skmc, 10, np.float64, 15)


@task
def als_64_float32(skmc):
    return als_on_ratings(skmc, 64, np.float32, 5)


@task
def als_64_float64(skmc):
    return als_on_ratings(skmc, 64, np.float64, 3)


@task
def als_dense(skmc):
    X = table()
    return lambda: skmc.ALSCompleter().fit(X)


@task
def soft_impute_dense(skmc):
    X = table()
    return lambda: skmc.SoftImputeCompleter().fit(X)


@task
def projected_gd_dense(skmc):
    X = table()
    return lambda: [skmc.ProjectedGDCompleter(rank=5).fit(X) for _ in range(3)]


@task
def soft_impute_ratings(skmc):
    X = ratings()
    completer = skmc.SoftImputeCompleter(alpha=20.0, max_rank=30, max_iter=10, tol=0)
    return lambda: completer.fit(X)


@task
def recovery(skmc):
    """1000 x 1000 of rank 5 from twice the entries that it has degrees of freedom."""
    rng, n, rank = np.random.default_rng(0), 1_000, 5
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, n))
    X[rng.random((n, n)) > 2 * rank * (2 * n - rank) / n**2] = np.nan
    completer = skmc.ContinuationCompleter(rank=rank)
    return lambda: completer.fit(X)


@task
def transform_many_rows(skmc):
    X = table()
    completer = skmc.ALSCompleter(rank=5, alpha=1.0).fit(X)
    rows = np.tile(X, (30, 1))
    return lambda: completer.transform(rows)


@task
def transform_one_row(skmc):
    X = table()
    completer = skmc.ALSCompleter(rank=5, alpha=1.0).fit(X)
    return lambda: [completer.transform(X[i : i + 1]) for i in range(500)]


@task
def predict_entries(skmc):
    X = ratings()
    completer = skmc.ALSCompleter(rank=10, alpha=10.0, max_iter=2).fit(X)
    rng = np.random.default_rng(0)
    rows, columns = (rng.integers(size, size=10_000_000) for size in X.shape)
    return lambda: [completer.predict_entries(rows, columns) for _ in range(2)]


@task
def entry_regressor(skmc):
    X = ratings(n_entries=2_000_000).tocoo()
    order = np.random.default_rng(0).permutation(X.nnz)
    pairs, values = np.column_stack([X.row, X.col])[order], X.data[order]
    completer = skmc.ALSCompleter(rank=1, alpha=10.0, max_iter=1, init="random")
    return lambda: [skmc.EntryRegressor(completer).fit(pairs, values) for _ in range(2)]


@task
def validation(skmc):
    """Rows folded in at rank 1, which takes less than the checks."""
    X = ratings(n_entries=4_000_000)
    completer = skmc.ALSCompleter(rank=1, alpha=10.0, max_iter=1, init="random").fit(X)
    return lambda: [completer.row_factors(X) for _ in range(10)]


@task
def import_skmc(skmc):
    """Beyond scikit-learn; see `run_task`."""


def user_seconds():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def run_task(name, folder):
    """Print the CPU seconds of a task with the package in a folder."""
    # Else the finder of an editable installation comes first.
    sys.meta_path[:] = [x for x in sys.meta_path if "editable" not in type(x).__module__]
    sys.path.insert(0, folder)
    import sklearn.impute  # noqa: F401

    quiet()
    start = user_seconds()
    import skmc

    if Path(folder).resolve() not in Path(skmc.__file__).resolve().parents:
        raise ImportError(f"skmc was imported from {skmc.__file__}, not from {folder}")
    call = TASKS[name](skmc)
    if call is not None:
        with threadpool_limits(limits=1, user_api="blas"):
            start = user_seconds()
            call()
    print(json.dumps(user_seconds() - start))


def seconds_apart(name, folder):
    """CPU seconds of a task in a process of its own; None and the message if it fails."""
    command = [sys.executable, __file__, "--task", name, folder]
    # One thread, as waiting threads burn CPU time too.
    environment = os.environ | {"SKMC_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    lines = (done.stdout if done.returncode == 0 else done.stderr).splitlines()
    if done.returncode == 0:
        return json.loads(lines[-1]), ""
    return None, lines[-1] if lines else f"exit status {done.returncode}"


def git(*arguments):
    command = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def pip_install(source, target):
    """Run pip, without a build environment of its own where the build tools are at hand."""
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target, source]
    # An interpreter can be called without its virtual environment being active.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    modules = all(importlib.util.find_spec(module) for module in ("mesonpy", "Cython"))
    if modules and shutil.which("meson", path=path):
        command.insert(4, "--no-build-isolation")
    environment = os.environ | {"PATH": path}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@contextmanager
def installed(commit, folder):
    """The package of a commit, installed into a folder."""
    source, target = f"{folder}/source", f"{folder}/package"
    git("worktree", "add", "--detach", source, commit)
    try:
        done = pip_install(source, target)
        if done.returncode:
            raise SystemExit(f"{commit} cannot be installed:\n{done.stdout}{done.stderr}")
        yield target
    finally:
        git("worktree", "remove", "--force", source)


def compare(names, folders, repeats):
    """Print a line for each task; return those that are slower."""
    lines = Table(f"{'task':20}", "base, s", "head, s", "ratio", "quartiles", "        ")
    slower = []
    for name in names:
        turns, messages = [], ["", ""]
        # The first turn tells whether a commit has what the task needs.
        while len(turns) < repeats and not any(messages):
            found = [seconds_apart(name, folder) for folder in folders]
            turns.append([seconds for seconds, _ in found])
            messages = [message for _, message in found]
        if any(messages):
            # What head cannot do either is no regression, but is not new.
            verdict = "new" if not messages[1] else "absent" if messages[0] else "FAILS"
            lines.row(name, *(["-"] * 4), verdict)
            print(f"  {messages[1] or messages[0]}")
            slower += [name] if verdict == "FAILS" else []
            continue
        times = np.array(turns)
        low, ratio, high = np.quantile(times[:, 1] / times[:, 0], (0.25, 0.5, 0.75))
        base, head = np.median(times, axis=0)
        verdict = "SLOWER" if low > LIMIT else "slower?" if ratio > LIMIT else ""
        slower += [name] if low > LIMIT else []
        lines.row(
            name, f"{base:.3f}", f"{head:.3f}", f"{ratio:.2f}", f"{low:.2f}-{high:.2f}", verdict
        )
    return slower


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("head", metavar="HEAD", nargs="?", default="HEAD")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        return run_task(arguments.task, arguments.base)
    commits = [
        git("rev-parse", "--verify", f"{x}^{{commit}}") for x in (arguments.base, arguments.head)
    ]
    print_machine()
    print(", ".join(git("show", "-s", "--format=%h %s", commit) for commit in commits), "\n")
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        installed(commits[0], one) as base,
        installed(commits[1], other) as head,
    ):
        slower = compare(arguments.tasks, (base, head), arguments.repeats)
    print("\nratio: median of head to base in the same turn; a failing task of base is new.")
    if slower:
        raise SystemExit(f"over {LIMIT}, or fails: {', '.join(slower)}")
    return None


if __name__ == "__main__":
    main()
