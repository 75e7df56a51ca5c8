"""The estimators: parameters, documentation and choice of solver."""

from skmc.completers._als import ALSCompleter
from skmc.completers._als_cv import ALSCompleterCV
from skmc.completers._bayesian import BayesianCompleter
from skmc.completers._conformal import ConformalCompleter
from skmc.completers._continuation import ContinuationCompleter
from skmc.completers._entry_regressor import EntryRegressor
from skmc.completers._factorized_gd import FactorizedGDCompleter
from skmc.completers._gauss_newton import GaussNewtonCompleter
from skmc.completers._irls import IRLSCompleter
from skmc.completers._nmf import NMFCompleter
from skmc.completers._projected_gd import ProjectedGDCompleter
from skmc.completers._soft_impute import SoftImputeCompleter
from skmc.completers._soft_impute_cv import SoftImputeCompleterCV
from skmc.completers._svt import SVTCompleter
from skmc.completers._symmetric_gd import SymmetricGDCompleter

# Those that fit at the rank and penalty they are told, or find in the fit itself.
COMPLETERS = (
    ALSCompleter,
    ContinuationCompleter,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    IRLSCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SVTCompleter,
    SymmetricGDCompleter,
)
# Those that sample from a posterior.
SAMPLERS = (BayesianCompleter,)
# Those that choose rank or penalty by cross-validation.
CROSS_VALIDATED = (ALSCompleterCV, SoftImputeCompleterCV)

__all__ = [
    "COMPLETERS",
    "CROSS_VALIDATED",
    "SAMPLERS",
    "ALSCompleter",
    "ALSCompleterCV",
    "BayesianCompleter",
    "ConformalCompleter",
    "ContinuationCompleter",
    "EntryRegressor",
    "FactorizedGDCompleter",
    "GaussNewtonCompleter",
    "IRLSCompleter",
    "NMFCompleter",
    "ProjectedGDCompleter",
    "SVTCompleter",
    "SoftImputeCompleter",
    "SoftImputeCompleterCV",
    "SymmetricGDCompleter",
]
