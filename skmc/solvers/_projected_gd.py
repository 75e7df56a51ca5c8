"""Projected gradient: truncated singular value decomposition of the gradient step."""

from skmc.solvers._proximal import BUFFER, ProximalGradient


class ProjectedGradient(ProximalGradient):
    """Proximal gradient for the rank constraint: the leading `rank` singular values stay."""

    name = "projected_gd"
    supports = frozenset({"zero_alpha", "weights"})

    def shrink(self, problem, s, step):
        return s[: problem.rank]

    def width(self, problem, rank):
        return problem.rank + BUFFER
