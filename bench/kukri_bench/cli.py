"""The command line."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import images

from . import report
from .context import CHECKOUT, Context
from .figures import Skip
from .original import ORIGINAL
from .rows import ROWS
from .scratch import Scratch
from .session import QueryError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Kukri; each row beside a floor of the same run.")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW", help=f"of: {', '.join(ROWS)}")
    parser.add_argument(
        "--kukri", type=Path, help="the program [.venv/bin/kukri if there is one, else a new build]"
    )
    parser.add_argument(
        "--python", type=Path, help="Python with the package [.venv/bin/python if there is one]"
    )
    parser.add_argument(
        "--scratch", type=Path, help="where stores go [a new file system in a file in /var/tmp]"
    )
    parser.add_argument("--cache", type=Path, help="where images are kept between runs")
    parser.add_argument("--json", type=Path, default=CHECKOUT / "out/bench.json", help="file of results")
    parser.add_argument("--readme", action="store_true", help="write the comparison into README.md as well")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not how fast")
    return parser.parse_args()


def _program(given: Path | None) -> Path:
    if given is not None:
        return given.absolute()
    installed = CHECKOUT / ".venv/bin/kukri"
    if installed.exists():
        return installed
    print("building the program (release)", file=sys.stderr)
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--package", "kukri-cli"], cwd=CHECKOUT, check=True
    )
    return Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target")).absolute() / "release/kukri"


def _python(given: Path | None) -> Path:
    if given is not None:
        return given.absolute()
    installed = CHECKOUT / ".venv/bin/python"
    return installed if installed.exists() else Path(sys.executable)


def main() -> int:
    """Runs rows; the exit status is 1 if one that could run failed, not if it is slow."""
    arguments = _arguments()
    cache = arguments.cache or Path(os.environ.get("KUKRI_IMAGE_CACHE") or images.default_cache())
    scratch = Scratch(arguments.scratch)
    programs = (_program(arguments.kukri), _python(arguments.python))
    context = Context(*programs, scratch.path, cache, arguments.quick)
    results: report.Results = {}
    failed = False
    try:
        for name in arguments.only or ROWS:
            print(f"-- {name}", flush=True)
            try:
                row = ROWS[name](context)
                for figure, text in zip(row, ORIGINAL.get(name, ()), strict=False):
                    figure.original = text
                results[name] = row
                print("\n".join(line for figure in row for line in report.lines(figure)), flush=True)
            except Skip as reason:
                results[name] = str(reason)
                print(f"skipped: {reason}", flush=True)
            except (QueryError, SystemExit, subprocess.CalledProcessError, OSError) as error:
                failed = True
                results[name] = f"failed: {error}"
                print(f"FAILED: {error}", flush=True)
        report.write(arguments.json, context, results, scratch.what)
        if arguments.readme:
            report.into_readme(CHECKOUT / "README.md", results)
        load = os.getloadavg()[0]
        print(
            f"\n{report.summary(results)}; load of the machine {load:.1f}; {scratch.what}; {arguments.json}"
        )
    finally:
        context.close()
        scratch.remove()
    return 1 if failed else 0
