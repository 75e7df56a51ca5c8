"""All that can be said of a fit, on one page."""

from dataclasses import dataclass
from html import escape

from sklearn.utils.validation import check_is_fitted

from skmc._diagnosis._enough import largest_rank
from skmc._fitted import FittedCompleter
from skmc._undetermined import effective_rank
from skmc.diagnostics._certificate import GLOBAL, NEITHER, certificate
from skmc.diagnostics._completability import completability
from skmc.diagnostics._incoherence import incoherence
from skmc.diagnostics._local_convergence import local_convergence
from skmc.diagnostics._missingness import missingness
from skmc.diagnostics._page import marks_as_html, page
from skmc.diagnostics._point import check_same_table
from skmc.diagnostics._report import DoesNotApply, Report, as_text

NONE = "none"
# The worst first.
MARKS = {"poor": "!", "open": "?", "good": "+"}
# Part of the missing entries that a penalty may have to decide without its being the main thing.
MANY = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class FitReport(Report):
    """What `fit_report` returns.

    Attributes
    ----------
    summary : dict
        Name of the completer, its rank and how many components are not next to nothing, penalty,
        iterations, whether it has converged and why it stopped.
    shape : tuple of int
        (n, m) of the table.
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
    shape: tuple
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

    @property
    def summary_marks(self):
        """What matters most, in a few lines, the worst first.

        Returns
        -------
        marks : list of (str, str, str)
            "good", "poor", or "open" where nothing can be said; what it is about; what is found.
        """
        return sorted(_marks(self), key=lambda mark: list(MARKS).index(mark[0]))

    def __repr__(self):
        marks = [f"  {MARKS[mark]} {name}: {text}" for mark, name, text in self.summary_marks]
        pages = [super().__repr__(), "\n".join(["In short", *marks])]
        for name, part in self.parts.items():
            text = f"{_spelt(name)}\n  {part}" if isinstance(part, str) else repr(part)
            pages.append(text)
        return "\n\n".join(pages)

    def _sections(self):
        """HTML of the reports by their headings."""
        sections = {"Fit": super()._repr_html_()}
        for name, part in self.parts.items():
            text = f"<p>{escape(part)}</p>" if isinstance(part, str) else part._repr_html_()
            sections[_spelt(name)] = text
        return sections

    def _repr_html_(self):
        pages = [f"<p><b>{name}</b></p>{html}" for name, html in self._sections().items()]
        return "\n".join([marks_as_html(self.summary_marks), *pages])

    def to_html(self, path=None):
        """The report as a page of its own.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write.

        Returns
        -------
        html : str or None
            The page, None if it was written to a file.
        """
        rank = self.summary["components that matter"]
        n, m = self.shape
        html = page(
            f"{self.summary['completer']}: report",
            f"Can this completion of {n} rows and {m} columns be trusted? {rank} components.",
            self.summary_marks,
            self._sections(),
        )
        if path is None:
            return html
        with open(path, "w", encoding="utf-8") as file:
            file.write(html)
        return None


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
        The reports, with the reason in place of those that do not apply to this completer or do
        not fit in memory.

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
    check_same_table(completer, observed, sample_weight)
    weights = {"sample_weight": sample_weight, "entry_weight": entry_weight}
    rank = getattr(completer, "effective_rank_", None)
    if rank is None:
        rank = effective_rank(completer)
    nothing = "The completer has rank 0: it predicts by offsets alone."
    center = bool(completer.center)
    rank = min(rank, largest_rank(*observed.shape, offsets=center))
    return FitReport(
        summary={
            "completer": type(completer).__name__,
            "rank": completer.rank_,
            "components that matter": rank,
            "penalty": _penalty(completer),
            "iterations": completer.n_iter_,
            "converged": completer.converged_,
            "stopped because": completer.stop_reason_,
        },
        shape=observed.shape,
        missingness=missingness(observed),
        completability=_tried(completability, rank, nothing, observed, rank, center=center),
        incoherence=_tried(incoherence, rank, nothing, completer, observed),
        certificate=_tried(certificate, rank, nothing, completer, X, **weights),
        local_convergence=_tried(local_convergence, rank, nothing, completer, X, **weights),
    )


def _penalty(completer):
    """What draws the fit to one of the solutions, if anything."""
    supports = completer._supports()
    if "sampled" in supports:
        return "that of the prior"
    return "smallest nuclear norm" if "interpolates" in supports else completer.alpha_ or NONE


def _tried(function, rank, nothing, *arguments, **options):
    """A report, or why there is none: it does not apply to this fit, or does not fit in memory."""
    if rank == 0:
        return nothing
    try:
        return function(*arguments, **options)
    except (DoesNotApply, MemoryError) as error:
        return str(error)


def _marks(report):
    """What to say first of each part."""
    done, iterations = report.summary["converged"], report.summary["iterations"]
    text = f"after {iterations} iterations, {report.summary['stopped because']}"
    yield "good" if done else "poor", "Converged" if done else "Not converged", text
    found = report.completability
    if isinstance(found, str):
        yield "open", "Determined by the pattern", found
    else:
        yield _mark_of_pattern(found, penalised=report.summary["penalty"] != NONE)
    found = report.missingness
    if not isinstance(found, str):
        mark = "open" if found.verdict.startswith("cannot tell") else "poor"
        if found.verdict.startswith(("no sign", "nothing")):
            mark = "good"
        yield mark, "Reasons for holes", found.verdict
    found = report.certificate
    if isinstance(found, str):
        yield "open", "Optimality", found
    else:
        mark = {GLOBAL: "good", NEITHER: "poor"}.get(found.verdict, "open")
        yield mark, "Optimality", f"{found.verdict}: {found.reason}"
    found = report.local_convergence
    if not isinstance(found, str):
        text = (
            f"in the end each iteration of {found.method} leaves {found.best.rate:.3g} of the error"
        )
        if not found.unique:
            text = "none: the observed entries leave a direction open"
        yield "good" if found.unique else "poor", "Rate of convergence", text


def _mark_of_pattern(found, *, penalised):
    name, n_missing = "Determined by the pattern", found.shape[0] * found.shape[1] - found.n_entries
    if found.completable or found.fraction_identifiable == 1.0:
        return "good", name, f"all of {n_missing} missing entries, at rank {found.rank}"
    number = round((1.0 - found.fraction_identifiable) * found.shape[0] * found.shape[1])
    lines = [
        f"; {what} without one that is: {as_text(numbers)}"
        for what, numbers in (("rows", found.rows), ("columns", found.columns))
        if numbers.size
    ]
    text = f"{number} of {n_missing} missing entries are not, at rank {found.rank}{''.join(lines)}"
    if penalised:
        mark = "poor" if number > MANY * n_missing else "open"
        return mark, name, f"{text}; there the penalty and the offsets decide"
    return "poor", name, text


def _spelt(name):
    return name.replace("_", " ").capitalize()
