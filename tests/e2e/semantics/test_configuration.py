"""Configuration of containers and where it comes from (protocol sections 5.1 and 5.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_5_1_scratch_says_nothing(q: Any) -> None:
    answer = q.session.query(
        "{ container { workdir user entrypoint defaultArgs mounts envVariables { name } labels { name } exposedPorts { port } platform } }"
    )["container"]
    assert answer.pop("platform").startswith("linux/")
    assert answer == {
        "workdir": "", "user": "", "entrypoint": [], "defaultArgs": [], "mounts": [],
        "envVariables": [], "labels": [], "exposedPorts": [],
    }  # fmt: skip


def test_5_1_absent_variables_and_labels_are_null(q: Any) -> None:
    answer = q.session.query('{ container { envVariable(name: "NO") label(name: "no") } }')["container"]
    assert answer == {"envVariable": None, "label": None}


def test_5_1_variables_keep_their_order_and_are_replaced_in_place(q: Any) -> None:
    secret = q.secret("order", "hidden")
    steps = f"""
        withEnvVariable(name: "B", value: "1")
        withEnvVariable(name: "A", value: "2")
        withSecretVariable(name: "S", secret: {secret})
        withEnvVariable(name: "B", value: "3")
        withoutEnvVariable(name: "NONE")
    """
    assert q.session.chain(steps, "envVariables { name value }") == [
        {"name": "B", "value": "3"},
        {"name": "A", "value": "2"},
    ]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("$A-${A}", "x-x"), ("$NONE.", "."), ("a$", "a$"), ("${A}b$A", "xbx")],
)
def test_5_1_expansion(q: Any, text: str, expanded: str) -> None:
    steps = 'withEnvVariable(name: "A", value: "x")\nwithEnvVariable(name: "B", value: %s, expand: %s)'
    assert q.session.chain(steps % (json.dumps(text), "true"), 'envVariable(name: "B")') == expanded
    assert q.session.chain(steps % (json.dumps(text), "false"), 'envVariable(name: "B")') == text


def test_4_5_expansion_of_secret_and_volatile_variables_is_refused(q: Any) -> None:
    secret = q.secret("expansion", "v")
    error = q.fails(
        "ask",
        f'withSecretVariable(name: "X", secret: {secret})\nwithWorkdir(path: "$X", expand: true)',
        "workdir",
    )
    assert 'expand cannot be used with secret env variable "X"' in error.message
    error = q.fails(
        "ask",
        'withVolatileVariable(name: "V", value: "1")\nwithExec(args: ["echo", "$V"], expand: true)',
        "stdout",
    )
    assert 'expand cannot be used with volatile env variable "V"' in error.message


def test_5_1_all_paths_expand_when_asked(q: Any) -> None:
    source, file = q.dir_id(a="1"), q.file_id("f", "2")
    secret, volume = q.secret("expanded-path", "expanded-path"), q.id('cacheVolume(key: "expanded-path")')
    config = f"""
        withEnvVariable(name: "D", value: "/base")
        withDirectory(path: "$D/copied", source: {source}, expand: true)
        withFile(path: "${{D}}/file", source: {file}, expand: true)
        withFiles(path: "$D/files", sources: [{file}], expand: true)
        withNewFile(path: "$D/new", contents: "3", expand: true)
        withSymlink(target: "$D/new", linkName: "$D/link", expand: true)
        withMountedDirectory(path: "$D/md", source: {source}, expand: true)
        withMountedFile(path: "$D/mf", source: {file}, expand: true)
        withMountedTemp(path: "$D/mt", expand: true)
        withMountedCache(path: "$D/mc", cache: {volume}, expand: true)
        withMountedSecret(path: "$D/ms", source: {secret}, expand: true)
    """
    mounts = [f"/base/{name}" for name in ("md", "mf", "mt", "mc", "ms")]
    assert q.session.chain(config, "mounts") == mounts
    assert q.session.chain(config, 'directory(path: "$D", expand: true) { entries }') == {
        "entries": ["copied/", "file", "files/", "link", "new"]
    }
    assert q.session.chain(config, 'file(path: "$D/link", expand: true) { contents }') == {"contents": "3"}
    assert q.session.chain(config, 'exists(path: "$D/copied/a", expand: true)') is True
    assert q.session.chain(config, 'exists(path: "$D/copied/a")') is False
    removed = f"""
        {config}
        withoutMount(path: "$D/md", expand: true)
        withoutFile(path: "$D/file", expand: true)
        withoutFiles(paths: ["$D/new", "$D/link"], expand: true)
        withoutDirectory(path: "$D/copied", expand: true)
    """
    assert q.session.chain(removed, "mounts") == mounts[1:]
    assert q.session.chain(removed, 'rootfs { directory(path: "base") { entries } }') == {
        "directory": {"entries": ["files/"]}
    }
    assert (
        q.session.chain(
            'withEnvVariable(name: "D", value: "/w")\nwithWorkdir(path: "$D/x", expand: true)', "workdir"
        )
        == "/w/x"
    )


def test_5_1_users_are_looked_up_when_a_command_runs(q: Any) -> None:
    before = """
        withUser(name: "late:later")
        withNewFile(path: "/etc/passwd", contents: "late:x:77:78::/home/late:/bin/sh\\n")
        withNewFile(path: "/etc/group", contents: "later:x:79:\\n")
    """
    assert q.sh("id -u; id -g; echo $HOME", before) == "77\n79\n/home/late\n"
    assert q.ask(before, "user") == "late:later"


def test_5_1_volatile_variables_are_seen_by_commands_and_can_be_removed(q: Any) -> None:
    set_it = 'withVolatileVariable(name: "V", value: "1")\nwithVolatileVariable(name: "V", value: "2")'
    assert q.sh("echo ${V:-none}", set_it) == "2\n"
    assert q.ask(set_it, "envVariables { name }") == [{"name": "PATH"}]
    assert q.sh("echo ${V:-gone}", f'{set_it}\nwithoutVolatileVariable(name: "V")') == "gone\n"


def test_5_1_secret_variables_can_be_removed(q: Any) -> None:
    secret = q.secret("removed", "removed-value")
    set_it = f'withSecretVariable(name: "S", secret: {secret})'
    assert q.sh("echo ${#S}", set_it) == "13\n"
    assert q.sh("echo ${S:-gone}", f'{set_it}\nwithoutSecretVariable(name: "S")') == "gone\n"
    shadow = f'withEnvVariable(name: "S", value: "plain")\n{set_it}'
    assert q.sh("echo ${#S}", shadow) == "13\n", "the later one counts"
    assert q.ask(shadow, 'envVariable(name: "S")') is None


def test_5_1_a_plain_variable_takes_the_place_of_a_secret_or_volatile_one(q: Any) -> None:
    secret = q.secret("replaced", "hidden-value")
    before = f"""
        withSecretVariable(name: "X", secret: {secret})
        withVolatileVariable(name: "Y", value: "volatile")
        withEnvVariable(name: "X", value: "plain-x")
        withEnvVariable(name: "Y", value: "plain-y")
    """
    assert q.sh("echo $X $Y", before) == "plain-x plain-y\n"


def test_5_1_the_later_of_two_kinds_of_variable_counts(q: Any) -> None:
    secret = q.secret("kinds-of-variables", "a-secret-value")
    kinds = {
        "plain": ('withEnvVariable(name: "X", value: "plain")', "5\n"),
        "volatile": ('withVolatileVariable(name: "X", value: "volatile")', "8\n"),
        "secret": (f'withSecretVariable(name: "X", secret: {secret})', "14\n"),
    }
    for first, _ in kinds.values():
        for then, length in kinds.values():
            assert q.sh("echo ${#X}", f"{first}\n{then}") == length, (first, then)
    both = f'{kinds["volatile"][0]}\n{kinds["secret"][0]}\nwithoutSecretVariable(name: "X")'
    assert q.sh("echo ${X:-gone}", both) == "gone\n"


def test_5_1_a_container_has_the_platform_it_was_made_for(q: Any) -> None:
    for given, canonical in [
        ("linux/x86_64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
    ]:
        found = q.session.chain(
            'withLabel(name: "a", value: "b")', "platform", root=f'container(platform: "{given}")'
        )
        assert found == canonical


def test_5_1_relative_working_directories_join(q: Any) -> None:
    steps = 'withWorkdir(path: "/a")\nwithWorkdir(path: "b/../c//d/")'
    assert q.session.chain(steps, "workdir") == "/a/c/d"
    assert q.session.chain(steps + '\nwithWorkdir(path: "../../..")', "workdir") == "/"
    assert q.session.chain(steps + "\nwithoutWorkdir", "workdir") == ""


def test_5_1_a_missing_working_directory_is_made_for_the_user(q: Any) -> None:
    before = 'withUser(name: "nobody")\nwithWorkdir(path: "/new/deep")'
    assert (
        q.sh("pwd; stat -c %u:%g /new/deep; touch x && echo written", before)
        == "/new/deep\n65534:65534\nwritten\n"
    )


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("nobody", "65534:65534"),
        ("65534", "65534:65534"),
        ("nobody:users", "65534:100"),
        ("1234:5678", "1234:5678"),
        ("1234", "1234:0"),
        ("0", "0:0"),
    ],
)
def test_5_1_users(q: Any, user: str, ids: str) -> None:
    assert q.sh("echo $(id -u):$(id -g)", f'withUser(name: "{user}")') == f"{ids}\n"


def test_5_1_an_unknown_user_is_an_error_that_names_it(q: Any) -> None:
    assert "ghost" in q.fails("sh", "id", 'withUser(name: "ghost")').message
    assert q.sh("id -u", 'withUser(name: "nobody")\nwithoutUser') == "0\n"


def test_5_1_entrypoints_clear_default_arguments_unless_told(q: Any) -> None:
    set_args = 'withDefaultArgs(args: ["a"])\n'
    for step, kept in [
        ('withEntrypoint(args: ["e"])', []),
        ('withEntrypoint(args: ["e"], keepDefaultArgs: true)', ["a"]),
        ("withoutEntrypoint", []),
        ("withoutEntrypoint(keepDefaultArgs: true)", ["a"]),
        ("withoutDefaultArgs", []),
        ("withDefaultArgs(args: [])", []),
    ]:
        assert q.session.chain(set_args + step, "defaultArgs") == kept, step


def test_5_1_labels(q: Any) -> None:
    steps = 'withLabel(name: "a", value: "1")\nwithLabel(name: "a", value: "2")\nwithLabel(name: "b", value: "3")\nwithoutLabel(name: "b")'
    assert q.session.chain(steps, "labels { name value }") == [{"name": "a", "value": "2"}]


def test_5_1_exposed_ports_replace_by_port_and_protocol(q: Any) -> None:
    steps = """
        withExposedPort(port: 80, description: "old")
        withExposedPort(port: 80, description: "new", experimentalSkipHealthcheck: true)
        withExposedPort(port: 80, protocol: UDP)
        withExposedPort(port: 81)
        withoutExposedPort(port: 81)
    """
    fields = "exposedPorts { port protocol description experimentalSkipHealthcheck }"
    assert q.session.chain(steps, fields) == [
        {"port": 80, "protocol": "TCP", "description": "new", "experimentalSkipHealthcheck": True},
        {"port": 80, "protocol": "UDP", "description": None, "experimentalSkipHealthcheck": False},
    ]


def test_5_1_with_error_fails_what_comes_later(q: Any) -> None:
    assert q.ask('withError(err: "")', "workdir") is not None
    for leaf in [
        "sync",
        "stdout",
        'file(path: "/etc/passwd") { contents }',
        "rootfs { entries }",
        'exists(path: "/etc")',
        'directory(path: "/etc") { entries }',
        "asTarball { size }",
        'export(path: "x.tar")',
        'publish(address: "127.0.0.1:1/x")',
        'withEnvVariable(name: "A", value: "later") { exitCode }',
    ]:
        error = q.fails("ask", 'withError(err: "on purpose")\nwithExec(args: ["true"])', leaf)
        assert error.message == "on purpose", leaf
        assert error.extensions is None


@pytest.mark.parametrize(
    "leaf",
    [
        "workdir", "user", "platform", "entrypoint", "defaultArgs", "mounts", "imageRef", "envVariables { name }",
        'envVariable(name: "A")', "labels { name }", 'label(name: "a")', "exposedPorts { port }",
        "dockerHealthcheck { args }", 'stat(path: "/") { size }',
    ],
)  # fmt: skip
def test_5_1_with_error_fails_getters_too(q: Any, leaf: str) -> None:
    error = q.fails("session_chain", 'withError(err: "on purpose")\nwithLabel(name: "b", value: "c")', leaf)
    assert (error.message, error.extensions) == ("on purpose", None)


def test_5_1_with_error_holds_for_what_is_made_of_it(q: Any) -> None:
    """The last error counts; neither an image nor a root file system nor an empty error takes it away."""
    root = q.dir_id(a="1")
    for steps, message in [
        ('withError(err: "one")\nwithError(err: "two")', "two"),
        ('withError(err: "one")\nwithError(err: "")', "one"),
        ('withError(err: "one")\nfrom(address: "busybox")', "one"),
        (f'withError(err: "one")\nwithRootfs(directory: {root})', "one"),
        ('withError(err: "one")\nrootfs\nwithNewFile(path: "a", contents: "")', "one"),
    ]:
        assert q.fails("session_chain", steps, "sync").message == message, steps
    broken = q.session.chain('withError(err: "of the source")', "rootfs { id }")["id"]
    step = f'withMountedDirectory(path: "/m", source: "{broken}")\nwithExec(args: ["true"])'
    assert q.fails("ask", step, "sync").message == "of the source"


def test_5_1_an_empty_error_changes_nothing(q: Any) -> None:
    assert q.ask('withError(err: "")', "imageRef") == q.ask("", "imageRef")
    assert q.ask('withExec(args: ["echo", "hi"])\nwithError(err: "")', "stdout") == "hi\n"


def test_5_1_with_rootfs_keeps_configuration_and_mounts(q: Any) -> None:
    root, mounted = q.dir_id(a="1"), q.dir_id(b="2")
    steps = f"""
        withEnvVariable(name: "A", value: "kept")
        withMountedDirectory(path: "/m", source: {mounted})
        withRootfs(directory: {root})
    """
    assert q.session.chain(steps, "rootfs { entries }") == {"entries": ["a"]}
    assert q.session.chain(steps, "mounts") == ["/m"]
    assert q.session.chain(steps, 'envVariable(name: "A")') == "kept"


def test_5_2_from_replaces_the_configuration_but_merges_variables_labels_and_ports(q: Any) -> None:
    mounted = q.dir_id(b="2")
    steps = f"""
        withEnvVariable(name: "OWN", value: "kept")
        withEnvVariable(name: "PATH", value: "/nowhere")
        withLabel(name: "own", value: "kept")
        withExposedPort(port: 80)
        withEntrypoint(args: ["gone"])
        withUser(name: "gone")
        withMountedDirectory(path: "/m", source: {mounted})
        from(address: "busybox")
    """
    assert q.session.chain(steps, "entrypoint") == []
    assert q.session.chain(steps, "user") == ""
    assert q.session.chain(steps, "mounts") == ["/m"]
    assert q.session.chain(steps, 'label(name: "own")') == "kept"
    assert q.session.chain(steps, "exposedPorts { port }") == [{"port": 80}]
    names = [variable["name"] for variable in q.session.chain(steps, "envVariables { name }")]
    assert names[0] == "OWN"
    assert q.session.chain(steps, 'envVariable(name: "PATH")') == q.ask("", 'envVariable(name: "PATH")')


def test_5_2_from_keeps_secrets_and_volatile_variables(q: Any) -> None:
    secret = q.secret("kept-by-from", "kept-by-from-value")
    steps = f"""
        withSecretVariable(name: "S", secret: {secret})
        withMountedSecret(path: "/run/s", source: {secret})
        withVolatileVariable(name: "V", value: "volatile")
        withAnnotation(name: "a", value: "1")
        from(address: "busybox")
        withExec(args: ["sh", "-c", "echo ${{#S}} $V; wc -c < /run/s"])
    """
    assert q.session.chain(steps, "stdout") == "18 volatile\n18\n"


def test_5_2_image_reference(q: Any) -> None:
    reference = q.ask("", "imageRef")
    assert reference.startswith("docker.io/library/busybox:latest@sha256:")
    again = q.session.chain(f"from(address: {json.dumps(reference)})", "imageRef")
    assert again.rpartition("@")[2] == reference.rpartition("@")[2]
    for step in [
        'withEnvVariable(name: "A", value: "1")',
        'withExec(args: ["true"])',
        'withNewFile(path: "/a", contents: "")',
    ]:
        error = q.fails("ask", step, "imageRef")
        assert error.message.startswith(
            "Image reference can only be retrieved immediately after the 'Container.From' call."
        ), step


def test_5_2_a_reference_that_does_not_exist(q: Any) -> None:
    error = q.fails("ask", 'from(address: "nobody/nothing:1")', "imageRef")
    assert error.message.startswith('failed to resolve image "docker.io/nobody/nothing:1" (platform: "linux/')


def test_5_2_stdout_after_from_needs_a_new_exec(q: Any) -> None:
    assert "no command has been set" in q.fails("sh", "echo a", after='from(address: "busybox")').message


def test_5_2_a_digest_is_resolved_once_for_all(
    make_engine: Any, registry: Any, asker: Any, tmp_path: Any
) -> None:
    engine = make_engine()
    with engine.session(workdir=tmp_path) as session:
        reference = asker(session).ask("", "imageRef")
        assert asker(session).sh("echo pulled") == "pulled\n"
    engine.stop()
    engine.env["KUKRI_REGISTRY_MIRRORS"] = "docker.io=http://127.0.0.1:9"
    with engine.session(workdir=tmp_path) as session:
        steps = f'from(address: {json.dumps(reference)})\nwithExec(args: ["echo", "offline"])'
        assert session.chain(steps, "stdout") == "offline\n"
        plain = f"from(address: {json.dumps(reference.replace(':latest', ''))})"
        assert session.chain(plain, "imageRef").endswith(reference.rpartition("@")[2])


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ("asService { hostname }", "services"),
        ("up", "services"),
        ("terminal { sync }", "terminals"),
        ('withDefaultTerminalCmd(args: ["sh"]) { sync }', "terminals"),
        ("experimentalWithAllGPUs { sync }", "GPUs"),
        ('experimentalWithGPU(devices: ["0"]) { sync }', "GPUs"),
    ],
)
def test_5_9_what_is_not_available_yet_says_so(q: Any, step: str, word: str) -> None:
    error = q.fails("session_query", f"{{ container {{ {step} }} }}")
    assert word in error.message and step.split("(", maxsplit=1)[0].split(maxsplit=1)[0] in error.message


def test_5_4_removing_a_socket_that_is_not_there_is_no_error(q: Any) -> None:
    assert q.session.chain('withWorkdir(path: "/w")\nwithoutUnixSocket(path: "/sock")', "workdir") == "/w"


def test_5_1_reading_the_configuration_runs_nothing(q: Any) -> None:
    """`docs/reference/differences.md`: a command that fails, and one that would run for ever, are no hindrance."""
    steps = """
        withEnvVariable(name: "A", value: "1")
        withExec(args: ["false"])
        withExec(args: ["sleep", "1000000"])
        withLabel(name: "l", value: "v")
        withWorkdir(path: "/w")
    """
    assert q.ask(steps, "workdir") == "/w"
    assert q.ask(steps, 'envVariable(name: "A")') == "1"
    assert q.ask(steps, "labels { name value }") == [{"name": "l", "value": "v"}]
    assert q.ask(steps, "mounts") == [] and q.ask(steps, "platform").startswith("linux/")
