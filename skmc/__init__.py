"""Low-rank matrix completion for scikit-learn."""

from skmc._persistence import load_factors, save_factors
from skmc._snapshot import Snapshot
from skmc.completers import (
    ALSCompleter,
    ALSCompleterCV,
    BayesianCompleter,
    ConformalCompleter,
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
from skmc.imputation import PooledEstimate, multiple_impute, pool, pool_regression

__version__ = "0.1.0.dev0"

__all__ = [
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
    "PooledEstimate",
    "ProjectedGDCompleter",
    "SVTCompleter",
    "Snapshot",
    "SoftImputeCompleter",
    "SoftImputeCompleterCV",
    "SymmetricGDCompleter",
    "__version__",
    "load_factors",
    "multiple_impute",
    "pool",
    "pool_regression",
    "save_factors",
]
