"""Finds the binary `kukri` that came with this package."""

from __future__ import annotations

import os
import sys
import sysconfig

NAME = "kukri"

# Its first use is not safe in threads before Python 3.12. So it is here: one thread imports this module, and
# others wait for that.
sysconfig.get_config_vars()


def find_bin() -> str:
    """Path of the binary `kukri`.

    Raises:
        FileNotFoundError: It is in none of the places; the text lists them.
    """
    tried: list[str] = []
    for folder in _folders():
        path = os.path.join(folder, NAME + (sysconfig.get_config_var("EXE") or ""))
        if path in tried:
            continue
        if os.path.isfile(path):
            return path
        tried.append(path)
    places = "\n".join(f"  {path}" for path in tried)
    msg = (
        f"the binary {NAME} of the package was not found; install the package anew "
        f"(pip install --force-reinstall {NAME}), or set _EXPERIMENTAL_DAGGER_CLI_BIN to a {NAME} binary; "
        f"these places were tried:\n{places}"
    )
    raise FileNotFoundError(msg)


def _folders() -> list[str]:
    """Where installers put scripts, the likeliest place first."""
    folders = [sysconfig.get_path("scripts")]
    # The interpreter on which a virtual environment is based.
    folders.append(sysconfig.get_path("scripts", vars={"base": sys.base_prefix}))
    package = os.path.dirname(os.path.abspath(__file__))
    above = os.path.dirname(package)
    # `pip install --target T`: package in T/dagger, scripts in T/bin.
    folders.append(os.path.join(above, "bin"))
    # `pip install --prefix P`: package in P/lib/pythonX.Y/site-packages/dagger, scripts in P/bin.
    parts = above.split(os.sep)
    if len(parts) > 3 and parts[-1] in ("site-packages", "dist-packages"):
        folders.extend(os.path.join(os.sep.join(parts[:-depth]) or os.sep, "bin") for depth in (3, 4))
    user = sysconfig.get_preferred_scheme("user")
    folders.append(sysconfig.get_path("scripts", scheme=user))
    return folders
