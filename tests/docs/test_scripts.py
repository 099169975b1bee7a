"""What the scripts behind `make` call is there on a machine that has nothing but what README names."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Not from Debian's essential packages, but named in README or installed by `setup.sh`; `awk` is there as `base-files` asks
#: for one, and `kill` is the shell's. What is looked for before it is used may be absent.
THERE = {"awk", "kill", "cargo", "make", "python3", "rustc"}
LOOKED_FOR = {"flock", "rustup", "apt-get"}


def commands(script: str) -> set[str]:
    """Words where a shell expects a command; comments, other programs and single quotes are left out."""
    text = re.sub(r"(?ms)<<'(\w+)'.*?^\1$", "", script)
    text = re.sub(r"(?m)(^|\s)#.*$", "", re.sub(r"'[^'\n]*'", "", text))
    text = re.sub(r"[|;&({]+|\b(?:if|then|elif|else|while|until|do|xargs|exec)\b|!\s", "\n", text)
    return set(re.findall(r"(?m)^\s*([a-z][a-z0-9_.-]*)(?=[\s)]|$)", text))


def essential(command: str) -> bool:
    """Whether each installation of Debian has it."""
    path = shutil.which(command, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    assert path is not None
    # Merged /usr: packages may name either place.
    for name in (path, path.removeprefix("/usr"), f"/usr{path}"):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            package = found.stdout.split(":")[0]
            shown = subprocess.run(
                ["dpkg-query", "-W", "-f=${Essential}", package], capture_output=True, text=True, check=True
            )
            return shown.stdout.startswith("yes")
    return False


@pytest.mark.skipif(
    shutil.which("dpkg-query") is None, reason="which packages are essential is known to dpkg"
)
@pytest.mark.parametrize("script", ["common.sh", "setup.sh", "wheel.sh", "demo.sh"])
def test_a_bare_machine_has_the_commands(script: str) -> None:
    text = (ROOT / "scripts" / script).read_text()
    found = {
        command
        for command in commands(text)
        if shutil.which(command, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    }
    assert {command for command in found - THERE - LOOKED_FOR if not essential(command)} == set()


def test_commands_are_found() -> None:
    script = "# nothing here\nif cmp a b; then ls -l | sort | xargs wc -l; fi\n(cd x && find .) # or here\n"
    assert commands(script) == {"cmp", "ls", "sort", "wc", "fi", "cd", "find"}
