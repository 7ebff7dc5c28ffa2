from hypothesis import given
from hypothesis import strategies as st

from chassis.heads import Gate, Stamper
from opusagent.media.v1.inbox_pb2 import SENDER_ENGINE, SENDER_GATEWAY, SENDER_RELAY, Head

POSTS = st.lists(
    st.tuples(st.sampled_from(["call-a", "call-b"]), st.integers(1, 3), st.sampled_from([SENDER_RELAY, SENDER_ENGINE])),
    max_size=60,
)
HEADS = st.lists(
    st.builds(
        Head,
        call_id=st.sampled_from(["call-a", "call-b"]),
        sender=st.sampled_from([SENDER_GATEWAY, SENDER_RELAY]),
        generation=st.integers(0, 4),
        sequence=st.integers(0, 6),
    ),
    max_size=80,
)


@given(POSTS)
def test_sequences_rise_by_one_from_one_per_call_generation_and_receiver(posts) -> None:
    stamper = Stamper(SENDER_GATEWAY)
    heads: dict[tuple[str, int, int], list[int]] = {}
    for call_id, generation, receiver in posts:
        head = stamper.head(call_id, generation, receiver, media_ms=7)
        assert (head.call_id, head.sender, head.generation, head.media_ms) == (call_id, SENDER_GATEWAY, generation, 7)
        heads.setdefault((call_id, generation, receiver), []).append(head.sequence)
    for sequences in heads.values():
        assert sequences == list(range(1, len(sequences) + 1))


@given(HEADS)
def test_a_gate_admits_exactly_what_is_newer_than_all_it_admitted(heads) -> None:
    gate = Gate("test")
    newest: dict[tuple[str, int], tuple[int, int]] = {}
    for head in heads:
        key = (head.call_id, head.sender)
        position = (head.generation, head.sequence)
        news = position > newest.get(key, (0, 0))
        assert gate.admit(head) is news
        if news:
            newest[key] = position


@given(HEADS)
def test_no_duplicate_is_ever_admitted(heads) -> None:
    gate = Gate("test")
    for head in heads:
        gate.admit(head)
        assert not gate.admit(head)


@given(st.permutations(range(1, 8)), st.integers(1, 3))
def test_what_a_stamper_made_passes_a_gate_in_rising_order_whatever_was_lost(order, generation) -> None:
    stamper, gate = Stamper(SENDER_RELAY), Gate("test")
    made = [stamper.head("call-a", generation, "gateway") for _ in range(7)]
    admitted = [made[index - 1].sequence for index in order if gate.admit(made[index - 1])]
    assert admitted == sorted(set(admitted))
    assert max(admitted) == 7


def test_a_zombie_of_a_lower_generation_is_fenced() -> None:
    gate = Gate("test")
    old, new = Stamper(SENDER_RELAY), Stamper(SENDER_RELAY)
    assert gate.admit(old.head("call-a", 1, "gateway"))
    assert gate.admit(new.head("call-a", 2, "gateway"))
    assert not any(gate.admit(old.head("call-a", 1, "gateway")) for _ in range(20))
    assert gate.admit(new.head("call-a", 2, "gateway"))


def test_a_gate_forgets_when_told_and_when_it_holds_too_many() -> None:
    gate, stamper = Gate("test", max_calls=2), Stamper(SENDER_RELAY)
    first = stamper.head("call-1", 1, "gateway")
    assert gate.admit(first)
    gate.forget("call-1")
    assert gate.admit(first)
    for call_id in ("call-2", "call-3"):
        assert gate.admit(stamper.head(call_id, 1, "gateway"))
    assert gate.admit(first)
