"""`withExec` and the container's configuration that it sees."""

import json

import pytest
from session import GraphQLError, Session


def sh(session: Session, script: str, before: str = "", **options: str) -> str:
    return session.run("sh", "-c", script, before=before, **options)


def fails(session: Session, steps: str, leaf: str = "sync") -> GraphQLError:
    with pytest.raises(GraphQLError) as caught:
        session.chain(f'from(address: "busybox")\n{steps}', leaf)
    return caught.value


def test_output_is_not_trimmed_and_streams_are_apart(session: Session) -> None:
    step = 'from(address: "busybox")\nwithExec(args: ["sh", "-c", "printf \' a\\\\n\\\\n\'; echo b >&2"])'
    assert session.chain(step, "stdout", "stderr", "exitCode") == {
        "stdout": " a\n\n",
        "stderr": "b\n",
        "exitCode": 0,
    }
    both = 'from(address: "busybox")\nwithExec(args: ["sh", "-c", "echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3"])'
    assert session.chain(both, "combinedOutput") == "1\n2\n3\n"


def test_the_last_exec_counts(session: Session) -> None:
    steps = 'from(address: "busybox")\nwithExec(args: ["echo", "1"])\nwithExec(args: ["echo", "2"])\nwithWorkdir(path: "/x")'
    assert session.chain(steps, "stdout") == "2\n"
    assert "no command has been set" in fails(session, "", "stdout").message


@pytest.mark.parametrize(
    ("code", "expect", "accepted"),
    [
        (0, "SUCCESS", True), (1, "SUCCESS", False), (0, "FAILURE", False), (1, "FAILURE", True), (127, "FAILURE", True),
        (128, "FAILURE", False), (191, "ANY", False), (192, "ANY", True), (255, "FAILURE", True), (0, "ANY", True),
    ],
)  # fmt: skip
def test_expected_exit_codes(session: Session, code: int, expect: str, accepted: bool) -> None:
    step = f'from(address: "busybox")\nwithExec(args: ["sh", "-c", "exit {code}"], expect: {expect})'
    if accepted:
        assert session.chain(step, "exitCode") == code
    else:
        with pytest.raises(GraphQLError, match=f"exit code: {code}"):
            session.chain(step, "exitCode")


def test_exec_errors_have_five_keys(session: Session) -> None:
    step = 'withEnvVariable(name: "V", value: "val")\nwithEntrypoint(args: ["sh", "-c"])\n'
    step += "withExec(args: [\"echo out; echo ' err' >&2; exit 42 # $V\"], useEntrypoint: true, expand: true)"
    error = fails(session, step)
    assert "exit code: 42" in error.message
    # Two more that are ours: the number of the step in progress events, and the call that it ran for.
    assert error.extensions.pop("step") > 0
    assert error.extensions.pop("call").startswith("Container.")
    assert error.extensions == {
        "_type": "EXEC_ERROR",
        "cmd": ["sh", "-c", "echo out; echo ' err' >&2; exit 42 # val"],
        "exitCode": 42,
        "stdout": "out",
        "stderr": "err",
    }
    assert error.path == ["container", "from", "withEnvVariable", "withEntrypoint", "withExec", "sync"]


def test_other_errors_have_no_extensions(session: Session) -> None:
    error = fails(session, 'withNewFile(path: "/f", contents: "")\nfile(path: "/none")', "contents")
    assert all("extensions" not in each for each in error.errors)
    assert "no such file or directory" in error.message


@pytest.mark.parametrize(("size", "omitted"), [(102399, None), (102400, 0), (150000, 47600)])
def test_long_output_of_errors_is_cut_at_the_front(session: Session, size: int, omitted: int | None) -> None:
    script = f"head -c {size} /dev/zero | tr '\\\\0' x; exit 1"
    text = fails(session, f'withExec(args: ["sh", "-c", "{script}"])').extensions["stdout"]
    if omitted is None:
        assert text == "x" * size
    else:
        mark = f"[omitting {omitted} bytes]..."
        assert text == mark + "x" * (102400 - len(mark))


def test_standard_input(session: Session) -> None:
    assert session.run("cat", stdin='"line\\n"') == "line\n"
    assert session.run("cat") == ""
    assert (
        session.run("cat", before='withNewFile(path: "/in", contents: "file")', redirectStdin='"/in"')
        == "file"
    )
    error = fails(session, 'withExec(args: ["cat"], stdin: "x", redirectStdin: "/in")')
    assert "cannot set both stdin and redirectStdin" in error.message


def test_redirects(session: Session) -> None:
    steps = 'from(address: "busybox")\nwithWorkdir(path: "/work")\n'
    steps += (
        'withExec(args: ["sh", "-c", "echo o; echo e >&2"], redirectStdout: "out", redirectStderr: "/abs")'
    )
    assert session.chain(steps, "stdout", "stderr") == {"stdout": "o\n", "stderr": "e\n"}
    assert session.chain(steps + '\nfile(path: "/work/out")', "contents") == "o\n"
    assert session.chain(steps + '\nfile(path: "/abs")', "contents") == "e\n"
    assert session.chain(steps + '\nfile(path: "out")\nstat', "permissions") == 0o600


def test_environment_and_expansion(session: Session) -> None:
    env = 'withEnvVariable(name: "A", value: "one")\nwithEnvVariable(name: "B", value: "${A}-$A-$NONE.", expand: true)\n'
    env += 'withEnvVariable(name: "C", value: "$A")'
    assert sh(session, "echo $B $C; echo $PATH", env).splitlines()[0] == "one-one-. $A"
    assert session.run("echo", "$A", "${B}", before=env, expand="true") == "one one-one-.\n"
    assert session.run("echo", "$A", before=env) == "$A\n"
    steps = f'from(address: "busybox")\n{env}\nwithoutEnvVariable(name: "A")'
    assert session.chain(steps, 'a: envVariable(name: "A")', 'b: envVariable(name: "B")') == {
        "a": None,
        "b": "one-one-.",
    }


def test_expansion_of_secrets_is_refused(session: Session) -> None:
    name = session.query('{ setSecret(name: "x", plaintext: "y") { id } }')["setSecret"]["id"]
    error = fails(
        session,
        f'withSecretVariable(name: "S", secret: "{name}")\nwithExec(args: ["echo", "$S"], expand: true)',
    )
    assert 'expand cannot be used with secret env variable "S"' in error.message


def test_working_directory(session: Session) -> None:
    assert session.run("pwd") == "/\n"
    assert session.run("pwd", before='withWorkdir(path: "/a")\nwithWorkdir(path: "b/../c")') == "/a/c\n"
    steps = 'from(address: "busybox")\nwithUser(name: "nobody")\nwithWorkdir(path: "/made")'
    assert (
        session.chain(f'{steps}\nwithExec(args: ["sh", "-c", "id -un; touch /made/x && echo ok"])', "stdout")
        == "nobody\nok\n"
    )


def test_users_groups_and_home(session: Session) -> None:
    assert sh(session, "id -u; echo $HOME") == "0\n/root\n"
    # Supplementary groups come from /etc/group, unless a group is named.
    assert sh(session, "id -u; id -g; id -G; echo $HOME", 'withUser(name: "nobody")').split("\n")[:4] == [
        "65534", "65534", "65534 100", "/home"
    ]  # fmt: skip
    assert sh(session, "id -u; id -g; id -G", 'withUser(name: "65534:100")').split() == [
        "65534",
        "100",
        "100",
    ]
    assert sh(session, "echo $HOME", 'withEnvVariable(name: "HOME", value: "/mine")') == "/mine\n"
    assert sh(session, "echo $HOME", 'withUser(name: "4711")') == "/\n"


def test_entrypoint_and_default_arguments(session: Session) -> None:
    entry = 'withEntrypoint(args: ["echo", "entry"])\nwithDefaultArgs(args: ["default"])'
    assert session.run("x", before=entry, image="busybox", useEntrypoint="true") == "entry x\n"
    assert (
        session.chain(f'from(address: "busybox")\n{entry}\nwithExec(args: [], useEntrypoint: true)', "stdout")
        == "entry default\n"
    )
    cleared = 'withDefaultArgs(args: ["d"])\nwithEntrypoint(args: ["e"])'
    assert session.chain(f'from(address: "busybox")\n{cleared}', "defaultArgs", "entrypoint") == {
        "defaultArgs": [],
        "entrypoint": ["e"],
    }
    assert (
        "no command has been set" in fails(session, "withDefaultArgs(args: [])\nwithExec(args: [])").message
    )


def test_a_program_that_is_not_there(session: Session) -> None:
    error = fails(session, 'withExec(args: ["no-such-program"])')
    assert "no-such-program" in error.message or "no-such-program" in json.dumps(error.extensions)


def test_files_stay_from_step_to_step_but_proc_and_dev_are_fresh(session: Session) -> None:
    steps = 'from(address: "busybox")\nwithExec(args: ["sh", "-c", "echo x > /tmp/stays; echo x > /dev/shm/goes"])\n'
    steps += 'withExec(args: ["sh", "-c", "cat /tmp/stays; ls /dev/shm | wc -l; hostname; ls /proc/self/fd | wc -l"])'
    stays, gone, hostname, descriptors = session.chain(steps, "stdout").split()
    assert (stays, gone, hostname) == ("x", "0", "dagger")
    assert int(descriptors) <= 5


def test_background_processes_end_with_the_step(session: Session) -> None:
    assert sh(session, "sleep 1000 & echo started") == "started\n"
    assert sh(session, "echo $$; ps | grep -c '[s]leep 1000'; true").split()[1] == "0"


def test_privileges(session: Session) -> None:
    assert int(sh(session, "grep CapEff /proc/self/status").split()[1], 16) < 1 << 32
    assert sh(session, "mount -t tmpfs x /tmp 2>&1 || echo refused").splitlines()[-1] == "refused"
    assert (
        sh(session, "mount -t tmpfs x /tmp && echo mounted", insecureRootCapabilities="true") == "mounted\n"
    )


def test_networks_have_a_loopback_and_names(session: Session) -> None:
    script = "(echo hello | nc -l -p 7777 &) ; sleep 0.3; nc 127.0.0.1 7777; grep -c localhost /etc/hosts"
    lines = sh(session, script).splitlines()
    assert lines[0] == "hello" and int(lines[1]) >= 1


def test_containers_without_image(session: Session) -> None:
    found = session.query("{ container { workdir user entrypoint envVariables { name } platform } }")[
        "container"
    ]
    assert (found["workdir"], found["user"], found["entrypoint"], found["envVariables"]) == ("", "", [], [])
    assert found["platform"].startswith("linux/")


def test_labels_ports_and_annotations(session: Session) -> None:
    steps = 'withLabel(name: "a", value: "1")\nwithExposedPort(port: 80)\nwithExposedPort(port: 53, protocol: UDP, description: "dns")'
    found = session.chain(steps, 'label(name: "a")', "exposedPorts { port protocol description }")
    assert found["label"] == "1"
    assert found["exposedPorts"] == [
        {"port": 80, "protocol": "TCP", "description": None},
        {"port": 53, "protocol": "UDP", "description": "dns"},
    ]
    assert session.chain(f"{steps}\nwithoutExposedPort(port: 80)", "exposedPorts { port }") == [{"port": 53}]
