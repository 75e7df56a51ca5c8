"""Peak memory of a fit to few entries of a huge matrix, and to many entries in long form.

The huge matrix is sparse, 1,000,000 x 1,000,000 with 10,000 entries; each completer fits in a
process of its own. `transform` of such a matrix cannot fit in memory: it must raise MemoryError
without allocating.

The long form is `EntryRegressor` on 10,000,000 entries. Its own part is to turn labels into sorted,
compressed rows; a completer of rank 1 with one iteration shows what a fit takes on top.
"""

from _common import print_machine, run_python

LIMIT_MB = 1000
# A copy is the memory of the input: two columns of 64-bit labels, and the values.
LIMIT_COPIES = 3

FIT = """
import json, resource, sys, time, warnings
import numpy as np, scipy.sparse as sparse, skmc

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
size, nnz = 1_000_000, 10_000
coordinates = rng.integers(size, size=(2, nnz))
X = sparse.csr_array((rng.standard_normal(nnz), coordinates), shape=(size, size))

def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

before, start = peak(), time.process_time()
completer = getattr(skmc, sys.argv[1])().fit(X)
seconds, fitted = time.process_time() - start, peak()
try:
    completer.transform(X)
    message = "transform did not raise MemoryError"
except MemoryError as error:
    message = str(error)
print(json.dumps([before, fitted, peak(), seconds, message]))
"""

ENTRIES = """
import json, time, tracemalloc, warnings
import numpy as np
from skmc import ALSCompleter, EntryRegressor

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
n, m, per_row = 100_000, 20_000, 100
first, step = rng.integers(m, size=n), rng.choice([1, 3, 7, 9, 11], n)
keys = np.arange(n)[:, None] * m + (first[:, None] + step[:, None] * np.arange(per_row)) % m
keys = rng.permutation(keys.ravel())
X, y = np.column_stack(np.divmod(keys, m)), rng.standard_normal(keys.size)
del keys

def peak():
    return tracemalloc.get_traced_memory()[1] / (X.nbytes + y.nbytes)

class Probe(ALSCompleter):
    def _fit_entries(self, *entries):
        results.append(peak() if tracemalloc.is_tracing() else time.process_time() - start)
        tracemalloc.reset_peak()
        return super()._fit_entries(*entries)

model = EntryRegressor(Probe(rank=1, alpha=1.0, max_iter=1, init="random", n_jobs=1))
results, start = [], time.process_time()
model.fit(X, y)
results.append(time.process_time() - start)
tracemalloc.start()
model.fit(X, y)
results.append(peak())
print(json.dumps([y.size, *results]))
"""


def main():
    print_machine()
    huge_matrix()
    long_form()


def long_form():
    n_entries, own_seconds, seconds, own, copies = run_python(ENTRIES)
    print(f"\nEntryRegressor, {n_entries:,} entries {'copies':>11}{'CPU s':>8}   (peak of a fit)")
    print(f"{'labels to compressed rows':36}{own:11.2f}{own_seconds:8.2f}")
    print(f"{'completer, rank 1, one iteration':36}{copies:11.2f}{seconds - own_seconds:8.2f}")
    if copies > LIMIT_COPIES:
        raise SystemExit(f"over {LIMIT_COPIES} copies of the entries")


def huge_matrix():
    print(f"\n{'':24}{'before':>9}{'fit':>9}{'transform':>11}{'CPU s':>8}   (peak, MB)")
    message, too_much = "", []
    for name in ("ALSCompleter", "SoftImputeCompleter", "ProjectedGDCompleter"):
        before, fitted, after, seconds, message = run_python(FIT, name)
        print(f"{name:24}{before:9.0f}{fitted:9.0f}{after:11.0f}{seconds:8.2f}", flush=True)
        if after > LIMIT_MB or "did not" in message:
            too_much.append(name)
    print(f"\ntransform: {message}")
    if too_much:
        raise SystemExit(f"over {LIMIT_MB} MB, or no MemoryError: {', '.join(too_much)}")


if __name__ == "__main__":
    main()
