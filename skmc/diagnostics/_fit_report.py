"""All that can be said of a fit, on one page."""

from dataclasses import dataclass
from html import escape

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc._fitted import FittedCompleter
from skmc.diagnostics._certificate import certificate
from skmc.diagnostics._completability import completability
from skmc.diagnostics._incoherence import incoherence
from skmc.diagnostics._local_convergence import local_convergence
from skmc.diagnostics._missingness import missingness
from skmc.diagnostics._point import check_same_table
from skmc.diagnostics._report import Report

# A component this much smaller than the largest does not count.
VANISHED = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class FitReport(Report):
    """What `fit_report` returns.

    Attributes
    ----------
    summary : dict
        Name of the completer, its rank and how many components are not next to nothing, iterations,
        whether it has converged and why it stopped.
    missingness : Missingness or str
        The holes; a text says why there is no report.
    completability : Completability or str
        Whether the pattern can determine a matrix with so many components.
    incoherence : Incoherence or str
        Rows and columns with a direction to themselves.
    certificate : Certificate or str
        Whether the fit is optimal.
    local_convergence : LocalConvergence or str
        How fast solvers converge there.
    """

    summary: dict
    missingness: object
    completability: object
    incoherence: object
    certificate: object
    local_convergence: object

    _title = "Fit"

    @property
    def parts(self):
        """The reports by name, in the order of the questions.

        Returns
        -------
        parts : dict
            Reports, or texts that say why there is none.
        """
        names = (
            "missingness", "completability", "incoherence", "certificate", "local_convergence",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def _lines(self):
        return list(self.summary.items())

    def __repr__(self):
        pages = [super().__repr__()]
        for name, part in self.parts.items():
            text = f"{_spelt(name)}\n  {part}" if isinstance(part, str) else repr(part)
            pages.append(text)
        return "\n\n".join(pages)

    def _repr_html_(self):
        pages = [super()._repr_html_()]
        for name, part in self.parts.items():
            if isinstance(part, str):
                pages.append(f"<p><b>{_spelt(name)}</b>: {escape(part)}</p>")
            else:
                pages.append(part._repr_html_())
        return "\n".join(pages)

    def to_html(self, path):
        """Write the report as a page of its own.

        Parameters
        ----------
        path : str or path-like
            File to write.
        """
        title = escape(f"{self.summary['completer']}: report")
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
                "<style>body{font-family:sans-serif;margin:2em;max-width:60em}"
                "table{margin-bottom:2em;border-collapse:collapse}"
                "caption{font-weight:bold;text-align:left;padding:.3em 0}"
                "td,th{padding:.15em 1em .15em 0;vertical-align:top;font-weight:normal}</style>"
                f"</head><body><h1>{title}</h1>{self._repr_html_()}</body></html>\n"
            )


def fit_report(completer, X, *, sample_weight=None, entry_weight=None):
    """Gather what the reports of this module say of a fit.

    Parameters
    ----------
    completer : fitted completer
        A completer of skmc.
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        What it was fitted to.
    sample_weight, entry_weight : array-like, default=None
        Weights of the fit.

    Returns
    -------
    report : FitReport
        The reports, with the reason in place of those that do not apply to this completer.

    Raises
    ------
    ValueError
        If X is not the training data.
    TypeError
        If it is no completer.

    Notes
    -----
    The cost is that of `completability` and `local_convergence`, of some hundred iterations.

    Examples
    --------
    >>> from skmc import ALSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.diagnostics import fit_report
    >>> X = make_low_rank(60, 20, 2, noise=0.1, random_state=0).X
    >>> completer = ALSCompleter(rank=10, alpha=1.0, tol=1e-4).fit(X)
    >>> report = fit_report(completer, X)
    >>> report.completability.completable
    True
    >>> report.certificate.verdict
    'globally optimal'
    """
    if not isinstance(completer, FittedCompleter):
        raise TypeError(
            f"A report is of a completer; this is of type {type(completer).__name__}. Pass the one "
            "inside, as the completer_ of an EntryRegressor or the step of a pipeline."
        )
    check_is_fitted(completer, "components_")
    observed = completer._validate(X, entry_weight=entry_weight)
    check_same_table(completer, observed)
    weights = {"sample_weight": sample_weight, "entry_weight": entry_weight}
    rank = getattr(completer, "effective_rank_", None)
    if rank is None:
        rank = _effective_rank(completer.components_)
    nothing = "The completer has rank 0: it predicts by offsets alone."
    return FitReport(
        summary={
            "completer": type(completer).__name__,
            "rank": completer.rank_,
            "components that matter": rank,
            "iterations": completer.n_iter_,
            "converged": completer.converged_,
            "stopped because": completer.stop_reason_,
        },
        missingness=missingness(observed),
        completability=nothing if rank == 0 else completability(observed, rank),
        incoherence=_tried(incoherence, rank, nothing, completer, observed),
        certificate=_tried(certificate, rank, nothing, completer, X, **weights),
        local_convergence=_tried(local_convergence, rank, nothing, completer, X, **weights),
    )


def _effective_rank(components):
    """Number of components that a penalty has not made next to nothing."""
    s = np.linalg.norm(components.astype(np.float64), axis=1) ** 2
    return int(np.count_nonzero(s > VANISHED * s.max(initial=0.0)))


def _tried(function, rank, nothing, *arguments, **options):
    """A report, or why there is none for this kind of completer."""
    if rank == 0:
        return nothing
    try:
        return function(*arguments, **options)
    except (TypeError, ValueError) as error:
        if "not what this" in str(error):
            raise
        return str(error)


def _spelt(name):
    return name.replace("_", " ").capitalize()
