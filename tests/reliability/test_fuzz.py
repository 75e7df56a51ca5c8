"""Indices, entries and files from anyone: a result, or an error that says why not.

SKMC_FUZZ_SECONDS is the time that each of the slow tests takes, 20 seconds by default.
"""

import numpy as np
import pytest
from factor_files import written
from faults import unconverged
from foreign import Archive, damaged_files, sparse_matrices, triplets
from fuzzing import budget, fuzz, limit_memory, refusal
from hypothesis import strategies as st
from isolated import check_each
from suited import small, table_for

from skmc import ALSCompleter, BayesianCompleter, EntryRegressor, SymmetricGDCompleter, load_factors
from skmc._sparse_input import canonical_csr
from skmc.model_selection import from_entries, to_entries

# Seconds, and draws in a round, of which there is at least one.
FEW, MANY = (0, 40), (20, 200)


def take_sparse(drawn):
    """What is accepted is sorted, distinct and in range, and can be completed."""
    X, weights = drawn
    found, _ = refusal(canonical_csr, X, "X")
    if found is None:
        return
    indptr, indices, values, (n, m) = found
    assert indptr.dtype == np.int64
    assert indices.dtype == np.int32
    assert indptr.shape == (n + 1,)
    assert indptr[0] == 0
    assert indptr[-1] == indices.size == values.size
    assert (np.diff(indptr) >= 0).all()
    if indices.size:
        assert indices.min() >= 0
        assert indices.max() < m
    same_row = np.repeat(np.arange(n), np.diff(indptr))
    assert (np.diff(indices)[np.diff(same_row) == 0] > 0).all()
    completer = ALSCompleter(rank=1, max_iter=2)
    if max(n, m) < 100:
        refusal(lambda: completer.fit(X, entry_weight=weights).transform(X))


def take_entries(drawn):
    """What is accepted is the matrix that holds these entries."""
    coordinates, values, options = drawn
    X, _ = refusal(from_entries, coordinates, values, **options)
    if X is None:
        return
    n_held = X.nnz if options["sparse"] else int(np.count_nonzero(~np.isnan(np.asarray(X))))
    assert 0 < n_held <= len(values)
    assert n_held == len(values) or options["duplicates"] != "raise"
    model = EntryRegressor(ALSCompleter(rank=1, max_iter=2), duplicates=options["duplicates"])
    refusal(lambda: model.fit(coordinates, values).predict(coordinates))


def take_file(content, folder):
    """What is accepted can be used."""
    path = folder / "drawn.npz"
    path.write_bytes(content)
    model, message = refusal(load_factors, path)
    if model is None:
        assert "drawn.npz" in message, message
        return
    completer = getattr(model, "completer_", model)
    # Whether its predictions are any good is another matter.
    with np.errstate(all="ignore"):
        use(model, completer)


def use(model, completer):
    m = completer.n_features_in_
    refusal(completer.transform, np.where(np.eye(3, m, dtype=bool), 1.0, np.nan))
    refusal(completer.predict_entries, [0, 0], [0, max(m - 1, 0)])
    refusal(completer.predict_entries, [completer._n_rows - 1], [0])
    refusal(repr, model)


def files(folder):
    """Files of models of every kind."""
    models = [small(E).fit(table_for(E, 12, 8)) for E in (ALSCompleter, SymmetricGDCompleter)]
    sampled = small(BayesianCompleter, rank=2, n_samples=4, burn_in=2, n_draws=2)
    with unconverged():
        models.append(sampled.fit(table_for(BayesianCompleter, 12, 8)))
    entries = to_entries(table_for(ALSCompleter, 12, 8), random_state=0)
    models.append(EntryRegressor(ALSCompleter(rank=2, max_iter=5, tol=1.0)).fit(*entries))
    return [Archive.read(written(folder, model)) for model in models]


WHAT = {
    "sparse": (take_sparse, st.tuples(sparse_matrices(), st.none() | sparse_matrices())),
    "entries": (take_entries, triplets()),
}


def fuzzes_indices(case):
    what, seconds, per_round = case
    limit_memory()
    assert fuzz(*WHAT[what], seconds, per_round) >= per_round


def fuzzes_files(case):
    folder, seconds, per_round = case
    archives = files(folder)
    limit_memory()
    strategy = damaged_files(archives)
    assert fuzz(lambda content: take_file(content, folder), strategy, seconds, per_round) > 0


def test_foreign_indices():
    check_each(fuzzes_indices, [(what, *FEW) for what in WHAT])


def test_foreign_files(tmp_path):
    check_each(fuzzes_files, [(tmp_path, *FEW)])


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_foreign_indices():
    seconds = budget(MANY[0])
    cases = [(what, seconds, MANY[1]) for what in WHAT]
    check_each(fuzzes_indices, cases, limit=2 * seconds + 120)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_foreign_files(tmp_path):
    seconds = budget(MANY[0])
    check_each(fuzzes_files, [(tmp_path, seconds, MANY[1])], limit=2 * seconds + 120)
