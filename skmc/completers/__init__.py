"""The estimators: parameters, documentation and choice of solver."""

from skmc.completers._als import ALSCompleter
from skmc.completers._entry_regressor import EntryRegressor
from skmc.completers._projected_gd import ProjectedGDCompleter
from skmc.completers._soft_impute import SoftImputeCompleter

COMPLETERS = (ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter)

__all__ = [
    "COMPLETERS",
    "ALSCompleter",
    "EntryRegressor",
    "ProjectedGDCompleter",
    "SoftImputeCompleter",
]
