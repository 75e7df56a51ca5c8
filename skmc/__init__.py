"""Low-rank matrix completion for scikit-learn."""

from skmc._persistence import load_factors, save_factors
from skmc._snapshot import Snapshot
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
    "Snapshot",
    "SoftImputeCompleter",
    "SoftImputeCompleterCV",
    "SymmetricGDCompleter",
    "__version__",
    "load_factors",
    "save_factors",
]
