"""Fixtures and settings for all tests."""

import os

# Before anybody imports pyplot: no test opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")
