"""Scalars, enums and small objects on the wire (protocol sections 2.6, 2.7, 2.9, 5.13 and 5.17)."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/i386", "linux/386"),
        ("LINUX/AMD64/v1", "linux/amd64"),
        ("arm64", "linux/arm64"),
        ("x86_64", "linux/amd64"),
        ("macos/aarch64", "darwin/arm64"),
    ],
)
def test_5_17_platforms_are_normalised(q: Any, written: str, meant: str) -> None:
    answer = q.session.query(f'{{ container(platform: "{written}") {{ platform }} }}')
    assert answer["container"]["platform"] == meant


def test_5_17_the_default_platform(q: Any) -> None:
    assert q.session.query("{ defaultPlatform container { platform } }") in [
        {"defaultPlatform": name, "container": {"platform": name}} for name in ["linux/amd64", "linux/arm64"]
    ]
    assert q.session.query('{ container(platform: "linux") { platform } defaultPlatform }') in [
        {"container": {"platform": name}, "defaultPlatform": name} for name in ["linux/amd64", "linux/arm64"]
    ]


@pytest.mark.parametrize("platform", ["", "a/b/c/d", "linux//x", "linus", "x86"])
def test_5_17_what_is_no_platform_is_said(q: Any, platform: str) -> None:
    error = q.fails("session_query", f'{{ container(platform: "{platform}") {{ platform }} }}')
    assert "platform" in error.message.lower()


def test_2_6_whole_numbers_have_64_bits(q: Any) -> None:
    for number in [2**53 + 1, -(2**63), 2**63 - 1]:
        answer = q.session.query(f"{{ json {{ newInteger(value: {number}) {{ asInteger contents }} }} }}")
        assert answer["json"]["newInteger"] == {"asInteger": number, "contents": str(number)}
    q.fails("session_query", f"{{ json {{ newInteger(value: {2**63}) {{ asInteger }} }} }}")


def test_2_6_void_is_null(q: Any) -> None:
    assert q.session.query('{ engine { localCache { prune(maxUsedSpace: "1000TB") } } }') == {
        "engine": {"localCache": {"prune": None}}
    }


@pytest.mark.parametrize("member", ["TCP", '"TCP"', "UDP", '"UDP"'])
def test_2_7_members_may_be_quoted_and_come_back_by_name(q: Any, member: str) -> None:
    ports = q.session_chain(f"withExposedPort(port: 80, protocol: {member})", "exposedPorts { protocol }")
    assert ports == [{"protocol": member.strip('"')}]


@pytest.mark.parametrize("media_types", ["OCIMediaTypes", "OCI", '"OCI"', "DockerMediaTypes", "DOCKER"])
def test_2_7_an_alias_means_its_member(q: Any, media_types: str) -> None:
    steps = 'withNewFile(path: "/f", contents: "x")'

    def digest(name: str) -> str:
        return str(q.session_chain(f"{steps}\nasTarball(mediaTypes: {name})", "digest"))

    canonical = "OCIMediaTypes" if "OCI" in media_types else "DockerMediaTypes"
    assert digest(media_types) == digest(canonical)


def test_2_7_an_unknown_member_is_refused(q: Any) -> None:
    error = q.fails("session_chain", "withExposedPort(port: 80, protocol: SCTP)", "exposedPorts { port }")
    assert "SCTP" in error.message


def test_5_17_ports(q: Any) -> None:
    ports = q.session_chain(
        """withExposedPort(port: 8080, description: "web")
           withExposedPort(port: 53, protocol: UDP, experimentalSkipHealthcheck: true)
           withExposedPort(port: 8080, description: "again")""",
        "exposedPorts { port protocol description experimentalSkipHealthcheck }",
    )
    assert sorted(ports, key=lambda port: port["port"]) == [
        {"port": 53, "protocol": "UDP", "description": None, "experimentalSkipHealthcheck": True},
        {"port": 8080, "protocol": "TCP", "description": "again", "experimentalSkipHealthcheck": False},
    ]


@pytest.mark.parametrize(
    ("steps", "listed", "leaf"),
    [
        ('withLabel(name: "a", value: "1")', "labels", "Label { name value }"),
        ('withEnvVariable(name: "a", value: "1")', "envVariables", "EnvVariable { name value }"),
        ("withExposedPort(port: 80)", "exposedPorts", "Port { port description }"),
    ],
)
def test_2_4_elements_of_lists_are_found_again(q: Any, steps: str, listed: str, leaf: str) -> None:
    (element,) = q.session_chain(steps, f"{listed} {{ id }}")
    node = q.session.query(f"{{ node(id: {json.dumps(element['id'])}) {{ ... on {leaf} }} }}")["node"]
    assert node in [{"name": "a", "value": "1"}, {"port": 80, "description": None}]


def test_2_9_what_is_not_there_is_null(q: Any) -> None:
    for leaf in ['envVariable(name: "no")', 'label(name: "no")']:
        assert q.session_chain("", leaf) is None
    answer = q.session.query(
        '{ host { findUp(name: "no-such-name-anywhere") } directory { findUp(name: "no", start: ".") } }'
    )
    assert answer == {"host": {"findUp": None}, "directory": {"findUp": None}}
