"""`python tests/crash`: finds what the end-to-end tests and scripts share, and runs `crash.py`."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path += [str(TESTS / "e2e" / "support"), str(TESTS.parent / "scripts")]

    from crash import main

    sys.exit(main())
