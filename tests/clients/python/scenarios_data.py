"""What goes in and out: texts, bytes, files, images, secrets, cache volumes."""

import os
import tarfile
from pathlib import Path

import dagger
from dagger import dag
from harness import busybox, equal, holds, mark, raises, scenario, sha256

MEBI = 1 << 20


@scenario("large")
async def large() -> None:
    line = "0123456789abcdef" * 4 + "\n"
    wanted = line * (6 * MEBI // len(line))
    script = f"yes {line.strip()} | head -n {len(wanted) // len(line)}; echo {mark('large')} >&2"
    equal(await busybox().with_exec(["sh", "-c", script]).stdout(), wanted)
    text = line * (3 * MEBI // len(line))
    file = dag.directory().with_new_file("large.txt", text).file("large.txt")
    equal(await file.size(), len(text))
    equal(await file.contents(), text)
    summed = (
        await busybox().with_mounted_file("/large.txt", file).with_exec(["sha256sum", "/large.txt"]).stdout()
    )
    equal(summed.split()[0], sha256(text.encode()))


@scenario("unicode")
async def unicode() -> None:
    text = 'Grüße, 世界 🚀 e\u0301 "quoted" \\back\\ $HOME `x` \u2028 \x7f'
    path = "ünï/世界 🚀.txt"
    contents = f"{text}\r\n\ttab \x01\x1b end"
    tree = dag.directory().with_new_file(path, contents)
    equal(await tree.entries(), ["ünï/"])
    equal(await tree.glob("**/*.txt"), [path])
    equal(await tree.file(path).contents(), contents)
    container = busybox().with_env_variable("TEXT", text).with_label("text", text)
    equal(await container.env_variable("TEXT"), text)
    equal(await container.label("text"), text)
    script = 'printf "%s|%s" "$TEXT" "$1"'
    equal(await container.with_exec(["sh", "-c", script, "sh", text]).stdout(), f"{text}|{text}")
    shown = container.with_mounted_directory("/mnt", tree).with_exec(["cat", f"/mnt/{path}"])
    equal(await shown.stdout(), contents)
    with raises(dagger.QueryError, "世界"):
        await tree.file("世界").contents()


@scenario("binary")
async def binary() -> None:
    content = Path("bytes.bin").read_bytes()
    file = dag.host().file("bytes.bin")
    equal(await file.size(), len(content))
    copied = busybox().with_file("/in", file).with_exec(["sh", "-c", "cat /in /in > /out; sha256sum /out"])
    equal((await copied.stdout()).split()[0], sha256(content + content))
    await copied.file("/out").export("binary.out")
    equal(sha256(Path("binary.out").read_bytes()), sha256(content + content))


@scenario("export")
async def export() -> None:
    made = busybox().with_exec(
        [
            "sh",
            "-c",
            "mkdir -p /o/sub; echo a > /o/a; echo x > /o/sub/x; chmod 750 /o/sub/x; ln -s sub/x /o/link",
        ]
    )
    equal(await made.directory("/o").export("exported"), str(Path("exported").absolute()))
    equal(sorted(os.listdir("exported")), ["a", "link", "sub"])
    equal((os.readlink("exported/link"), os.stat("exported/sub/x").st_mode & 0o777), ("sub/x", 0o750))
    equal(await made.file("/o/a").export("file.txt"), str(Path("file.txt").absolute()))
    equal(Path("file.txt").read_text(), "a\n")
    equal(await dag.host().directory("exported").glob("**"), ["a", "link", "sub/", "sub/x"])

    image = made.with_entrypoint(["cat"]).with_env_variable("KEPT", "yes")
    equal(await image.export("image.tar"), str(Path("image.tar").absolute()))
    with tarfile.open("image.tar") as tar:
        holds({"index.json", "oci-layout"} <= set(tar.getnames()), "this is no OCI archive")
    for archive in (dag.host().file("image.tar"), image.as_tarball()):
        again = dag.container().import_(archive)
        equal((await again.entrypoint(), await again.env_variable("KEPT")), (["cat"], "yes"))
        equal(await again.with_exec(["/o/sub/x"], use_entrypoint=True).stdout(), "x\n")


@scenario("secrets")
async def secrets() -> None:
    value = os.environ["CLIENTS_SECRET"]
    Path("secret.txt").write_text(value)
    three = [
        dag.set_secret(mark("set"), value),
        dag.secret("env://CLIENTS_SECRET"),
        dag.secret("file://secret.txt"),
    ]
    for secret in three:
        container = (
            busybox()
            .with_env_variable("NOW", os.urandom(8).hex())
            .with_secret_variable("TOKEN", secret)
            .with_mounted_secret("/run/token", secret)
        )
        script = 'echo "${#TOKEN} $TOKEN"; cat /run/token; echo "err $TOKEN" >&2; test "$TOKEN" = "$(cat /run/token)"'
        done = container.with_exec(["sh", "-c", script])
        equal(await done.stdout(), f"{len(value)} ***\n***")
        equal(await done.stderr(), "err ***\n")
        with raises(dagger.ExecError) as caught:
            await container.with_exec(["sh", "-c", "echo $TOKEN; cat /run/token >&2; exit 1"]).sync()
        error = caught[0]
        assert isinstance(error, dagger.ExecError)
        equal((error.stdout, error.stderr), ("***", "***"))
        holds(value not in repr(error.errors), "the secret is in the error")
        equal(await secret.plaintext(), value)
        # Nothing is left where it was mounted.
        equal(await done.rootfs().exists("run/token"), False)
    equal(await three[0].name(), mark("set"))
    with raises(dagger.QueryError, "secret env var not found"):
        await (
            busybox()
            .with_secret_variable("T", dag.secret("env://CLIENTS_NOT_SET"))
            .with_exec(["true"])
            .sync()
        )


@scenario("cache")
async def cache() -> None:
    def step(key: str, script: str) -> dagger.Container:
        container = busybox().with_env_variable("NOW", os.urandom(8).hex())
        return container.with_mounted_cache("/cache", dag.cache_volume(key)).with_exec(["sh", "-c", script])

    await step(mark("one"), "echo first >> /cache/log").sync()
    await step(mark("one"), "echo second >> /cache/log").sync()
    equal(await step(mark("one"), "cat /cache/log").stdout(), "first\nsecond\n")
    equal(await step(mark("two"), "ls /cache").stdout(), "")
    # What is in a volume belongs to no container.
    with raises(dagger.QueryError, "cannot retrieve path from cache"):
        await step(mark("one"), "true").file("/cache/log").contents()


@scenario("host")
async def host() -> None:
    everything = ["a.txt", "b.log", "sub/", "sub/c.txt", "sub/d.log", "sub/deep/", "sub/deep/e.txt"]
    equal(await dag.host().directory("tree").glob("**"), everything)
    texts = dag.host().directory("tree", include=["**/*.txt"])
    equal(await texts.glob("**"), ["a.txt", "sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"])
    fewer = dag.host().directory("tree", exclude=["**/*.log", "sub/deep"])
    equal(await fewer.glob("**"), ["a.txt", "sub/", "sub/c.txt"])
    both = dag.host().directory("tree", include=["sub"], exclude=["**/*.log"])
    equal(await both.glob("**"), ["sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"])
    equal(await dag.host().file("tree/sub/c.txt").contents(), "c\n")
    equal(await dag.host().directory(str(Path("tree").absolute())).entries(), ["a.txt", "b.log", "sub/"])
    with raises(dagger.QueryError, "no-such-directory"):
        await dag.host().directory("no-such-directory").entries()


@scenario("registry")
async def registry() -> None:
    digest = os.environ["CLIENTS_DIGEST"]
    name = f"docker.io/library/alpine:3.20@{digest}"
    equal(await dag.container().from_("alpine:3.20").image_ref(), name)
    pinned = dag.container().from_(f"alpine@{digest}")
    equal(await pinned.with_exec(["echo", "pinned"]).stdout(), "pinned\n")
    equal(await pinned.default_args(), ["sh"])
    equal(await dag.container().from_("alpine").default_args(), ["latest"])
    with raises(dagger.QueryError, "library/not-there"):
        await dag.container().from_("not-there:1").sync()
