"""Solvers of the completion problem, and the registry that tests, estimators and docs read."""

from skmc.solvers._als import AlternatingLeastSquares
from skmc.solvers._base import STOPPED, Solver, SolverResult, joined, offsets_only
from skmc.solvers._continuation import Continuation
from skmc.solvers._debias import debiased
from skmc.solvers._factorized_gd import FactorizedGradient
from skmc.solvers._gauss_newton import GaussNewton
from skmc.solvers._init import resized
from skmc.solvers._irls import ReweightedLeastSquares
from skmc.solvers._minimum_norm import MinimumNormGaussNewton
from skmc.solvers._nmf import NonNegativeALS
from skmc.solvers._noise import RELAXATION, NoiseSchedule, find_noise, relaxed_alpha, solve_at_edge
from skmc.solvers._projected_gd import ProjectedGradient
from skmc.solvers._soft_impute import SoftImpute
from skmc.solvers._svt import SVT
from skmc.solvers._symmetric_gd import SymmetricGradient

SOLVERS = {
    solver.name: solver
    for solver in (
        AlternatingLeastSquares,
        NonNegativeALS,
        ProjectedGradient,
        SoftImpute,
        FactorizedGradient,
        GaussNewton,
        MinimumNormGaussNewton,
        Continuation,
        SVT,
        SymmetricGradient,
        ReweightedLeastSquares,
    )
}

__all__ = [
    "RELAXATION",
    "SOLVERS",
    "STOPPED",
    "SVT",
    "AlternatingLeastSquares",
    "Continuation",
    "FactorizedGradient",
    "GaussNewton",
    "MinimumNormGaussNewton",
    "NoiseSchedule",
    "NonNegativeALS",
    "ProjectedGradient",
    "ReweightedLeastSquares",
    "SoftImpute",
    "Solver",
    "SolverResult",
    "SymmetricGradient",
    "debiased",
    "find_noise",
    "joined",
    "offsets_only",
    "relaxed_alpha",
    "resized",
    "solve_at_edge",
]
