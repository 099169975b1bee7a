"""What is measured, and what it is compared with."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Skip(Exception):
    """A row or a peer that cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Samples:
    """Values of one thing, in the unit of the figure."""

    what: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def to_json(self) -> dict[str, Any]:
        """For the file of results."""
        return {
            "what": self.what,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "n": len(self.values),
        }


@dataclass
class Figure:
    """One line of the table.

    `target` is a limit for the median, or with `of_floor` for its ratio to the floor; `at_least`
    turns it round.
    """

    what: str
    unit: str
    samples: Samples
    target: float | None = None
    at_least: bool = False
    of_floor: bool = False
    floor: Samples | None = None
    peers: list[Samples] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    original: str = ""
    """What Dagger took."""

    @property
    def ratio(self) -> float | None:
        """How many times the floor."""
        if self.floor is None or self.floor.median == 0:
            return None
        return self.samples.median / self.floor.median

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; `None` without one."""
        value = self.ratio if self.of_floor else self.samples.median
        if self.target is None or value is None:
            return None
        return value >= self.target if self.at_least else value <= self.target

    def to_json(self) -> dict[str, Any]:
        """For the file of results."""
        return {
            "what": self.what,
            "unit": self.unit,
            **self.samples.to_json(),
            "target": self.target,
            "target_is": ("at least" if self.at_least else "at most")
            + (", times the floor" if self.of_floor else ""),
            "met": self.met,
            "floor": self.floor.to_json() if self.floor else None,
            "ratio": self.ratio,
            "peers": [peer.to_json() for peer in self.peers],
            "notes": self.notes,
            "original": self.original,
        }


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ms(what: str, seconds: Sequence[float]) -> Samples:
    """Samples in milliseconds."""
    return Samples(what, tuple(value * 1000 for value in seconds))
