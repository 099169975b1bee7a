"""Logging of this package, for programs that want to see it."""

from __future__ import annotations

import logging

__all__ = ["configure_debug_logging", "configure_logging"]


def configure_logging(level: int | str = logging.WARNING) -> None:
    """Shows what this package logs on standard error.

    Args:
        level: The least level that is shown, as `logging` names or numbers it.

    Raises:
        ValueError: There is no such level.
    """
    logger = logging.getLogger("dagger")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("[%(levelname)s] %(name)s: %(message)s"))
        logger.addHandler(handler)


def configure_debug_logging() -> None:
    """Shows everything that this package logs on standard error."""
    configure_logging(logging.DEBUG)
