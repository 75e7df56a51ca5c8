"""What `import skmc` takes beyond `import sklearn.impute`: medians over fresh processes."""

import argparse

import numpy as np
from _common import print_machine, run_python

IMPORT = """
import sys, time
start = time.perf_counter(), time.process_time()
import sklearn.impute
middle = time.perf_counter(), time.process_time()
import skmc
end = time.perf_counter(), time.process_time()
print([middle[0] - start[0], end[0] - middle[0], end[1] - middle[1]])
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    arguments = parser.parse_args()
    print_machine()
    run_python(IMPORT)  # the first import compiles
    runs = np.array([run_python(IMPORT) for _ in range(arguments.repeats)])
    first, wall, cpu = np.median(runs, axis=0)
    print(f"import sklearn.impute   {first:6.3f} s")
    print(f"import skmc, after it   {wall:6.3f} s ({cpu:.3f} CPU s)")


if __name__ == "__main__":
    main()
