"""The planted faults fit the sources, and the script that plants them sees them caught."""

import subprocess
import sys

import pytest
from kernel_builds import ROOT, missing_tools
from planted_faults import FAULTS

# One for each way of catching: a wrong result of a kernel, a wrong check, a wrong line of Python.
PLANTED = ("dual-no-identity", "wrapper-entries", "offsets-right-side")


def test_every_fault_has_its_place():
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    for fault in FAULTS:
        text = (ROOT / fault.file).read_text()
        assert fault.planted(text) != text
        assert all((ROOT / test).exists() for test in fault.tests)


def test_a_fault_whose_place_has_gone_is_an_error():
    with pytest.raises(LookupError, match="0 times the text"):
        FAULTS[0].planted("")
    with pytest.raises(LookupError, match="2 times the text"):
        FAULTS[0].planted(2 * FAULTS[0].old)


@pytest.mark.slow
@pytest.mark.skipif(bool(missing_tools()), reason="needs meson, ninja and Cython")
def test_planted_faults_are_caught():
    done = subprocess.run(
        [sys.executable, ROOT / "tests/plant_faults.py", "--only", *PLANTED],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(PLANTED)} of {len(PLANTED)} faults were caught" in done.stdout
