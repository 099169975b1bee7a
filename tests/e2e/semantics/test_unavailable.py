"""What is part of the API but cannot be done yet says so, and names a way around it (section 5.9, 5.12, 5.14, 5.15)."""

from __future__ import annotations

from typing import Any

import pytest

ASKED = [
    ('{git(url: "https://example.com/x.git"){head{commit}}}', "Query.git", "host.directory"),
    ('{http(url: "https://example.com/x"){contents}}', "Query.http", "host.file"),
    ("{host{service(ports: [{backend: 80}]){hostname}}}", "Host.service", "addresses"),
]


@pytest.mark.parametrize(("document", "field", "instead"), ASKED)
def test_an_error_says_what_to_do_instead(q: Any, document: str, field: str, instead: str) -> None:
    message = q.fails("session_query", document).message
    assert message.startswith(f"{field} is not available in this engine: ")
    assert instead in message


def test_the_schema_says_so_too(q: Any) -> None:
    document = '{__type(name: "Host"){fields{name description}}}'
    fields = {field["name"]: field["description"] for field in q.session_query(document)["__type"]["fields"]}
    assert "not available in this engine" in fields["tunnel"].lower()
    assert "not available" not in fields["directory"].lower()


def test_an_id_costs_nothing_and_so_fails_only_when_used(q: Any) -> None:
    socket = q.session_query('{host{unixSocket(path: "/run/x.sock"){id}}}')["host"]["unixSocket"]["id"]
    message = q.fails("session_query", f'{{git(url: "x", sshAuthSocket: "{socket}"){{url}}}}').message
    assert message.startswith("Host.unixSocket is not available")
