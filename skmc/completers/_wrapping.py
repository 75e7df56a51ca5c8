"""What estimators that hold a completer share."""

from sklearn.base import clone


class CompleterHolder:
    """A parameter `completer`, where None stands for a completer that the class names."""

    @staticmethod
    def _default_completer():
        """What None stands for."""
        raise NotImplementedError

    def _unfitted(self):
        """The completer, to be fitted."""
        return self._default_completer() if self.completer is None else clone(self.completer)

    def set_params(self, **params):
        """Set parameters of this estimator, and those of its completer as ``completer__<name>``.

        Parameters
        ----------
        **params : dict
            The parameters.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no completer whose parameters could be set.
        """
        inner = [name for name in params if name.startswith("completer__")]
        if inner and params.get("completer", self.completer) is None:
            raise ValueError(
                f"{inner[0]} cannot be set, as completer=None has no parameters. Write out what it "
                f"stands for: {type(self).__name__}({self._default_completer()!r})."
            )
        return super().set_params(**params)
