"""`opusagent agent check`, `schema` and `test`."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

AGENTS = Path(__file__).parents[2] / "agents"
ASK = "ask: {kind: collect, slot: what, to: sure}"


def test_a_good_agent_is_told_so(opusagent, tiny: Path) -> None:
    said = opusagent("agent", "check", tiny)
    assert (said.code, said.lines) == (0, ["1 agent checked: no errors, no warnings"])


def test_an_error_has_a_place_and_a_fix(opusagent, rewrite: Callable[[str, str], Path]) -> None:
    file = rewrite("to: sure", "to: shure")
    said = opusagent("agent", "check", file)
    assert said.code == 1
    assert said.lines[0].startswith(f"{file}:23:44:")
    assert "error: there is no state 'shure'" in said.lines[0]
    assert "sure" in said.lines[0].split(" — ")[1]
    assert said.lines[-1] == "1 agent checked: 1 error, no warnings"


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (ASK, ASK.replace("sure", "order"), "'order' can be reached without the caller's yes"),
        ("slots: [what], text: \"Shall I order {what}?\"", 'text: "Shall I?"', "no confirm on the way says it"),
        ("to: ordered, failed: sorry", "to: ordered, failed: order", "called again without limit"),
        ('"yes": order', '"yes": order, "no": sure', "a no leads to the same question"),
        ('"yes": order', '"yes": order, attempts: 9', "asks up to 9 times"),
        ("sms: {on: never}", "sms: {on: unfinished}", "no SMS is sent when a call drops"),
        ("ordered: {kind: done, text: It is ordered.}", "ordered: {kind: handoff}", "nobody can take the call"),
        ("ask: {kind", "first: {kind: say, text: Hi., to: human}\n      human: {kind: handoff, target: 'tel:+1', "
         "unavailable: ask}\n      ask: {kind", "transferred without the caller's yes"),
    ],
)  # fmt: skip
def test_risky_patterns_are_warned_of(
    opusagent, rewrite: Callable[[str, str], Path], old: str, new: str, warning: str
) -> None:
    file = rewrite(old, new)
    if "first:" in new:
        file = rewrite("initial: ask", "initial: first")
    if "'order' can" in warning:
        file = rewrite('      sure: {kind: confirm, slots: [what], text: "Shall I order {what}?", "yes": order}\n', "")
    said = opusagent("agent", "check", file)
    assert said.code == 0, said.out
    warnings = [line for line in said.lines if ": warning: " in line]
    assert any(warning in line and line.startswith(f"{file}:") and " — " in line for line in warnings), said.out


def test_a_risk_that_is_meant_is_accepted_where_it_stands(opusagent, rewrite: Callable[[str, str], Path]) -> None:
    file = rewrite('"yes": order}', '"yes": order, "no": sure}  # accepted: there is no other way')
    assert opusagent("agent", "check", file).lines == ["1 agent checked: no errors, no warnings (1 accepted)"]


def test_findings_as_json(opusagent, rewrite: Callable[[str, str], Path]) -> None:
    file = rewrite('"yes": order', '"yes": order, "no": sure')
    said = opusagent("agent", "check", "--json", file)
    [finding] = [json.loads(line) for line in said.lines]
    assert finding["level"] == "warning"
    assert (finding["file"], finding["line"]) == (str(file), 24)
    assert finding["fix"]


def test_two_agents_with_one_number(opusagent, tiny: Path) -> None:
    other = tiny.parent / "other"
    other.mkdir()
    (other / "agent.yaml").write_text((tiny / "agent.yaml").read_text().replace("agent: tiny", "agent: other"))
    said = opusagent("agent", "check", tiny.parent)
    assert said.code == 0
    assert "'+15550001' is 'other''s too" in said.out.replace('"', "'")


def test_a_broken_conversation_file_is_found(opusagent, tiny: Path) -> None:
    (tiny / "conversations.yaml").write_text(
        "conversations:\n  - name: x\n    lines:\n      - say: a\n        nears: b\n"
    )
    said = opusagent("agent", "check", tiny)
    assert said.code == 1
    assert f"{tiny / 'conversations.yaml'}:" in said.lines[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tool: {}\nconversations: []\n", ":1:1: error: tool: unknown key"),
        ("tools: [a]\nconversations: []\n", ":1:8: error: tools: must be a mapping"),
        ("conversations: {a: b}\n", ":1:16: error: conversations: must be a list"),
        ("conversations:\n  - {name: x, tools: [a], lines: []}\n", ":2:22: error: tools: must be a mapping"),
        ("conversations:\n  - {name: x, lines: [{say: a, hears: [1]}]}\n", ":2:"),
        ("- a\n", "no conversations"),
        ("", "the file is empty"),
    ],
)
def test_slips_in_conversations_are_found(opusagent, tiny: Path, text: str, message: str) -> None:
    (tiny / "conversations.yaml").write_text(text)
    said = opusagent("agent", "check", tiny)
    assert said.code == 1
    assert said.lines[0].startswith(f"{tiny / 'conversations.yaml'}:")
    assert message in said.lines[0]


def test_a_path_without_an_agent(opusagent, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        said = opusagent("agent", "check", path)
        assert said.code == 1
        assert str(path) in said.err


def test_shipped_agents_fit_the_published_schema(opusagent) -> None:
    schema = json.loads(opusagent("agent", "schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    loaded = yaml.load((AGENTS / "appointment" / "agent.yaml").read_text(), Loader=yaml.BaseLoader)
    assert set(loaded) <= set(schema["properties"])


CONVERSATIONS = """\
tools:
  order: {}
conversations:
  - name: ordered
    lines:
      - say: I want to order something
        hears: What would you like?
      - say: a cake
        state: sure
      - say: "yes"
        calls: [order]
        hears: [It is ordered., "Is there anything else I can help you with?"]
"""


def test_conversations_are_played_and_covered(opusagent, tiny: Path) -> None:
    (tiny / "conversations.yaml").write_text(CONVERSATIONS)
    said = opusagent("agent", "test", tiny)
    assert said.code == 0, said.out
    assert said.lines == [
        f"{tiny}: 1 of 1 conversations passed",
        "  covered: 4 of 5 states, 3 of 4 transitions",
        "  never reached: order.sorry",
        "  never taken:   order: order -> sorry",
    ]
    report = json.loads(opusagent("agent", "test", "--json", tiny).out)
    assert report["passed"] is True
    assert report["states"] == {"all": 5, "missed": ["order.sorry"]}


def test_what_other_agents_hand_over_is_covered_there(opusagent, tiny: Path) -> None:
    desk = tiny.parent / "desk"
    desk.mkdir()
    text = (tiny / "agent.yaml").read_text()
    (desk / "agent.yaml").write_text(
        text.replace("agent: tiny", "agent: desk")
        .replace("{kind: collect, slot: what, to: sure}", "{kind: collect, slot: what, to: over}")
        .split("      sure:")[0]
        + "      over: {kind: handover, agent: tiny, task: order, failed: sorry}\n"
        + "      sorry: {kind: failed, text: That did not work.}\n"
    )
    lines = "[{say: I want to order something}, {say: a cake}, {say: a pie}, {say: 'yes', agent: tiny}]"
    (desk / "conversations.yaml").write_text(
        f"tools: {{order: {{}}}}\nconversations:\n  - {{name: over, lines: {lines}}}\n"
        "  - {name: alone, without: [tiny], lines: [{say: I want to order something}, {say: a cake, open: []}]}\n"
    )
    own = "conversations: [{name: asked, lines: [{say: I want to order something, state: ask}]}]\n"
    (tiny / "conversations.yaml").write_text(own)
    tested = opusagent("agent", "test", tiny, desk)
    assert tested.code == 0, tested.out
    assert tested.lines[1] == "  covered: 4 of 5 states, 3 of 4 transitions"
    assert tested.lines[-1] == "  covered: 3 of 3 states, 2 of 2 transitions"


def test_a_failing_conversation_fails(opusagent, tiny: Path) -> None:
    (tiny / "conversations.yaml").write_text(CONVERSATIONS.replace("state: sure", "state: order"))
    said = opusagent("agent", "test", tiny)
    assert said.code == 1
    assert said.lines[0] == "FAILED  ordered"
    assert said.lines[1].startswith(f"        line 2 at {tiny / 'conversations.yaml'}:8 ('a cake'): state: ")
    assert "expected 'order', got 'sure'" in said.lines[1]


def test_without_conversations_nothing_is_proved(opusagent, tiny: Path) -> None:
    said = opusagent("agent", "test", tiny)
    assert said.code == 1
    assert "no conversations" in said.out


def test_tool_servers_are_compared(opusagent, shop: Path) -> None:
    assert opusagent("agent", "check", "--tools", shop).code == 0
    server = shop / "shop.py"
    server.write_text(server.read_text().replace("def order(what", "def order(which"))
    said = opusagent("agent", "check", "--tools", shop)
    assert said.code == 1
    assert f"{shop / 'agent.yaml'}:25:57: error: order.order: tool order takes no argument 'what'" in said.lines
    server.unlink()
    said = opusagent("agent", "check", "--tools", shop)
    assert said.code == 1
    assert f"{shop / 'agent.yaml'}:9:9: error: tool server shop" in said.out
