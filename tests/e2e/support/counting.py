"""Counts how often a command really ran, in the container itself."""

from __future__ import annotations

import json
import time
from typing import Any


def unique(name: str = "TEST") -> str:
    """A step that nobody has made before."""
    return f'withEnvVariable(name: "{name}", value: "{time.time_ns()}")\n'


class Runs:
    """A cache volume to which each execution adds a line. What a volume holds is part of no cache key."""

    def __init__(self) -> None:
        self.key = f"runs {time.time_ns()}"

    def mount(self, q: Any) -> str:
        """The step that makes the volume visible at `/runs`."""
        volume = q.id(f"cacheVolume(key: {json.dumps(self.key)})")
        return f'withMountedCache(path: "/runs", cache: {volume})\n'

    def run(
        self,
        q: Any,
        before: str = "",
        script: str = "true",
        after: str = "",
        leaf: str = "stdout",
        **options: str,
    ) -> Any:
        """Runs a script in busybox, after and before further steps, and counts it."""
        return q.sh(
            f"(umask 0; echo x >> /runs/log); {script}", self.mount(q) + before, after, leaf, **options
        )

    def count(self, q: Any) -> int:
        """How often something ran."""
        return int(q.sh("cat /runs/log 2> /dev/null | wc -l", self.mount(q) + unique("COUNT")))


def meeting(directory: str, *, patient: bool) -> str:
    """A script that says `together` if another of its kind, with another `$N`, was in the directory at the same time.

    It waits for that up to twenty seconds, or half a second where nobody is expected (`patient=False`).
    """
    return f"""
        cd {directory}; touch in.$N; turn=0
        while [ $turn -lt {400 if patient else 10} ] && [ ! -e met ]; do
          if [ $(ls | grep -c in) -gt 1 ]; then touch met; fi
          sleep 0.05; turn=$((turn + 1))
        done
        rm in.$N; if [ -e met ]; then echo together; fi
    """
