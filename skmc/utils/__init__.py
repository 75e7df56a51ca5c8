"""Checks for completers, of this package or of others."""

from skmc.utils.estimator_checks import check_completer, parametrize_with_completer_checks

__all__ = ["check_completer", "parametrize_with_completer_checks"]
