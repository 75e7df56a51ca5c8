"""Multiple imputation: several completions of a table, and what an analysis makes of them."""

from skmc.imputation._multiple import multiple_impute
from skmc.imputation._pool import PooledEstimate, pool
from skmc.imputation._regression import pool_regression

__all__ = ["PooledEstimate", "multiple_impute", "pool", "pool_regression"]
