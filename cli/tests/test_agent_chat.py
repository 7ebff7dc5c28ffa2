"""`opusagent agent chat`: the engine, session and the agent's own tool server, in text."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ORDER = "# a comment\n\nI want to order something\na cake\nyes\n"


def script(folder: Path, text: str = ORDER) -> Path:
    path = folder / "script.txt"
    path.write_text(text)
    return path


def test_a_scripted_conversation_uses_the_real_tool(opusagent, shop: Path) -> None:
    said = opusagent("agent", "chat", shop, "--script", script(shop))
    assert said.code == 0, said.err
    assert said.lines == [
        "Hello.",
        "> I want to order something",
        "What would you like?",
        "> a cake",
        "Shall I order a cake?",
        "> yes",
        "It is ordered.",
        "Is there anything else I can help you with?",
    ]
    assert (shop / "orders.txt").read_text() == "a cake\n"


def test_rules_and_states_are_shown(opusagent, rewrite: Callable[[str, str], Path], shop: Path) -> None:
    rewrite("slot: what, to: sure", "slot: what, transitions: [{when: what == 'x', to: sorry}, {to: sure}]")
    said = opusagent("agent", "chat", shop, "--script", script(shop), "--show", "rules,states")
    assert "    · rule     order.ask -> sorry: what == 'x' = false" in said.lines
    assert "    · state    order: ask -> sure" in said.lines
    wrong = opusagent("agent", "chat", shop, "--script", script(shop), "--show", "rules,colours")
    assert wrong.code == 1
    assert "colours" in wrong.err


def test_what_words_are_like_is_shown(opusagent, shop: Path) -> None:
    said = opusagent(
        "agent", "chat", shop, "--script", script(shop, "it is raining cats and dogs\n"), "--show", "rules"
    )
    (shown,) = [line for line in said.lines if "by likeness of meaning" in line]
    assert shown.startswith("    · rule     words mean none, by likeness of meaning: order 0.")


def test_exchanges_as_json(opusagent, shop: Path) -> None:
    keys = script(shop, "I want to order something\na cake\n/key 1\n/silence\n")
    said = opusagent("agent", "chat", shop, "--script", keys, "--json")
    exchanges = [json.loads(line) for line in said.lines]
    assert [each["caller"] for each in exchanges] == ["", "I want to order something", "a cake", "/key 1", "/silence"]
    assert exchanges[2]["states"] == {"order": "sure"}
    assert exchanges[3]["agent"][0] == "It is ordered."


def test_a_definition_of_any_name(opusagent, shop: Path) -> None:
    other = (shop / "agent.yaml").rename(shop / "next.yaml")
    said = opusagent("agent", "chat", other, "--script", script(shop))
    assert said.code == 0, said.err
    assert "It is ordered." in said.lines


def test_tools_that_are_not_there_are_told(opusagent, shop: Path) -> None:
    (shop / "shop.py").write_text((shop / "shop.py").read_text().replace("def order(what", "def order(which"))
    said = opusagent("agent", "chat", shop, "--script", script(shop))
    assert said.code == 1
    assert "order.order: tool order takes no argument 'what'" in said.err


def test_an_author_hears_why_a_tool_failed(opusagent, shop: Path) -> None:
    server = shop / "shop.py"
    server.write_text(server.read_text().replace("    with (", "    raise ValueError('no more cakes')\n    with ("))
    said = opusagent("agent", "chat", shop, "--script", script(shop))
    [line] = [line for line in said.lines if "failed" in line]
    assert line.startswith("    · failed   order: tool_failed: ")
    assert "no more cakes" in line
    exchange = json.loads(opusagent("agent", "chat", shop, "--script", script(shop), "--json").lines[-1])
    assert "no more cakes" in exchange["failed"][0]


def test_tools_find_a_data_folder_that_is_named_from_here(
    opusagent, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = shop / "shop.py"
    server.write_text(
        server.read_text()
        .replace("pathlib.Path(__file__).parent", "pathlib.Path(os.environ['OPUSAGENT_DATA'])")
        .replace("import pathlib", "import os\nimport pathlib")
    )
    monkeypatch.chdir(shop.parent)
    said = opusagent("agent", "chat", "tiny", "--script", script(shop), "--data", "trial")
    assert "It is ordered." in said.lines, said.out
    assert (shop.parent / "trial" / "orders.txt").read_text() == "a cake\n"


def test_what_is_typed_is_said(shop: Path) -> None:
    command = [sys.executable, "-m", "opusagent_cli.__main__", "agent", "chat", str(shop)]
    ran = subprocess.run(
        command, check=False, input="/help\nI want to order something\n", capture_output=True, text=True, timeout=50
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-2:] == ["> I want to order something", "What would you like?"]
    assert "/silence" in ran.stdout


def test_a_clock_can_be_given(opusagent, shop: Path, rewrite: Callable[[str, str], Path]) -> None:
    rewrite("what: {type: text", "what: {type: date")
    text = script(shop, "I want to order something\ntomorrow\n")
    said = opusagent("agent", "chat", shop, "--script", text, "--json", "--at", "2031-05-04T10:00")
    assert json.loads(said.lines[-1])["states"] == {"order": "sure"}
    said = opusagent("agent", "chat", shop, "--script", text, "--at", "soon")
    assert said.code == 1
    assert "soon" in said.err


def test_only_keys_are_heard_where_a_secret_is_asked_for(
    opusagent, shop: Path, rewrite: Callable[[str, str], Path]
) -> None:
    rewrite("what: {type: text", "what: {type: digits, sensitive: true, max_length: 4")
    text = script(shop, "I want to order something\nfour seven one one\n/key 4711\nyes\n")
    data = shop / "data"
    said = opusagent("agent", "chat", shop, "--script", text, "--data", data)
    assert said.lines.count("    · only keys are heard here: /key and the digits") == 2
    assert (shop / "orders.txt").read_text() == "4711\n"
    session = said.lines[-1].split()[2]
    audited = opusagent("audit", session, "--data", data)
    assert audited.code == 0
    assert "4711" not in audited.out
    replayed = opusagent("replay", session, "--data", data, "--agents", shop)
    assert (replayed.code, replayed.lines[0].split("  ")[1][:5]) == (0, "tiny:"), replayed.out


def test_what_cannot_be_is_told(opusagent, shop: Path) -> None:
    said = opusagent("agent", "chat", shop, "--script", script(shop, "/busy\n/key cake\n/key\n/key 1 *#\n"))
    assert "    · verdict  rejected: no transfer is under way" in said.lines
    assert sum(line.startswith("Talk to it; /key 1") for line in said.lines) == 2
    assert "> /key 1 *#" in said.lines


def test_transfers_are_acted_out(opusagent, shop: Path, rewrite: Callable[[str, str], Path]) -> None:
    rewrite("ordered: {kind: done, text: It is ordered.}", "ordered: {kind: handoff, target: 'tel:+15550911'}")
    said = opusagent("agent", "chat", shop, "--script", script(shop, ORDER + "/busy\n"))
    assert any(line.startswith("(transfers the call to tel:+15550911") for line in said.lines), said.out
    assert said.lines[said.lines.index("> /busy") + 1] == "I'm sorry, my colleagues are all on the telephone."
