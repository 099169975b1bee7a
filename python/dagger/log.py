"""Logging of this package, for programs that want to see it."""

from __future__ import annotations

import logging

__all__ = ["configure_logging"]


def configure_logging(level: int | str = logging.INFO) -> None:
    """Shows what this package logs on standard error.

    Args:
        level: The least level that is shown.
    """
    logger = logging.getLogger("dagger")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
