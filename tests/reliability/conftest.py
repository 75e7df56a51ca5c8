"""The completers that a test takes: one of each kind by default, the others if it may be slow."""

import pytest
from registry import EVERY, KINDS


@pytest.fixture(
    params=[
        pytest.param(KINDS, id="one of each kind"),
        pytest.param([E for E in EVERY if E not in KINDS], id="others", marks=pytest.mark.slow),
    ]
)
def completers(request):
    """Completers to try a case with."""
    return request.param
