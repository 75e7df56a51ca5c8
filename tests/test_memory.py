"""Memory in proportion to what is observed, and a refusal of what cannot fit."""

import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from faults import has, is_non_negative, is_symmetric
from processes import run_python
from registry import EVERY, GENERAL, KINDS, at
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skmc import ALSCompleter, _memory
from skmc.completers import CROSS_VALIDATED, SAMPLERS
from skmc.exceptions import UndeterminedWarning

needs_resource = pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")

FIT = """
    import pathlib, resource, sys
    import numpy as np
    from scipy import sparse
    import skmc

    n, nnz = {size}, 10_000
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, n, (2, nnz))
    X = sparse.coo_array((rng.normal(size=nnz), (rows, columns)), shape=(n, n))
    X.sum_duplicates()
    X = {suited}
    if sys.platform == "linux":
        size = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
        limit = size * resource.getpagesize() + 2 * 10**9
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    completer = skmc.{name}(**{params}).fit(X)
    values = completer.predict_entries(rows, columns)
    assert np.isfinite(values).all()
    assert np.isfinite(completer.score(X))
    assert completer.row_factors(X.tocsr()[:1000]).shape == (1000, completer.rank_)
    try:
        completer.transform(X)
    except MemoryError as error:
        print(error)
    # Slices of rows do fit.
    assert completer.transform(X.tocsr()[:2]).shape == (2, n)
    if sys.platform == "linux":
        # The peak that getrusage tells begins with that of the process which started this one.
        status = pathlib.Path("/proc/self/status").read_text()
        kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    else:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(kilobytes / 1e6 if sys.platform != "darwin" else kilobytes / 1e9)
"""


def check_peak(E, size, limit, **params):
    suited = "abs(X)" if is_non_negative(E) else "(X + X.T).tocoo()" if is_symmetric(E) else "X"
    if E in CROSS_VALIDATED and has(E, "max_rank"):
        # The path down to small penalties takes all of the noise for signal.
        params["max_rank"] = 3
    if E in SAMPLERS:
        params |= {"n_samples": 4, "burn_in": 2, "n_draws": 2}
    params = {k: v for k, v in (E._test_settings | params).items() if has(E, k)}
    found = run_python(
        FIT.format(name=E.__name__, size=size, params=params, suited=suited),
        warnings="ignore::UserWarning",
        timeout=280,
    )
    assert found.returncode == 0, found.stderr
    message, gigabytes = found.stdout.splitlines()
    needed = f"{size**2 * 8 / 1e9:.3g}"
    assert f"{size} x {size} matrix takes {needed} GB" in message
    assert "slices of the rows" in message
    assert "predict_entries" in message
    assert float(gigabytes) < limit


@needs_resource
@pytest.mark.parametrize("E", KINDS, ids=lambda E: E.__name__)
def test_a_huge_sparse_matrix(E):
    # 200,000 x 200,000 would take 320 GB.
    check_peak(E, 200_000, 0.5, max_iter=20)


@needs_resource
@pytest.mark.slow
@pytest.mark.parametrize("E", EVERY, ids=lambda E: E.__name__)
def test_a_million_by_a_million(E):
    check_peak(E, 1_000_000, 1.0)


@pytest.fixture
def small():
    rng = np.random.default_rng(0)
    rows, columns = np.nonzero(rng.random((30, 10)) < 0.6)
    values = (1.0 + rows) * (2 - columns) + 0.1 * rng.normal(size=rows.size)
    return sparse.coo_array((values, (rows, columns)), shape=(30, 10)).tocsr()


@pytest.mark.parametrize("E", GENERAL, ids=lambda E: E.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_refusal_comes_before_any_work(E, small, dtype, monkeypatch):
    X = small.astype(dtype)
    completer = at(E, rank=1).fit(X)
    needed = 30 * 10 * np.dtype(dtype).itemsize
    monkeypatch.setattr(_memory, "UNASKED", 0)
    monkeypatch.setattr(_memory, "available_bytes", lambda: needed)
    assert completer.transform(X).nbytes == needed
    monkeypatch.setattr(_memory, "available_bytes", lambda: needed - 1)

    def never(*args, **kwargs):
        raise AssertionError("worked before it refused")

    monkeypatch.setattr(E, "_validate", never)
    for call in (completer.transform, completer.fit_transform):
        with pytest.raises(MemoryError, match=r"30 x 10 matrix takes .* GB and .* available"):
            call(X)


def test_small_results_are_not_asked_about(small, monkeypatch):
    def never():
        raise AssertionError("asked")

    completer = ALSCompleter(rank=1).fit(small)
    monkeypatch.setattr(_memory, "available_bytes", never)
    assert completer.transform(small[:1]).shape == (1, 10)


def test_dense_input_is_not_refused(small, monkeypatch):
    # It is in memory already, and so is what comes out.
    monkeypatch.setattr(_memory, "UNASKED", 0)
    monkeypatch.setattr(_memory, "available_bytes", lambda: 1)
    X = np.where(np.arange(300).reshape(30, 10) % 3, 1.0 + np.arange(10), np.nan)
    for E in GENERAL:
        assert at(E, rank=1).fit_transform(X).shape == (30, 10)


def test_unknown_memory_is_no_refusal(small, monkeypatch):
    monkeypatch.setattr(_memory, "UNASKED", 0)
    monkeypatch.setattr(_memory, "available_bytes", lambda: None)
    assert ALSCompleter(rank=2).fit_transform(small).shape == (30, 10)


@pytest.mark.parametrize("E", GENERAL, ids=lambda E: E.__name__)
def test_few_entries_take_no_copy_of_the_components(E):
    rng = np.random.default_rng(0)
    columns = rng.permutation(20_000)
    rows = np.arange(20_000) % 40
    X = sparse.coo_array((1.0 + rows * columns / 20_000, (rows, columns)), shape=(40, 20_000))
    completer = at(E, rank=3, alpha=1.0, max_iter=2, tol=10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UndeterminedWarning)
        completer.fit(X)
    completer.predict_entries([0], [1])
    tracemalloc.start()
    completer.predict_entries([3, 4], [100, 200])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000


def test_predictions_take_little_more_than_themselves():
    X = np.outer(1.0 + np.arange(50), 1.0 + np.arange(40))
    completer = ALSCompleter(rank=1, alpha=0, n_jobs=1).fit(X)
    rows, columns = np.random.default_rng(0).integers(0, 40, (2, 1_000_000))
    tracemalloc.start()
    values = completer.predict_entries(rows, columns)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.6 * values.nbytes
    np.testing.assert_allclose(values, X[rows, columns], rtol=1e-3)


def test_available_memory_is_plausible():
    available = _memory.available_bytes()
    assert available is None or 2**20 < available < 2**60


@needs_resource
def test_a_limit_of_the_process_counts():
    found = run_python(
        """
        import resource
        from skmc import ALSCompleter, _memory
        resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, resource.RLIM_INFINITY))
        print(_memory.available_bytes() <= 3 * 10**9)
        """
    )
    assert (found.stdout, found.stderr) == ("True\n", "")


def test_indicator_counts_towards_the_size(small, monkeypatch):
    # With indicators the result has twice the columns.
    completer = ALSCompleter(rank=2, add_indicator=True).fit(small)
    result = completer.transform(small)
    assert result.shape == (30, 20)
    monkeypatch.setattr(_memory, "UNASKED", 0)
    monkeypatch.setattr(_memory, "available_bytes", lambda: result.nbytes - 1)
    with pytest.raises(MemoryError):
        completer.transform(small)
