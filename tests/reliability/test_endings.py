"""How fits end that reach max_iter, and what many fits leave in memory."""

import re
import sys

import numpy as np
import pytest
from processes import run_python
from registry import EVERY
from sklearn.exceptions import ConvergenceWarning
from suited import small, table_for

from skmc.completers import SAMPLERS


@pytest.mark.parametrize("E", [E for E in EVERY if E not in SAMPLERS])
def test_the_warning_names_the_last_change(E):
    with pytest.warns(ConvergenceWarning) as caught:
        completer = small(E, max_iter=3, tol=1e-12).fit(table_for(E))
    (message,) = {str(warning.message) for warning in caught}
    found = re.search(
        rf"{E.__name__} stopped after {completer.n_iter_} iterations \(reached max_iter=3\) with a "
        r"last relative change of (\S+)\. .*[Rr]aise max_iter",
        message,
    )
    assert found, message
    change = completer.trace_["change"][-1]
    assert float(found[1]) == pytest.approx(change, rel=0.06)
    assert np.isfinite(completer.transform(table_for(E))).all()
    assert not completer.converged_


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_fits():
    done = run_python("""
        import os
        import numpy as np
        from skmc import ALSCompleter, NMFCompleter, ProjectedGDCompleter, SoftImputeCompleter
        from skmc.datasets import make_low_rank

        def resident():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        data = [
            make_low_rank(100, 40, 3, observed=0.5, noise=0.1, random_state=seed).X
            for seed in range(10)
        ]
        kinds = [
            lambda: ALSCompleter(rank=3, n_jobs=2), lambda: SoftImputeCompleter(),
            lambda: ProjectedGDCompleter(rank=3), lambda: NMFCompleter(rank=3),
        ]

        def fit(k):
            X = data[k % 10]
            kinds[k % 4]().fit_transform(np.abs(X) if k % 4 == 3 else X)

        for k in range(40):
            fit(k)
        before = resident()
        for k in range(200):
            fit(k)
        print(before, resident())
        assert resident() < 1.05 * before
    """)
    assert done.returncode == 0, done.stdout + done.stderr
