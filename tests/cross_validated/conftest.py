"""Settings for the tests of searches."""

import pytest


@pytest.fixture(autouse=True)
def few_folds(monkeypatch):
    """Search for the rank on four folds, in less than half of the time that ten take."""
    monkeypatch.setattr("skmc._search._splits.TENTH", 4)
