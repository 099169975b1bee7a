"""The same steps with other OCI runtimes, other networks, and without root."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import Engine, binary
from session import GraphQLError, Session

_ROOT = os.geteuid() == 0


def runtime(name: str) -> object:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    missing = not _ROOT or path is None
    return pytest.param(
        name, marks=pytest.mark.skipif(missing, reason=f"{name} is not installed, or this is not root")
    )


@pytest.fixture(scope="module", params=["native", runtime("crun"), runtime("runc")])
def other(request: pytest.FixtureRequest, make_engine: Callable[..., Engine]) -> Iterator[Engine]:
    variables = {} if request.param == "native" else {"KUKRI_OCI_RUNTIME": request.param}
    made = make_engine(**variables)
    yield made
    made.stop()


def test_certificates_of_the_machine_are_in_nobodys_way(
    other: Engine, make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("the authorities\n")
    variables = {key: other.env[key] for key in ["KUKRI_OCI_RUNTIME"] if key in other.env}
    engine = make_engine(KUKRI_CA_BUNDLE=str(bundle), **variables)
    with engine.session(workdir=tmp_path) as session:
        script = "mkdir -p /run/a && rm -rf /run/* /tmp/* /etc/ssl && cat $SSL_CERT_FILE && ls -A /run"
        assert session.run("sh", "-c", script) == "the authorities\n"
        # An image with directories of its own, and a step that changes nothing in them.
        base = """
          from(address: "busybox")
          withNewFile(path: "/run/own", contents: "x")
          withExec(args: ["true"])
        """
        before = session.chain(base, "rootfs { digest }")
        read = base + '\nwithExec(args: ["sh", "-c", "cat $SSL_CERT_FILE"])'
        assert session.chain(read, "stdout") == "the authorities\n"
        assert session.chain(read, "rootfs { digest }") == before
        assert session.chain(base + '\ndirectory(path: "/run")', "entries") == ["own"]
    engine.stop()


def test_names_and_resolvers_where_the_images_links_lead(other: Engine, tmp_path: Path) -> None:
    """As images of systemd-resolved have them: to files that a service writes. Nothing that is made for it stays."""
    with other.session(workdir=tmp_path) as session:
        source = session.chain('withNewFile(path: "own", contents: "x")', "id", root="directory")
        for name, said in [("resolv.conf", "nameserver"), ("hosts", "localhost")]:
            link = f'from(address: "busybox")\nwithoutFile(path: "/etc/{name}")\n'
            link += f'withSymlink(target: "../run/resolve/stub", linkName: "/etc/{name}")'
            for base, kept in [
                (link, "rootfs { digest }"),
                (f'{link}\nwithNewFile(path: "/run/resolve/own", contents: "x")', "rootfs { digest }"),
                (f'{link}\nwithMountedTemp(path: "/run")', "rootfs { digest }"),
                (
                    f'{link}\nwithMountedDirectory(path: "/run", source: "{source}")',
                    'directory(path: "/run") { digest }',
                ),
            ]:
                step = f'{base}\nwithExec(args: ["grep", "-m1", "{said}", "/etc/{name}"])'
                assert said in session.chain(step, "stdout"), base
                assert session.chain(step, kept) == session.chain(base, kept), base
        mounted = f'from(address: "busybox")\nwithMountedDirectory(path: "/etc", source: "{source}")'
        step = f'{mounted}\nwithExec(args: ["grep", "-m1", "nameserver", "/etc/resolv.conf"])'
        assert session.chain(f'{step}\ndirectory(path: "/etc")', "entries") == ["own"]


@pytest.mark.parametrize(
    "there",
    [
        'withSymlink(target: "resolv.conf", linkName: "/etc/resolv.conf")',
        'withSymlink(target: "/proc/self/mounts", linkName: "/etc/resolv.conf")',
        'withSymlink(target: "passwd/x", linkName: "/etc/resolv.conf")',
        'withSymlink(target: "/etc", linkName: "/etc/resolv.conf")',
        'withNewFile(path: "/etc/resolv.conf/x", contents: "x")',
    ],
)
def test_resolvers_where_the_image_has_no_place_for_them(other: Engine, tmp_path: Path, there: str) -> None:
    """What lies there is there again after the step."""
    with other.session(workdir=tmp_path) as session:
        base = f'from(address: "busybox")\nwithoutFile(path: "/etc/resolv.conf")\n{there}'
        step = f'{base}\nwithExec(args: ["grep", "-m1", "nameserver", "/etc/resolv.conf"])'
        assert "nameserver" in session.chain(step, "stdout")
        assert session.chain(step, "rootfs { digest }") == session.chain(base, "rootfs { digest }")
        changed = (
            f'{base}\nwithExec(args: ["sh", "-c", "echo x > /etc/own"])\nwithExec(args: ["cat", "/etc/own"])'
        )
        assert session.chain(changed, "stdout") == "x\n"


def test_pipes_in_place_of_what_tells_of_users(other: Engine, tmp_path: Path) -> None:
    """Runtimes open these files, too."""
    with other.session(workdir=tmp_path) as session:
        pipes = "rm -f /etc/passwd /etc/group; mkfifo /etc/passwd /etc/group"
        base = f'from(address: "busybox")\nwithExec(args: ["sh", "-c", "{pipes}"])'
        step = f'{base}\nwithExec(args: ["echo", "done"])'
        assert session.chain(step, "stdout") == "done\n"
        assert session.chain(step, "rootfs { digest }") == session.chain(base, "rootfs { digest }")


def test_an_exec_with_everything(other: Engine, tmp_path: Path) -> None:
    with other.session(workdir=tmp_path) as session:
        secret = session.query('{ setSecret(name: "s", plaintext: "hidden-value") { id } }')["setSecret"][
            "id"
        ]
        tree = session.query('{ directory { withNewFile(path: "f", contents: "tree") { id } } }')[
            "directory"
        ]["withNewFile"]["id"]
        volume = session.query('{ cacheVolume(key: "all") { id } }')["cacheVolume"]["id"]
        steps = f"""
          from(address: "busybox")
          withUser(name: "nobody")
          withEnvVariable(name: "E", value: "v")
          withSecretVariable(name: "S", secret: "{secret}")
          withMountedSecret(path: "/run/s", source: "{secret}", owner: "nobody")
          withMountedDirectory(path: "/tree", source: "{tree}", owner: "nobody")
          withMountedCache(path: "/cache", cache: "{volume}", owner: "nobody")
          withMountedTemp(path: "/temp")
          withWorkdir(path: "/tree")
        """
        script = "id -un; pwd; echo $E $S; cat f /run/s; echo new > g; touch /cache/x && cat; hostname"
        done = session.chain(
            f'{steps}\nwithExec(args: ["sh", "-c", {json.dumps(script)}], stdin: "in\\n")', "stdout"
        )
        assert done.splitlines() == ["nobody", "/tree", "v ***", "tree***in", "dagger"]
        again = f'{steps}\nwithExec(args: ["sh", "-c", {json.dumps(script)}])\nwithExec(args: ["cat", "g"])'
        assert session.chain(again, "stdout") == "new\n"


def test_a_mount_in_a_mount_below_a_link_to_nothing_leaves_nothing(other: Engine, tmp_path: Path) -> None:
    with other.session(workdir=tmp_path) as session:
        tree = session.query('{ directory { withNewFile(path: "a/b", contents: "1") { id } } }')["directory"][
            "withNewFile"
        ]["id"]
        base = """
          from(address: "busybox")
          withSymlink(target: "../nowhere", linkName: "/var/link")
        """
        mounts = f"""
          withMountedDirectory(path: "/var/link/dir", source: "{tree}")
          withMountedTemp(path: "/var/link/dir/temp")
          withWorkdir(path: "/var/link/dir/a/work")
        """
        step = 'withExec(args: ["sh", "-c", "pwd -P; ls /nowhere/dir; touch /var/link/dir/temp/x"])'
        assert session.chain(f"{base}\n{mounts}\n{step}", "stdout") == "/nowhere/dir/a/work\na\ntemp\n"
        before = session.chain(base, "rootfs { digest }")
        assert session.chain(f"{base}\n{mounts}\n{step}", "rootfs { digest }") == before
        found = session.chain(
            f'{base}\n{mounts}\n{step}\ndirectory(path: "/var/link/dir")', 'glob(pattern: "**")'
        )
        assert found == ["a/", "a/b"]


def test_exit_codes_and_cancellation(other: Engine) -> None:
    with other.session() as session:
        with pytest.raises(GraphQLError, match="exit code: 7"):
            session.run("sh", "-c", "exit 7")
        with pytest.raises((TimeoutError, OSError)):
            session.query(
                '{container{from(address:"busybox"){withExec(args:["sleep","600"]){sync}}}}', timeout=1
            )
        assert session.run("echo", "on") == "on\n"


@pytest.mark.parametrize("mode", ["none", "host"])
def test_network_modes(make_engine: Callable[..., Engine], mode: str) -> None:
    engine = make_engine(KUKRI_NETWORK=mode)
    with engine.session() as session:
        names = set(session.run("ls", "/sys/class/net").split())
    engine.stop()
    # Interfaces of other engines' containers come and go meanwhile.
    steady = {name for name in os.listdir("/sys/class/net") if not name.startswith("k")}
    assert names == {"lo"} if mode == "none" else steady <= names


@pytest.mark.skipif(not _ROOT or shutil.which("setpriv") is None, reason="needs root to become somebody else")
@pytest.mark.xfail(strict=True, reason="the engine needs root so far")
def test_without_root(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make_engine()
    # Not below pytest's directories, which are closed for others.
    root = Path("/var/tmp") / f"kukri-rootless-{os.getpid()}"
    root.mkdir()
    program = root / "kukri"
    shutil.copy(binary(), program)
    try:
        subprocess.run(["chown", "-R", "65534:65534", str(root)], check=True)
        env = {
            **engine.env,
            "KUKRI_ROOT": str(root / "data"),
            "HOME": str(root),
            "XDG_RUNTIME_DIR": str(root),
        }
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(program)]
        with Session([*become, "session"], env=env, workdir=Path("/")) as session:
            steps = 'from(address: "busybox")\nwithExec(args: ["sh", "-c", "id -u; echo x > /etc/made"])'
            assert session.chain(steps, "stdout") == "0\n"
            assert session.chain(f'{steps}\nfile(path: "/etc/made")', "contents") == "x\n"
        subprocess.run([*become, "engine", "stop"], env=env, check=False)
    finally:
        shutil.rmtree(root, ignore_errors=True)
