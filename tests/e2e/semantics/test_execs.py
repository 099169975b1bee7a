"""Commands: options, environment, secrets, errors (protocol sections 4.2, 5.3, 5.6, 5.7)."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from session import GraphQLError

#: Where Debian has the certificates of authorities.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def rootfs_digest(q: Any, steps: str) -> str:
    return str(q.ask(steps, "rootfs { digest }")["digest"])


def test_5_3_an_exec_that_changes_nothing_leaves_no_difference(q: Any) -> None:
    mounted, secret, volume = q.dir_id(a="1"), q.secret("stub", "x"), q.id('cacheVolume(key: "stubs")')
    file = q.file_id("f", "1")
    config = f"""
        withWorkdir(path: "/made/for/this")
        withMountedDirectory(path: "/mnt/dir/deep", source: {mounted})
        withMountedDirectory(path: "/mnt/dir/deep/inner/mount", source: {mounted})
        withMountedFile(path: "/mnt/file", source: {file})
        withMountedTemp(path: "/mnt/temp")
        withMountedCache(path: "/mnt/cache", cache: {volume})
        withMountedSecret(path: "/run/secrets/x", source: {secret})
        withMountedSecret(path: "/mnt/dir/deep/secret", source: {secret})
    """
    before = rootfs_digest(q, "")
    for config_steps in ["", config]:
        for options in ["", ", noInit: true", ", insecureRootCapabilities: true"]:
            steps = f'{config_steps}\nwithExec(args: ["true"]{options})'
            assert rootfs_digest(q, steps) == before, (config_steps, options)
            assert q.ask("rootfs", f"diff(other: {q.id_of_rootfs(steps)}) {{ entries }}") == {"entries": []}
    after = q.ask(
        f'{config}\nwithExec(args: ["true"])', 'directory(path: "/mnt/dir/deep") { entries digest }'
    )
    plain = q.ask(config, 'directory(path: "/mnt/dir/deep") { entries digest }')
    assert after == plain


def test_5_3_files_in_the_image_that_the_engine_covers_are_as_before(q: Any) -> None:
    steps = (
        'withNewFile(path: "/etc/hosts", contents: "mine\\n")\nwithExec(args: ["sh", "-c", "cat /etc/hosts"])'
    )
    assert "mine" not in q.ask(steps, "stdout")
    assert q.ask(steps, 'file(path: "/etc/hosts") { contents }') == {"contents": "mine\n"}


def test_5_3_no_arguments(q: Any) -> None:
    assert "no command has been set" in q.fails("session_chain", "withExec(args: [])", "stdout").message
    assert q.ask('withDefaultArgs(args: ["echo", "default"])\nwithExec(args: [])', "stdout") == "default\n"
    steps = 'withEntrypoint(args: ["echo", "entry"])\nwithExec(args: ["arg"], useEntrypoint: true)'
    assert q.ask(steps, "stdout") == "entry arg\n"
    assert (
        q.ask('withEntrypoint(args: ["false"])\nwithExec(args: ["echo", "no entry"])', "stdout")
        == "no entry\n"
    )


def test_5_3_stdin_and_redirect_stdin_exclude_each_other(q: Any) -> None:
    error = q.fails("sh", "cat", stdin='"a"', redirectStdin='"/etc/passwd"')
    assert "cannot set both stdin and redirectStdin" in error.message


def test_5_3_redirected_output(q: Any) -> None:
    mounted, volume = q.dir_id(a="1"), q.id('cacheVolume(key: "redirects")')
    config = f"""
        withUser(name: "nobody")
        withWorkdir(path: "/tmp")
        withMountedDirectory(path: "/mnt", source: {mounted})
        withMountedCache(path: "/cache", cache: {volume})
    """
    options = {"redirectStdout": '"out"', "redirectStderr": '"/mnt/err"'}
    assert q.sh("echo out; echo err >&2", config, **options) == "out\n"
    assert q.sh("echo out; echo err >&2", config, leaf="stderr", **options) == "err\n"
    again = 'withUser(name: "root")\nwithExec(args: ["sh", "-c", "stat -c %a:%u /tmp/out /mnt/err; cat /tmp/out /mnt/err"])'
    assert q.sh("echo out; echo err >&2", config, again, **options) == "600:65534\n600:65534\nout\nerr\n"
    look = 'withUser(name: "root")\nwithExec(args: ["cat", "/cache/log"])'
    assert q.sh("echo to the cache", config, look, redirectStdout='"/cache/log"') == "to the cache\n"


def test_5_3_one_file_for_both_outputs_has_both(q: Any) -> None:
    """As with `>file 2>&1`, also where a link leads to the same file."""
    mounted, volume = q.dir_id(a="1"), q.id('cacheVolume(key: "both outputs")')
    config = f"""
        withWorkdir(path: "/tmp")
        withMountedDirectory(path: "/mnt", source: {mounted})
        withMountedCache(path: "/cache", cache: {volume})
        withSymlink(target: "real", linkName: "/link")
    """
    for out, err in [
        ("both", "/tmp/./both"),
        ("/mnt/a", "/mnt/a"),
        ("/cache/f", "/cache/f"),
        ("/link", "/real"),
    ]:
        options = {"redirectStdout": f'"{out}"', "redirectStderr": f'"{err}"'}
        look = f'withExec(args: ["cat", "{err}"])'
        command = "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three"
        assert q.sh(command, config, look, **options) == "one\ntwo\nthree\n", (out, err)
        assert q.sh(command, config, **options) == "one\nthree\n"


def test_5_3_standard_input_comes_from_wherever_the_file_is(q: Any) -> None:
    """As with a shell: from each kind of mount, through links, and of any length."""
    volume, secret = (
        q.id('cacheVolume(key: "redirected input")'),
        q.id('setSecret(name: "i", plaintext: "pw")'),
    )
    mounted = q.dir_id(f="mounted")
    config = f"""
        withMountedCache(path: "/cache", cache: {volume})
        withMountedSecret(path: "/secret", source: {secret})
        withMountedDirectory(path: "/mnt", source: {mounted})
        withMountedTemp(path: "/temp")
        withSymlink(target: "/mnt/f", linkName: "/into-mount")
        withSymlink(target: "/cache/f", linkName: "/into-volume")
        withSymlink(target: "loop", linkName: "/loop")
        withExec(args: ["sh", "-c", "echo in the volume > /cache/f; mkdir /cache/d; mkfifo /cache/p; head -c 73400320 /dev/zero > /big"])
    """
    for path, expected in [
        ("/cache/f", "in the volume\n"),
        ("/into-volume", "in the volume\n"),
        ("/mnt/f", "mounted"),
        ("/into-mount", "mounted"),
        ("/dev/null", ""),
    ]:
        assert q.sh("cat", config, redirectStdin=f'"{path}"') == expected, path
    assert q.sh("wc -c", config, redirectStdin='"/secret"') == "2\n"
    assert q.sh("wc -c; echo x > /proc/self/fd/0", config, redirectStdin='"/big"') == "73400320\n"
    assert q.sh("head -c 1; wc -c < /big", config, redirectStdin='"/big"') == "\x0073400320\n"
    for path, reason in [
        ("/cache/none", "No such file"),
        ("/cache/d", "is a directory, not a file"),
        ("/cache/p", "no such file"),
        ("/temp/f", "no such file"),
        ("/loop", "too many levels of symbolic links"),
    ]:
        message = q.fails("sh", "cat", config, redirectStdin=f'"{path}"').message
        assert "redirectStdin: " in message and reason in message, (path, message)


def test_5_3_a_directory_is_no_standard_input(q: Any) -> None:
    assert (
        "redirectStdin: path /etc is a directory, not a file"
        in q.fails("sh", "cat", redirectStdin='"/etc"').message
    )
    assert "redirectStdin: /none: no such file" in q.fails("sh", "cat", redirectStdin='"/none"').message


@pytest.mark.parametrize("mounted", [False, True])
def test_5_3_a_working_directory_that_is_made_for_the_output_belongs_to_the_user(
    q: Any, mounted: bool
) -> None:
    """5.1: the missing working directory is owned by the user, also if nothing but the output lies in it."""
    mount = f'withMountedDirectory(path: "/w", source: {q.dir_id(a="1")}, owner: "1000")' if mounted else ""
    config = f'{mount}\nwithUser(name: "1000:1001")\nwithWorkdir(path: "/w/x/y")'
    again = 'withExec(args: ["sh", "-c", "stat -c %a:%u:%g /w/x /w/x/y out; cat out; touch more"])'
    found = q.sh("echo kept", config, again, redirectStdout='"out"')
    assert found.split()[1:] == ["755:1000:1001", "600:1000:1001", "kept"]
    # Without an output in it, it goes away again.
    assert q.sh("true", config, leaf='exists(path: "/w/x")', redirectStdout='"/tmp/out"') is False


def test_5_3_an_output_goes_where_links_lead(q: Any) -> None:
    """As with a shell: the file at the end of links is written, in whatever mount it lies."""
    mounted, volume = q.dir_id(a="1"), q.id('cacheVolume(key: "redirects by links")')
    config = f"""
        withMountedDirectory(path: "/mnt", source: {mounted})
        withMountedDirectory(path: "/ro", source: {mounted}, readOnly: true)
        withMountedCache(path: "/cache", cache: {volume})
        withNewFile(path: "/real/f", contents: "old")
        withSymlink(target: "real", linkName: "/dir")
        withSymlink(target: "/dir/f", linkName: "/file")
        withSymlink(target: "dir/dangling", linkName: "/new")
        withSymlink(target: "/mnt/a", linkName: "/into-mount")
        withSymlink(target: "../real/back", linkName: "/mnt/out-of-mount")
        withSymlink(target: "/cache/log", linkName: "/into-volume")
        withSymlink(target: "/ro/a", linkName: "/read-only")
        withSymlink(target: "loop", linkName: "/loop")
    """
    for path, where in [
        ("/file", "/real/f"),
        ("/dir/f", "/real/f"),
        ("/new", "/real/dangling"),
        ("/into-mount", "/mnt/a"),
        ("/mnt/out-of-mount", "/real/back"),
        ("/into-volume", "/cache/log"),
    ]:
        look = f'withExec(args: ["sh", "-c", "cat {where}; test -L /into-mount && ls -d {path}"])'
        found = q.sh(f"echo to {path}", config, look, redirectStdout=json.dumps(path))
        assert found == f"to {path}\n{path}\n"
    error = q.fails("sh", "echo x", config, redirectStdout='"/read-only"')
    assert error.message.startswith("redirectStdout: /ro/a lies in /ro, which is mounted read-only: ")
    assert "/loop: too many levels" in q.fails("sh", "echo x", config, redirectStderr='"/loop"').message


def test_5_4_who_waits_for_a_locked_volume_finds_the_output_of_the_one_before(q: Any) -> None:
    volume = q.id(f'cacheVolume(key: "outputs {time.time_ns()}")')
    seen: list[int] = []

    def use(number: int) -> None:
        config = f'withMountedCache(path: "/c", cache: {volume}, sharing: LOCKED)'
        seen.append(int(q.sh("ls /c | wc -l", config, redirectStdout=f'"/c/{number}"')))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(8))


@pytest.mark.parametrize("name", ["redirectStdout", "redirectStderr"])
def test_5_4_a_read_only_mount_takes_no_output(q: Any, name: str) -> None:
    mount = f'withMountedDirectory(path: "/m", source: {q.dir_id(a="1")}, readOnly: true)'
    error = q.fails("sh", "echo x", mount, **{name: '"/m/o"'})
    assert error.message.startswith(f"{name}: /m/o lies in /m, which is mounted read-only: ")
    inside = f'{mount}\nwithWorkdir(path: "/m")'
    assert "read-only" in q.fails("sh", "echo x", inside, **{name: '"o"'}).message
    assert q.sh("echo x", inside) == "x\n", "the working directory may be one"
    assert q.sh("echo x", mount, **{name: '"/m2/o"'}) == "x\n"


@pytest.mark.parametrize(("signal", "code"), [("KILL", 137), ("TERM", 143), ("SEGV", 139)])
def test_4_2_death_by_a_signal_is_never_accepted(q: Any, signal: str, code: int) -> None:
    for expect in ["SUCCESS", "FAILURE", "ANY"]:
        error = q.fails("sh", f"kill -{signal} $$", expect=expect)
        assert f"exit code: {code}" in error.message
        assert error.extensions["exitCode"] == code


def test_4_2_the_window_is_cut_where_a_character_goes_on(q: Any) -> None:
    # Two bytes each; the window of 102400 bytes begins in the middle of one.
    error = q.fails("sh", "printf x; yes é | tr -d '\\n' | head -c 120000; exit 1")
    total = 1 + 2 * 60000
    text = error.extensions["stdout"]
    mark = f"[omitting {total - 102400} bytes]..."
    assert text.startswith(mark) and text.endswith("éé")
    assert set(text[len(mark) :]) <= {"é", "\ufffd"}


def test_4_2_both_streams_have_a_window(q: Any) -> None:
    error = q.fails(
        "sh", "head -c 102401 /dev/zero | tr '\\0' e >&2; head -c 102402 /dev/zero | tr '\\0' o; exit 1"
    )
    for stream, letter, omitted in [("stderr", "e", 1), ("stdout", "o", 2)]:
        mark = f"[omitting {omitted} bytes]..."
        assert error.extensions[stream] == mark + letter * (102400 - len(mark)), stream


def test_4_2_secrets_do_not_move_the_window(q: Any) -> None:
    secret = q.secret("window", "w" * 40)
    before = f'withSecretVariable(name: "S", secret: {secret})'
    error = q.fails("sh", 'i=0; while [ $i -lt 4000 ]; do echo "$S"; i=$((i+1)); done; exit 1', before)
    assert error.extensions["stdout"] == "\n".join(["***"] * 4000), "what counts is what is kept"


def test_4_2_success_where_failure_is_expected(q: Any) -> None:
    error = q.fails("sh", "true", expect="FAILURE")
    assert "exit code: 0" in error.message
    assert error.extensions["exitCode"] == 0


def test_4_2_the_error_has_the_final_command_and_trimmed_output(q: Any) -> None:
    before = 'withEntrypoint(args: ["sh", "-c"])\nwithEnvVariable(name: "CODE", value: "9")'
    step = (
        "withExec(args: [\"echo ' out '; echo ' err ' >&2; exit $CODE\"], useEntrypoint: true, expand: true)"
    )
    error = q.fails("ask", f"{before}\n{step}", "sync")
    assert error.extensions.pop("step") > 0
    assert error.extensions.pop("call").startswith("Container.")
    assert error.extensions == {
        "_type": "EXEC_ERROR",
        "cmd": ["sh", "-c", "echo ' out '; echo ' err ' >&2; exit 9"],
        "exitCode": 9,
        "stdout": "out",
        "stderr": "err",
    }
    assert error.path == ["container", "from", "withEntrypoint", "withEnvVariable", "withExec", "sync"]


def test_5_3_programs_that_cannot_be_started(q: Any) -> None:
    assert q.fails("ask", 'withExec(args: ["no-such-program"])', "sync").extensions["exitCode"] == 127
    for contents, mode in [
        ("#!/bin/sh\n", 420),
        ("#!/no/such/interpreter\n", 493),
        ("neither script nor program", 493),
    ]:
        steps = f'withNewFile(path: "/x", contents: {json.dumps(contents)}, permissions: {mode})\nwithExec(args: ["/x"])'
        error = q.fails("ask", steps, "sync")
        assert error.extensions["exitCode"] == 126, contents
        assert error.extensions["stderr"], contents


def test_5_3_home_and_path(q: Any) -> None:
    clear = 'withoutEnvVariable(name: "PATH")'
    assert q.sh("echo $HOME", 'withUser(name: "nobody")') == "/home\n"
    assert q.sh("echo $HOME", 'withUser(name: "4321")') == "/\n"
    assert q.sh("echo $HOME", 'withEnvVariable(name: "HOME", value: "/mine")') == "/mine\n"
    assert q.sh("echo $PATH", clear) == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


def test_5_3_programs_are_found_on_the_containers_path(q: Any) -> None:
    before = """
        withNewFile(path: "/own/tool", contents: "#!/bin/sh\\necho own $0\\n", permissions: 493)
        withEnvVariable(name: "PATH", value: "/own:/bin")
        withExec(args: ["tool"])
    """
    assert q.ask(before, "stdout") == "own /own/tool\n"


def test_5_3_the_first_process_is_an_init_unless_told(q: Any) -> None:
    assert q.sh("echo $$", noInit="true") == "1\n"
    assert q.sh("echo $$") != "1\n"
    # The orphan is adopted by the first process, which has to take note of its end.
    orphan = "(sleep 0.1 & echo $! > /tmp/pid); sleep 0.5; test -e /proc/$(cat /tmp/pid) || echo reaped"
    assert q.sh(orphan) == "reaped\n"


def test_5_3_no_shell_reads_the_arguments(q: Any) -> None:
    words = ["$HOME", "a  b", "*", ";", "`id`", "#", "", "~", "'\"\\", "ü\n"]
    script = 'withNewFile(path: "/each", contents: "#!/bin/sh\\nprintf %s, \\"$@\\"\\n", permissions: 493)'
    given = json.dumps(["/each", *words], ensure_ascii=False)
    assert q.ask(f"{script}\nwithExec(args: {given})", "stdout") == "".join(f"{word}," for word in words)


def test_5_3_there_is_no_terminal(q: Any) -> None:
    assert q.sh("for n in 0 1 2; do test -t $n && echo terminal $n; done; echo none") == "none\n"


def test_5_3_insecure_root_capabilities(q: Any) -> None:
    script = "grep CapEff /proc/self/status | tr -d '\\t'; ls /dev"
    bounded = q.sh(f"{script}; true")
    writable = "grep -q ' /sys sysfs rw' /proc/mounts && cd /sys/fs/cgroup && mkdir made && rmdir made && echo writable"
    assert q.sh(writable, insecureRootCapabilities="true") == "writable\n"
    assert q.sh(f"({writable}) 2> /dev/null || echo refused") == "refused\n"
    full = q.sh(f"{script}; true", insecureRootCapabilities="true")
    (mask, *own), (more, *devices) = bounded.split(), full.split()
    here = {path.name for path in Path("/dev").iterdir() if path.is_char_device() or path.is_block_device()}
    assert set(own) <= set(devices)
    assert here - {name for name in here if name.startswith(("tty", "vcs"))} - {"console", "ptmx"} <= set(
        devices
    )
    effective = [int(text.partition(":")[2], 16) for text in (mask, more)]
    assert effective[0] != effective[1] and effective[0] & effective[1] == effective[0]


def test_5_3_output_of_a_command_that_may_fail(q: Any) -> None:
    steps = 'withExec(args: ["sh", "-c", "echo out; echo err >&2; exit 3"], expect: ANY)'
    assert q.ask(steps, "stdout") == "out\n"
    assert q.ask(steps, "exitCode") == 3 and q.ask(steps, "stderr") == "err\n"
    assert q.ask(f'{steps}\nwithExec(args: ["true"])', "exitCode") == 0, "of the last command"


def test_5_3_supplementary_groups(q: Any) -> None:
    assert q.sh("id -G", 'withUser(name: "nobody")') == "65534 100\n"
    assert q.sh("id -G", 'withUser(name: "nobody:nogroup")') == "65534\n"


def test_5_3_per_exec_file_systems_and_host_name(q: Any) -> None:
    again = 'withExec(args: ["sh", "-c", "ls /dev/shm; cat /tmp/t; hostname"])'
    assert q.sh("touch /dev/shm/x; echo stays > /tmp/t", after=again) == "stays\ndagger\n"


def test_5_3_standard_input_ends_at_once(q: Any) -> None:
    assert q.sh("wc -c") == "0\n"


def test_5_3_combined_output_is_in_order(q: Any) -> None:
    script = "for i in 1 2 3; do echo o$i; usleep 30000; echo e$i >&2; usleep 30000; done"
    assert q.sh(script, leaf="combinedOutput") == "o1\ne1\no2\ne2\no3\ne3\n"


def test_5_6_the_engines_proxies_reach_commands_but_not_the_configuration(
    make_engine: Any, asker: Any, tmp_path: Path
) -> None:
    names = [f"{kind}_PROXY" for kind in ["HTTP", "HTTPS", "FTP", "ALL"]]
    given = {name: f"http://{name.lower()}.invalid:3128" for name in [*names, *map(str.lower, names)]}
    given |= {"NO_PROXY": "127.0.0.1,upper", "no_proxy": "127.0.0.1,lower"}
    engine: Engine = make_engine(**given)
    with engine.session(workdir=tmp_path) as session:
        own = asker(session)
        shown = dict(line.split("=", 1) for line in own.sh("env").splitlines())
        assert {name: shown.get(name) for name in given} == given
        assert own.sh("echo $FTP_PROXY", 'withEnvVariable(name: "FTP_PROXY", value: "own")') == "own\n"
        found = [variable["name"] for variable in own.sh("true", leaf="envVariables { name }")]
        assert found == ["PATH"]


@pytest.mark.skipif(not Path(CERTIFICATES).exists(), reason=f"{CERTIFICATES} is not there")
def test_5_6_certificates_of_the_engine_reach_commands_and_leave_no_trace(
    make_engine: Any, asker: Any, tmp_path: Path
) -> None:
    text = Path(CERTIFICATES).read_text().partition("-----END CERTIFICATE-----")
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"{text[0]}{text[1]}\n")
    engine: Engine = make_engine(KUKRI_CA_BUNDLE=str(bundle))
    with engine.session(workdir=tmp_path) as session:
        own = asker(session)
        assert own.sh("cat $SSL_CERT_FILE") == bundle.read_text()
        # Programs that do not look at that one have their own.
        assert own.sh("cat $CARGO_HTTP_CAINFO") == own.sh("cat $GIT_SSL_CAINFO") == bundle.read_text()
        assert (
            own.sh("echo $SSL_CERT_FILE", 'withEnvVariable(name: "SSL_CERT_FILE", value: "mine")') == "mine\n"
        )
        before = rootfs_digest(own, "")
        assert rootfs_digest(own, 'withExec(args: ["sh", "-c", "ls $SSL_CERT_FILE"])') == before
        names = [variable["name"] for variable in own.sh("true", leaf="envVariables { name }")]
        assert "SSL_CERT_FILE" not in names


@pytest.mark.parametrize(
    ("value", "script", "shown"),
    [
        ("s3cret", "echo a${S}b", "a***b\n"),
        ("s3cret\n", "printf 's3cret s3cret\n'", "*** ***"),
        ("line one\nline two", 'echo "$S"', "***\n"),
        ("", "echo nothing", "nothing\n"),
        ("s3cret", "printf s3; usleep 50000; printf cre; usleep 50000; echo t", "***\n"),
        ("s3cret", "printf s3; usleep 50000; echo cre", "s3cre\n"),
    ],
)
def test_5_7_secrets_are_scrubbed(q: Any, value: str, script: str, shown: str) -> None:
    secret = q.secret(f"scrub-{abs(hash((value, script)))}", value)
    before = f'withSecretVariable(name: "S", secret: {secret})'
    assert q.sh(script, before) == shown
    assert q.sh(f"({script}) >&2", before, leaf="stderr") == shown


def test_5_7_scrubbing_in_errors_redirects_and_of_mounted_secrets(q: Any) -> None:
    secret = q.secret("everywhere", "hush-hush")
    before = f'withMountedSecret(path: "/s", source: {secret})'
    error = q.fails("sh", "cat /s; cat /s >&2; exit 1", before)
    assert (error.extensions["stdout"], error.extensions["stderr"]) == ("***", "***")
    redirected = q.sh("cat /s", before, leaf='file(path: "/o") { contents }', redirectStdout='"/o"')
    assert redirected == {"contents": "***"}
    written = q.sh("cat /s > /o", before, leaf='file(path: "/o") { contents }')
    assert written == {"contents": "hush-hush"}, "what the process writes itself is its own business"


def test_5_7_secrets_reach_neither_combined_output_nor_progress(q: Any) -> None:
    secret = q.secret("progress", "not-in-progress")
    before = f'withSecretVariable(name: "S", secret: {secret})\nwithEnvVariable(name: "NOW", value: "{time.time_ns()}")'
    script = "echo begin; printf not-in; usleep 30000; printf -- -prog; usleep 30000; echo ress >&1; echo $S >&2; echo end"
    assert sorted(q.sh(script, before, leaf="combinedOutput").split()) == ["***", "***", "begin", "end"]
    deadline = time.monotonic() + 10
    while "end" not in q.session.stderr() and time.monotonic() < deadline:
        time.sleep(0.05)
    shown = q.session.stderr()
    assert "end" in shown and "***" in shown and "not-in-progress" not in shown


def test_5_7_errors_show_no_secrets(q: Any) -> None:
    """Whatever their words are about: a program, a file that is not there, a path."""
    value = "hush-hush-name"
    before = f'from(address: "alpine")\nwithSecretVariable(name: "S", secret: {q.secret("named", value)})'

    def told(steps: str, leaf: str = "sync") -> GraphQLError:
        error = q.fails("ask", f"{before}\n{steps}", leaf)
        assert value not in json.dumps([error.message, error.extensions]), (error.message, error.extensions)
        assert "***" in error.message
        return error

    missing = told(f'withExec(args: ["/bin/{value}", "{value}"])')
    assert missing.message == 'exit code: 127 (command not found: "/bin/***")'
    assert (missing.extensions["cmd"], missing.extensions["_type"]) == (["/bin/***", "***"], "EXEC_ERROR")
    assert missing.extensions["stderr"] == 'command not found: "/bin/***"'
    told(f'withExec(args: ["cat"], redirectStdin: "/{value}")')
    told(f'file(path: "/{value}")', "contents")
    told(f'withUser(name: "{value}")\nwithExec(args: ["true"])')


@pytest.mark.slow
def test_5_7_scrubbing_is_quick(q: Any) -> None:
    secrets = [q.secret(f"quick-{n}", f"{n}ecret-value-{n}") for n in range(3)]
    before = "\n".join(
        f'withSecretVariable(name: "S{n}", secret: {secret})' for n, secret in enumerate(secrets)
    )
    started = time.monotonic()
    assert len(q.sh("yes a line of output 0ecret-val | head -c 30000000", before)) == 30_000_000
    assert time.monotonic() - started < 20, "for an engine that was built without optimisation"
