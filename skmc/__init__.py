"""Low-rank matrix completion for scikit-learn."""

from skmc.completers import (
    ALSCompleter,
    EntryRegressor,
    ProjectedGDCompleter,
    SoftImputeCompleter,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "ALSCompleter",
    "EntryRegressor",
    "ProjectedGDCompleter",
    "SoftImputeCompleter",
    "__version__",
]
