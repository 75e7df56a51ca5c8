"""The estimators: parameters, documentation and choice of solver."""

from skmc.completers._als import ALSCompleter
from skmc.completers._als_cv import ALSCompleterCV
from skmc.completers._continuation import ContinuationCompleter
from skmc.completers._entry_regressor import EntryRegressor
from skmc.completers._factorized_gd import FactorizedGDCompleter
from skmc.completers._gauss_newton import GaussNewtonCompleter
from skmc.completers._nmf import NMFCompleter
from skmc.completers._projected_gd import ProjectedGDCompleter
from skmc.completers._soft_impute import SoftImputeCompleter
from skmc.completers._soft_impute_cv import SoftImputeCompleterCV

COMPLETERS = (ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter)
# Those that come close to their limit only slowly.
FACTORED = (FactorizedGDCompleter,)
# Those for data without noise, which need to be told a rank that the entries determine.
EXACT = (ContinuationCompleter, GaussNewtonCompleter)
# Those for non-negative data.
NON_NEGATIVE = (NMFCompleter,)
# Those that choose rank or penalty by cross-validation.
CROSS_VALIDATED = (ALSCompleterCV, SoftImputeCompleterCV)

__all__ = [
    "COMPLETERS",
    "CROSS_VALIDATED",
    "EXACT",
    "FACTORED",
    "NON_NEGATIVE",
    "ALSCompleter",
    "ALSCompleterCV",
    "ContinuationCompleter",
    "EntryRegressor",
    "FactorizedGDCompleter",
    "GaussNewtonCompleter",
    "NMFCompleter",
    "ProjectedGDCompleter",
    "SoftImputeCompleter",
    "SoftImputeCompleterCV",
]
