"""CPU time and memory of a fit to memory-mapped triplets, at sizes up to 10^8 entries.

Long-tailed ratings are written to disk as int32 pairs and float32 values, 12 bytes an entry, in
random order. A process of its own maps the files and fits `EntryRegressor`. Its peak is of the
memory that it allocates (anonymous pages, Linux only): the system can drop pages of the files at
any time. All ratings share one scale (`scale=False`); `--scale noise` is the default of completers.
"""

import argparse
import tempfile
from pathlib import Path

from _common import print_machine, run_python

LIMIT_COPIES = 3

WRITE = """
import sys
import numpy as np
from skmc.datasets import make_ratings

folder, shape, n_entries = sys.argv[1], (int(sys.argv[2]), int(sys.argv[3])), int(sys.argv[4])
X = make_ratings(*shape, n_entries, dtype=np.float32, random_state=0).X
order = np.random.default_rng(0).permutation(n_entries)
pairs = np.memmap(folder + "/pairs", np.int32, "w+", shape=(n_entries, 2))
pairs[:, 0] = np.repeat(np.arange(shape[0], dtype=np.int32), np.diff(X.indptr))[order]
pairs[:, 1] = X.indices[order]
np.memmap(folder + "/values", np.float32, "w+", shape=n_entries)[:] = X.data[order]
print("null")
"""

FIT = """
import json, sys, threading, time, warnings
import numpy as np
from skmc import ALSCompleter, EntryRegressor
from skmc.solvers import AlternatingLeastSquares

warnings.simplefilter("ignore")
folder, rank, scale = sys.argv[1], int(sys.argv[2]), sys.argv[3]
X = np.memmap(folder + "/pairs", np.int32, "r").reshape(-1, 2)
y = np.memmap(folder + "/values", np.float32, "r")
peak, times, steps = 0, [], []

def allocated():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

def watch():
    global peak
    while True:
        peak = max(peak, allocated())
        time.sleep(0.02)

class Timed(AlternatingLeastSquares):
    def step(self, problem, state):
        before = time.process_time()
        state = super().step(problem, state)
        steps.append(time.process_time() - before)
        return state

class Probe(ALSCompleter):
    def _make_solver(self):
        return Timed()

    def _fit_entries(self, *entries):
        times.append(time.process_time() - start)
        return super()._fit_entries(*entries)

threading.Thread(target=watch, daemon=True).start()
start = time.process_time()
settings = {"rank": rank, "alpha": 10.0, "center": "both", "scale": scale == "noise" and scale}
model = EntryRegressor(Probe(max_iter=5, tol=0, **settings)).fit(X, y)
times.append(time.process_time() - start)
print(json.dumps([times[0], float(np.median(steps)), times[1], peak]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--ranks", type=int, nargs="+", default=[10, 64])
    parser.add_argument("--scale", choices=["one", "noise"], default="one")
    arguments = parser.parse_args()
    print_machine()
    columns = ("entries", "shape", "rank", "ingest", "iteration", "fit", "peak", "copies")
    print(("\n{:>12}{:>18}" + "{:>6}" + "{:>14}" * 3 + "{:>9}" * 2).format(*columns))
    too_much = False
    for n_entries in arguments.entries:
        with tempfile.TemporaryDirectory() as folder:
            # The shape of the Netflix data at 10^8, smaller in proportion to the root.
            shape = [round(size * (n_entries / 1e8) ** 0.5) for size in (480_000, 18_000)]
            run_python(WRITE, folder, *shape, n_entries)
            raw = sum(path.stat().st_size for path in Path(folder).iterdir())
            for rank in arguments.ranks:
                *seconds, peak = run_python(FIT, folder, rank, arguments.scale)
                too_much |= peak > LIMIT_COPIES * raw and n_entries >= 1e8
                print(
                    f"{n_entries:12,}{shape[0]:10,} x {shape[1]:5,}{rank:6}"
                    + "".join(f"{value:12.2f} s" for value in seconds)
                    + f"{peak / 1e9:6.2f} GB{peak / raw:9.2f}",
                    flush=True,
                )
    print("\nCPU seconds, of a fit with 5 iterations; copies: peak against the triplets.")
    if too_much:
        raise SystemExit(f"over {LIMIT_COPIES} copies of the triplets")


if __name__ == "__main__":
    main()
