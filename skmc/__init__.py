"""Low-rank matrix completion for scikit-learn."""

from skmc.completers import (
    ALSCompleter,
    ALSCompleterCV,
    BayesianCompleter,
    ContinuationCompleter,
    EntryRegressor,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    IRLSCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
    SVTCompleter,
    SymmetricGDCompleter,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "ALSCompleter",
    "ALSCompleterCV",
    "BayesianCompleter",
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
    "__version__",
]
