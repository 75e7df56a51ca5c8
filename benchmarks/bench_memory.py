"""Peak memory of fitting a 1,000,000 x 1,000,000 sparse matrix with 10,000 entries.

Each completer fits in a process of its own. `transform` of such a matrix cannot fit in memory: it
must raise MemoryError without allocating.
"""

from _common import print_machine, run_python

LIMIT_MB = 1000

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


def main():
    print_machine()
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
