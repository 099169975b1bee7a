"""`python tests/clients`: finds what the end-to-end tests and scripts share, and runs `run.py`."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path += [str(TESTS / "e2e" / "support"), str(TESTS.parent / "scripts")]

    from run import main

    sys.exit(main())
