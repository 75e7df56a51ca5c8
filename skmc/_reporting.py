"""The method of completers that tells how far a fit can be trusted."""


class Reporting:
    """Mixin of what has been fitted to a table and can be examined."""

    def report(self, X, *, sample_weight=None, entry_weight=None):
        """Tell how far this fit can be trusted: all reports of `skmc.diagnostics` on one page.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            What it was fitted to.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of the fit.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Entry weights of the fit.

        Returns
        -------
        report : FitReport
            To be printed, shown in a notebook, or written by ``to_html``; see
            `skmc.diagnostics.fit_report`, which this calls.

        Raises
        ------
        ValueError
            If X is not the training data.

        Examples
        --------
        >>> from skmc import ALSCompleter
        >>> from skmc.datasets import make_low_rank
        >>> X = make_low_rank(60, 20, 2, noise=0.1, random_state=0).X
        >>> report = ALSCompleter(rank=10, alpha=1.0, tol=1e-4).fit(X).report(X)
        >>> report.certificate.verdict
        'globally optimal'
        """
        from skmc.diagnostics import fit_report

        return fit_report(self, X, sample_weight=sample_weight, entry_weight=entry_weight)
