"""Check that a wheel holds exactly what it must: the package, the binary, and nothing else.

python scripts/check_wheel.py dist/kukri-*.whl
"""

import argparse
import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "dagger"
DATA = ROOT / "crates" / "cli" / "wheel"
METADATA = {
    "Name": "kukri",
    "License-Expression": "Apache-2.0",
    "Requires-Python": ">=3.10",
}
PLUGIN = r"(?m)^\[pytest11\]\ndagger *= *dagger\._pytest$"
EXECUTABLE = 0o111


def expected(stem: str) -> set[str]:
    """Names of all files of a wheel `NAME-VERSION`."""
    modules = {
        f"dagger/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = {
        f"{stem}.dist-info/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    data = {f"{stem}.data/{path.relative_to(DATA).as_posix()}" for path in DATA.rglob("*") if path.is_file()}
    return modules | info | data | {f"{stem}.data/scripts/kukri"}


def problems(path: Path) -> list[str]:
    """What is wrong with a wheel."""
    found: list[str] = []
    stem = "-".join(path.name.split("-")[:2])
    with zipfile.ZipFile(path) as wheel:
        # A list of the crates in the binary, if the builder writes one.
        names = {name for name in wheel.namelist() if "/sboms/" not in name}
        found += [f"missing: {name}" for name in sorted(expected(stem) - names)]
        found += [f"too much: {name}" for name in sorted(names - expected(stem))]
        binary = f"{stem}.data/scripts/kukri"
        if binary in names:
            info = wheel.getinfo(binary)
            if not (info.external_attr >> 16) & EXECUTABLE:
                found.append(f"{binary} is not executable")
            if wheel.read(binary)[:4] != b"\x7fELF":
                found.append(f"{binary} is no program for Linux")
            elif b"ld-linux" in wheel.read(binary)[:4096]:
                found.append(f"{binary} is not static")
        metadata = wheel.read(f"{stem}.dist-info/METADATA").decode()
        for key, value in METADATA.items():
            if not re.search(rf"(?m)^{key}: {re.escape(value)}$", metadata):
                found.append(f"METADATA does not say `{key}: {value}`")
        points = f"{stem}.dist-info/entry_points.txt"
        if points in names and not re.search(PLUGIN, wheel.read(points).decode()):
            found.append(f"{points} does not name the plugin for pytest")
        required = re.findall(r"(?m)^Requires-Dist: (.*)$", metadata)
        found += [f"depends on {name}" for name in required if "extra ==" not in name]
    if not re.search(r"-py3-none-(manylinux|musllinux|linux)\w*(\.\w+)*\.whl$", path.name):
        found.append(f"{path.name} is not for any Python 3 on Linux")
    return found


def main() -> int:
    """Checks the wheels that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheels", nargs="+", type=Path)
    failed = False
    for path in parser.parse_args().wheels:
        for problem in problems(path):
            print(f"{path.name}: {problem}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
