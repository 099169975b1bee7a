"""The binary is found wherever installers put it."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from dagger import _find_bin
from fake import Api, Server


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> Path:
    """Pretends that the package lies in a folder."""
    place = folder / package / "dagger"
    place.mkdir(parents=True)
    monkeypatch.setattr(_find_bin, "__file__", str(place / "_find_bin.py"))
    monkeypatch.setattr(sys, "base_prefix", str(folder / "base"))
    monkeypatch.setattr(sysconfig, "get_path", lambda *names, **rest: str(folder / scripts(*names, **rest)))
    return folder


def scripts(_: str, scheme: str = "x", **rest: dict[str, str]) -> Path:
    """What stands for the place that `sysconfig` would tell."""
    return Path(rest["vars"]["base"] if rest else scheme) / "scripts"


def put(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


@pytest.mark.parametrize(
    ("package", "binary"),
    [
        ("lib", "x/scripts/kukri"),
        ("lib", "base/scripts/kukri"),
        ("target", "target/bin/kukri"),
        ("lib/python3.11/site-packages", "bin/kukri"),
        ("usr/local/lib/python3.11/dist-packages", "usr/local/bin/kukri"),
        ("lib", f"{sysconfig.get_preferred_scheme('user')}/scripts/kukri"),
    ],
)
def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, binary: str) -> None:
    folder = install(tmp_path, monkeypatch, package)
    path = put(folder / binary)
    assert _find_bin.find_bin() == path


def test_the_error_lists_all_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "lib")
    with pytest.raises(FileNotFoundError) as raised:
        _find_bin.find_bin()
    assert str(raised.value).count("kukri\n") >= 3


def test_as_a_program(tmp_path: Path) -> None:
    root = Path(_find_bin.__file__).parent.parent
    script = tmp_path / "bin" / "kukri"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\necho ran "$@"\n')
    script.chmod(0o755)
    (tmp_path / "dagger").symlink_to(root / "dagger")
    code = "import runpy, sys; from dagger import _find_bin; _find_bin.find_bin = lambda: sys.argv.pop(1)"
    run = f"{code}; runpy.run_module('dagger', run_name='__main__', alter_sys=True)"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for arguments, expected in [([], f"kukri 0.1.0\n{script}\n"), (["version", "-x"], "ran version -x\n")]:
        ran = subprocess.run(
            [sys.executable, "-c", run, str(script), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        assert ran.stdout == expected


AT_ONCE = """
import asyncio, builtins, sys, threading, time
import dagger

real = builtins.__import__

def slow(name, *rest, **named):
    # What `sysconfig` reads when it is used first takes some time, in which other threads use it as well.
    if name.startswith("_sysconfigdata"):
        time.sleep(0.5)
    return real(name, *rest, **named)

assert not any(name.startswith("_sysconfigdata") for name in sys.modules)
builtins.__import__ = slow

got = []

def in_thread():
    with dagger.connect() as client:
        got.append(client.version())

async def in_task():
    async with dagger.Connection() as client:
        got.append(await client.version())

async def main():
    await asyncio.gather(in_task(), in_task())

if sys.argv[1] == "threads":
    threads = [threading.Thread(target=in_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    asyncio.run(main())
print(*got)
"""


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_two_sessions_begin_at_once(tmp_path: Path, way: str) -> None:
    """No variable names the binary here: it is looked for, by both at the same time."""
    server = Server(Api())
    venv.create(tmp_path / "venv", symlinks=True)
    (tmp_path / "dagger").symlink_to(Path(_find_bin.__file__).parent)
    script = tmp_path / "venv/bin/kukri"
    said = f'{{"port": {server.port}, "session_token": "t"}}'
    script.write_text(f"#!/bin/sh\necho '{said}'\nread end\nexit 0\n")
    script.chmod(0o755)
    ran = subprocess.run(
        [tmp_path / "venv/bin/python", "-c", AT_ONCE, way],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=60,
        check=False,
    )
    server.stop()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, ".version .version\n", "")
