"""The API without `async`, against a real engine."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagger
import pytest


def test_a_pipeline_without_async(tmp_path: Path) -> None:
    with dagger.connect() as client:
        made = client.container().from_("busybox").with_exec(["sh", "-c", "echo made > /x"])
        assert made.file("/x").contents() == "made\n"
        assert made.sync().file("/x").size() == 5
        client.directory().with_file("y", made.file("/x")).export("out")
    assert (tmp_path / "out" / "y").read_text() == "made\n"


def test_errors_are_the_same() -> None:
    with dagger.connect() as client, pytest.raises(dagger.ExecError) as caught:
        client.container().from_("busybox").with_exec(["sh", "-c", "echo why >&2; exit 9"]).sync()
    assert (caught.value.exit_code, caught.value.stderr) == (9, "why")


def test_threads_share_a_connection() -> None:
    with dagger.connect() as client:
        base = client.container().from_("busybox")
        seen = set()

        def one(number: int) -> str:
            seen.add(threading.get_ident())
            return base.with_exec(["sh", "-c", f"sleep 0.5; echo {number}"]).stdout()

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(one, range(4))) == [f"{number}\n" for number in range(4)]
        assert len(seen) == 4


def test_two_connections_at_once() -> None:
    with dagger.connect() as one, dagger.connect() as two:
        assert one.container().from_("busybox").with_exec(["echo", "1"]).stdout() == "1\n"
        assert two.container().from_("busybox").with_exec(["echo", "2"]).stdout() == "2\n"
