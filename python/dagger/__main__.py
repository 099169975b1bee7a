"""`python -m dagger`: says where the binary is; `python -m dagger ARGS` runs it."""

from __future__ import annotations

import os
import sys

from dagger._find_bin import find_bin
from dagger._version import __version__


def main() -> int:
    """Runs the binary with the arguments of this process, or says where it is."""
    try:
        path = find_bin()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    if len(sys.argv) < 2:
        print(f"kukri {__version__}")
        print(path)
        return 0
    sys.stdout.flush()
    return os.execv(path, [path, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
