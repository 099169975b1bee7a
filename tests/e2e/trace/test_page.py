"""The page of a run, looked at and clicked through in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from recorded import Recorded

ESCAPE = "\ue00c"


@pytest.fixture
def page(browser: Any, recorded: Recorded) -> Any:
    """The browser, on the page of the recorded run; at the end nothing may have gone wrong in it."""
    browser.get(recorded.page.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def find(page: Any, selector: str) -> list[Any]:
    """Elements by CSS selector."""
    found: list[Any] = page.find_elements("css selector", selector)
    return found


def one(page: Any, selector: str) -> Any:
    """The only element of a selector."""
    (element,) = find(page, selector)
    return element


def press(page: Any, *keys: str) -> None:
    """Types keys where the focus is."""
    for key in keys:
        page.switch_to.active_element.send_keys(key)


def names(page: Any) -> list[str]:
    """Labels of the rows in sight."""
    return [row.text for row in find(page, ".row .name")]


def test_the_run_at_a_glance(page: Any) -> None:
    assert one(page, "#command").text == "python ci.py"
    facts = one(page, "#facts").text
    told = re.search(r"· (\d+) steps · \d cached · 1 failed · ", facts)
    assert told, facts
    labels = names(page)
    # What is used twice is still one step.
    assert len(labels) == len(set(labels)) == int(told[1])
    assert any(label.startswith("●") and "echo known" in label for label in labels), labels
    bars = find(page, ".row .span")
    assert len(bars) == len(labels)
    assert all(bar.size["width"] >= 3 for bar in bars)
    assert len(find(page, "#axis span")) >= 3


def test_what_the_run_cost(page: Any) -> None:
    """In the facts, and over time above the bars, which the axis is in line with."""
    assert re.search(r"· [\d.]+ .?s of processor time · (.* moved · )?kukri", one(page, "#facts").text)
    load = one(page, "#load")
    assert re.fullmatch(r"\d+\.\d processors at most", load.text)
    assert one(page, "#load path").get_attribute("d").count("V") > 100
    lane = find(page, ".row .lane")[0].rect
    for above in (load.rect, one(page, "#axis").rect):
        assert abs(above["x"] - lane["x"]) < 1 and abs(above["width"] - lane["width"]) < 1


def test_a_failure_is_what_is_seen_first(page: Any) -> None:
    detail = one(page, "#detail")
    assert "✗ failed, exit code 3" in detail.text
    assert "<b>not markup</b>" in one(page, "#log").text
    assert not find(page, "#log b"), "what commands write is text"
    assert "ran because" in detail.text
    assert re.search(r"processor\n[\d.]+ .?s ", detail.text), detail.text
    assert "exit code: 3" in one(page, "pre.error").text


def test_why_a_step_was_cached_and_what_it_saved(page: Any) -> None:
    (row,) = [row for row in find(page, ".row") if "●" in row.text and "echo known" in row.text]
    row.click()
    detail = one(page, "#detail").text
    assert "cached because\nthe same step ran" in detail
    saved = re.search(r"saved\n([\d.]+) (m?)s", detail)
    assert saved, detail
    assert float(saved[1]) * (1 if saved[2] else 1000) >= 300, "it sleeps so long"
    # What used it is one click away, and from there it is one key back.
    (user,) = find(page, "#detail dd button")
    assert "built on it" in user.text
    user.click()
    assert "to stderr" in one(page, "#log .stderr").text
    press(page, "[")
    assert "echo known" in one(page, "#detail h2").text


def test_keys(page: Any) -> None:
    press(page, "t", "k", "k", "k", "k", "k")
    first = one(page, "#detail h2").text
    press(page, "j")
    assert one(page, "#detail h2").text != first
    press(page, "f")
    assert "exit 3" in one(page, "#detail h2").text
    before = one(page, '.row[aria-selected="true"] .span').size["width"]
    press(page, "+", "+")
    assert one(page, '.row[aria-selected="true"] .span').size["width"] > before
    press(page, "0")
    assert one(page, '.row[aria-selected="true"] .span').size["width"] == before
    press(page, "?")
    assert one(page, "dialog").is_displayed()
    one(page, "dialog button").click()
    assert not one(page, "dialog").is_displayed()


def test_filters(page: Any) -> None:
    press(page, "/")
    press(page, "built")
    assert len(names(page)) == 1
    assert "built on it" in names(page)[0]
    press(page, ESCAPE)
    one(page, "#filter").clear()
    press(page, "/", " ")
    one(page, '#only option[value="cached"]').click()
    assert names(page)
    assert all(label.startswith("●") for label in names(page))
    one(page, '#only option[value="critical"]').click()
    assert all("critical" in bar.get_attribute("class") for bar in find(page, ".row .span"))
    one(page, '#only option[value=""]').click()


def test_the_graph(page: Any) -> None:
    press(page, "g")
    assert not one(page, "#rows").is_displayed()
    nodes = find(page, "#graph .node")
    edges = find(page, "#graph .edge")
    assert len(nodes) == len({node.text for node in nodes}) >= 3
    assert edges
    (built,) = [node for node in nodes if "built" in node.text]
    built.click()
    assert "built on it" in one(page, "#detail h2").text
    assert len(find(page, "#graph .edge.near")) == 1
    press(page, "t")
    assert one(page, "#rows").is_displayed()
    assert "built on it" in one(page, '.row[aria-selected="true"]').text


def test_light_and_dark(page: Any) -> None:
    def back() -> str:
        return str(one(page, "body").value_of_css_property("background-color"))

    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    light = back()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    dark = back()
    assert dark != light
    one(page, "#theme").click()
    assert back() == light
    one(page, "#theme").click()
    assert back() == dark
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_nothing_is_loaded_from_anywhere(page: Any) -> None:
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_a_place_in_a_page_can_be_passed_on(browser: Any, recorded: Recorded) -> None:
    browser.get(recorded.page.as_uri())
    find(browser, ".row")[0].click()
    chosen, address = one(browser, "#detail h2").text, browser.current_url
    browser.get("about:blank")
    browser.get(address)
    assert one(browser, "#detail h2").text == chosen


def step(number: int, **facts: object) -> dict[str, object]:
    """A step of a run that was not."""
    start = number * 1_000_000
    return {
        "id": number,
        "label": f"withExec step {number}",
        "kind": "exec",
        "state": "ok",
        "start": start,
        "end": start + 5_000_000,
        "inputs": [],
        "log": [],
        **facts,
    }


def page_of(recorded: Recorded, steps: list[dict[str, object]], path: Path) -> str:
    """Writes the page of such a run, by that of another; gives its address."""
    run = {
        "run": {"id": "r", "command": "many", "version": "0", "started_ns": 0},
        "steps": steps,
        "counts": {"steps": len(steps), "transfers": 0},
        "messages": [],
    }
    before, rest = recorded.page.read_text().split('id="run">', 1)
    path.write_text(before + 'id="run">' + json.dumps(run) + rest[rest.index("</script>") :])
    return path.as_uri()


def test_chains_are_straight_lines(browser: Any, recorded: Recorded, tmp_path: Path) -> None:
    """Chains on one image that go on next to each other, in another order each time: no line crosses another."""
    steps = [step(0)]
    order = list(range(12))
    last = dict.fromkeys(order, 0)
    for length in range(1, 6):
        order = order[length:] + order[:length]
        for chain in order:
            # Some end early.
            if (chain % 5) + 2 >= length:
                steps.append(step(len(steps), inputs=[last[chain]], label="字" * 40))
                last[chain] = len(steps) - 1
    browser.get(page_of(recorded, steps, tmp_path / "chains.html"))
    press(browser, "g")
    edges = [edge.get_attribute("d") for edge in find(browser, "#graph .edge")]
    assert len(edges) == len(steps) - 1
    ends = [[float(number) for number in re.findall(r"[\d.]+", edge)] for edge in edges]
    later = [end for end in ends if end[0] > min(end[0] for end in ends)]
    assert len(later) > 20 and all(end[1] == end[-1] for end in later), later
    boxes = [(box["x"], box["y"]) for box in (node.rect for node in find(browser, "#graph .node rect"))]
    assert len(set(boxes)) == len(boxes) == len(steps)
    # Wide characters stay within.
    width = find(browser, "#graph .node rect")[0].rect["width"]
    texts = find(browser, "#graph .node text:not(.when)")
    assert all(text.rect["width"] <= width for text in texts)
    assert browser.get_log("browser") == []


def test_what_is_jumped_to_is_in_the_middle(browser: Any, recorded: Recorded, tmp_path: Path) -> None:
    """With what is around it, before and after."""
    steps = [step(number, state="failed" if number in (50, 150) else "ok") for number in range(200)]
    browser.get(page_of(recorded, steps, tmp_path / "failed.html"))
    for _ in range(2):
        chosen, rows = one(browser, '.row[aria-selected="true"]').rect, one(browser, "#rows").rect
        middle = chosen["y"] + chosen["height"] / 2 - rows["y"]
        assert abs(middle - rows["height"] / 2) < 40
        press(browser, "f")
    assert "step 50" in one(browser, "#detail h2").text


def test_on_a_phone(browser: Any, recorded: Recorded) -> None:
    """All is there, and nothing is wider than the screen."""
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.get(recorded.page.as_uri())
        for key in ("t", "g"):
            press(browser, key)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
            assert one(browser, "#detail h2").rect["y"] < 740
        press(browser, "t")
        assert find(browser, ".row")[0].rect["height"] >= 24
        assert len(find(browser, "button:not([hidden])")) >= 4
        for control in (*find(browser, "header button"), one(browser, "#filter"), one(browser, "#only")):
            place = control.rect
            assert place["x"] >= 0 and place["x"] + place["width"] <= 360 and place["height"] >= 24
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_twenty_thousand_steps(browser: Any, recorded: Recorded, tmp_path: Path) -> None:
    """Only what is in sight is drawn, in the timeline and in the graph."""
    steps = [
        step(
            number,
            state="failed" if number == 15_000 else "ok",
            inputs=[number // 2] if number else [],
        )
        for number in range(20_000)
    ]
    browser.get(page_of(recorded, steps, tmp_path / "large.html"))
    assert one(browser, "#detail h2").text == "withExec step 15000"
    assert len(find(browser, ".row")) < 100
    # Beside a scroll bar as well.
    lane, axis = find(browser, ".row .lane")[0].rect, one(browser, "#axis").rect
    assert abs(axis["x"] - lane["x"]) < 1 and abs(axis["width"] - lane["width"]) < 1
    assert not one(browser, "#load").is_displayed(), "nobody counted what they cost"
    press(browser, "j")
    assert one(browser, "#detail h2").text == "withExec step 15001"
    press(browser, "g")
    assert 100 < len(find(browser, "#graph .node")) <= 400
    note = one(browser, "#graph p")
    browser.execute_script("document.getElementById('graph').scrollLeft = 500")
    assert "too many to read" in note.text and note.rect["x"] >= 0, "it stays in sight"
    assert browser.get_log("browser") == []
