"""`opusagent agent new`: a starting point that works as it stands."""

from pathlib import Path


def test_a_new_agent_passes_check_and_test_and_takes_a_booking(opusagent, tmp_path: Path) -> None:
    said = opusagent("agent", "new", "blue-door", "--dir", tmp_path)
    assert said.code == 0
    folder = tmp_path / "blue-door"
    assert opusagent("agent", "check", folder).lines == ["1 agent checked: no errors, no warnings"]
    tested = opusagent("agent", "test", folder)
    assert tested.code == 0, tested.out
    assert tested.lines[-1] == "  covered: 8 of 8 states, 8 of 8 transitions"
    script = tmp_path / "script.txt"
    script.write_text("I'd like a table for tomorrow\nfour\nyes\nno\n")
    chat = opusagent("agent", "chat", folder, "--script", script, "--data", tmp_path / "data")
    assert "Your table for 4 is booked for tomorrow." in chat.lines
    assert "Thank you for calling Blue Door. Goodbye." in chat.lines
    assert (tmp_path / "data" / "blue-door.sqlite").exists()


def test_nothing_is_overwritten_and_names_are_checked(opusagent, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    wrong = {"there": "is there already", "My Inn": "such as my-inn", "../x": "cannot be", "7": "cannot be"}
    for name, problem in wrong.items():
        said = opusagent("agent", "new", name, "--dir", tmp_path)
        assert said.code == 1
        assert problem in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
