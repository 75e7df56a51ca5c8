"""What the tests of the kernels share."""

import pytest
from threadpoolctl import threadpool_limits

from skmc import _kernels as kernels


@pytest.fixture(params=kernels.available_isas())
def instruction_set(request):
    """Run the test on one instruction set, then go back to the best.

    One BLAS thread: the reference solves thousands of tiny systems.
    """
    kernels.use_isa(request.param)
    with threadpool_limits(1, "blas"):
        yield request.param
    kernels.use_isa(kernels.available_isas()[-1])
