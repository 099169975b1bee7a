"""Results as a table for people and as JSON for programs."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from pathlib import Path

from .context import CHECKOUT, Context
from .figures import Figure

Results = dict[str, list[Figure] | str]


def number(value: float) -> str:
    """With as many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def lines(figure: Figure) -> list[str]:
    """A figure as lines of the table."""
    samples = figure.samples
    spread = f"{number(min(samples.values))}-{number(max(samples.values))}, n={len(samples.values)}"
    target = ""
    if figure.target is not None:
        sign = ">=" if figure.at_least else "<="
        of = " x floor" if figure.of_floor else f" {figure.unit.split()[0]}"
        target = f"{sign} {number(figure.target)}{of}".replace(".00 ", " ").replace(".0 ", " ")
        target += "" if figure.met is None else "  yes" if figure.met else "  NO"
    value = f"{number(samples.median)} {figure.unit}"
    text = [f"{figure.what:<64} {value:>16}   {target:<20} ({spread})".rstrip()]
    if figure.floor is not None and figure.ratio is not None:
        floor = figure.floor
        text.append(f"    floor: {floor.what}: {number(floor.median)} ({number(figure.ratio)}x)")
    text += [f"    peer:  {peer.what}: {number(peer.median)} (n={len(peer.values)})" for peer in figure.peers]
    if figure.original:
        text.append(f"    Dagger 0.21.8, in a run of its own: {figure.original}")
    text += [f"    note:  {note}" for note in figure.notes]
    return text


def summary(results: Results) -> str:
    """How many targets are met."""
    judged = [figure for row in results.values() if not isinstance(row, str) for figure in row]
    met = [figure.met for figure in judged if figure.met is not None]
    return f"{sum(met)} of {len(met)} targets met"


BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->\n"


def into_readme(path: Path, results: Results) -> None:
    """Replaces the table between the two marks."""
    rows = ["| | Kukri | Dagger 0.21.8 |", "|---|---:|---:|"]
    for row in results.values():
        if not isinstance(row, str):
            rows += [
                f"| {figure.what} | {number(figure.samples.median)} {figure.unit} | {figure.original} |"
                for figure in row
                if figure.original
            ]
    when = dt.datetime.now(dt.timezone.utc).date()
    load = f"load of the machine, by other work too: {os.getloadavg()[0]:.1f}"
    rows += ["", f"Kukri: {when}, {os.cpu_count()} processors, {load}."]
    text = path.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    path.write_text(text[:start] + "\n".join(rows) + "\n" + text[end:])


def write(path: Path, context: Context, results: Results, disk: str) -> None:
    """The file of results."""
    version = subprocess.run([context.kukri, "version"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True
    )
    processor = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    document = {
        "when": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        "version": version,
        "commit": commit.stdout.strip(),
        "machine": {
            "processor": processor,
            "processors": os.cpu_count(),
            "kernel": platform.release(),
            "load": os.getloadavg(),
            "disk": disk,
        },
        "rows": {
            key: {"skipped": row}
            if isinstance(row, str)
            else {"figures": [figure.to_json() for figure in row]}
            for key, row in results.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
