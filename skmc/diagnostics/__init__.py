"""How far a completion can be trusted: reports on patterns of holes and on fitted completers."""

from skmc._diagnosis._identifiable import Identifiable
from skmc.diagnostics._certificate import Certificate, certificate
from skmc.diagnostics._completability import Completability, completability
from skmc.diagnostics._contraction import Contraction, contraction
from skmc.diagnostics._fit_report import FitReport, fit_report
from skmc.diagnostics._incoherence import Incoherence, incoherence
from skmc.diagnostics._little import LittleTest
from skmc.diagnostics._local_convergence import LocalConvergence, local_convergence
from skmc.diagnostics._missingness import Dependence, Missingness, missingness
from skmc.diagnostics._rates import Scheme

__all__ = [
    "Certificate",
    "Completability",
    "Contraction",
    "Dependence",
    "FitReport",
    "Identifiable",
    "Incoherence",
    "LittleTest",
    "LocalConvergence",
    "Missingness",
    "Scheme",
    "certificate",
    "completability",
    "contraction",
    "fit_report",
    "incoherence",
    "local_convergence",
    "missingness",
]
