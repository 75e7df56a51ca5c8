"""The observed entries of whatever a report is asked about."""

from skmc._observed import ObservedMatrix
from skmc._parallel import effective_threads
from skmc._validation import check_some_observed, validate_matrix
from skmc.model_selection._table import ObservedTable


def observed_entries(X):
    """Validate a matrix with holes and find its observed entries.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n, m), or ObservedMatrix
        The matrix; it is left as it is. Entries that have been found already are handed back.

    Returns
    -------
    observed : ObservedMatrix
        Its entries, at least one.
    """
    if isinstance(X, ObservedMatrix):
        return X
    observed = validate_matrix(ObservedTable(), X, reset=True, n_threads=effective_threads())
    check_some_observed(observed)
    return observed
