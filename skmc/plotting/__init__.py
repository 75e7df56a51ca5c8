"""Pictures of data with holes, of fits and of their quality; they need matplotlib."""

from skmc.plotting._calibration import CalibrationDisplay
from skmc.plotting._completion import CompletionDisplay
from skmc.plotting._convergence import ConvergenceDisplay
from skmc.plotting._identifiability import IdentifiabilityDisplay
from skmc.plotting._path import PathDisplay
from skmc.plotting._pattern import PatternDisplay
from skmc.plotting._rate import RateDisplay
from skmc.plotting._spectrum import SpectrumDisplay

__all__ = [
    "CalibrationDisplay",
    "CompletionDisplay",
    "ConvergenceDisplay",
    "IdentifiabilityDisplay",
    "PathDisplay",
    "PatternDisplay",
    "RateDisplay",
    "SpectrumDisplay",
]
