"""The tool of these tests: what goes wrong in a process apart is put down to its case."""

import faulthandler
import time
import warnings

import pytest
from isolated import check_each, failures


def behave(how):
    if how == "crash":
        faulthandler._sigsegv()
    elif how == "hang":
        time.sleep(600)
    elif how == "warn":
        warnings.warn("look", UserWarning, stacklevel=1)
    assert how != "wrong"


def test_crashes_and_hangs_are_those_of_their_case():
    cases = ["fine", "crash", "wrong", "hang", "warn", "good"]
    found = dict(failures(behave, cases, limit=1))
    assert found.keys() == {"crash", "wrong", "hang", "warn"}
    assert "status -" in found["crash"]
    assert "AssertionError" in found["wrong"]
    assert "Timeout" in found["hang"]
    assert "UserWarning: look" in found["warn"]


def test_a_failure_names_its_case():
    check_each(behave, ["fine"])
    with pytest.raises(AssertionError, match="wrong: Traceback"):
        check_each(behave, ["fine", "wrong"])
