"""Sampling of the posterior of the Gaussian factor model."""

from skmc._bayes._chains import run_chains
from skmc._bayes._convergence import effective_sample_size, split_r_hat
from skmc._bayes._gibbs import Gibbs, Model, Sample, row_problem
from skmc._bayes._normal_wishart import GaussianLaw, NormalWishart
from skmc._bayes._row_normals import row_keys, row_normals

__all__ = [
    "GaussianLaw",
    "Gibbs",
    "Model",
    "NormalWishart",
    "Sample",
    "effective_sample_size",
    "row_keys",
    "row_normals",
    "row_problem",
    "run_chains",
    "split_r_hat",
]
