"""The logger of the package."""

import logging

logger = logging.getLogger("skmc")


def show_log():
    """Show what is logged, if logging is not configured."""
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)
