"""Solvers of the completion problem, and the registry that tests, estimators and docs read."""

from skmc.solvers._als import AlternatingLeastSquares
from skmc.solvers._base import Solver, SolverResult, offsets_only
from skmc.solvers._init import resized
from skmc.solvers._penalty_schedule import PenaltySchedule
from skmc.solvers._projected_gd import ProjectedGradient
from skmc.solvers._soft_impute import SoftImpute

SOLVERS = {
    solver.name: solver for solver in (AlternatingLeastSquares, ProjectedGradient, SoftImpute)
}

__all__ = [
    "SOLVERS",
    "AlternatingLeastSquares",
    "PenaltySchedule",
    "ProjectedGradient",
    "SoftImpute",
    "Solver",
    "SolverResult",
    "offsets_only",
    "resized",
]
