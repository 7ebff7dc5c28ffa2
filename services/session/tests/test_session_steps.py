"""Steps and transcripts: saved once, chained, published."""

import asyncio
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.rpc import RpcError, StatusCode, direct
from opusagent.events.v1.events_pb2 import SPEAKER_CALLER, TurnTaken
from opusagent.fsa.v1.fsa_pb2 import Ask, Output
from opusagent.session.v1 import session_pb2 as api
from session.adapters.memory import MemoryStore
from session.books import Books


def step(session_id: str, number: int, version: int, **fields: object) -> api.SaveTaskRequest:
    return api.SaveTaskRequest(
        session_id=session_id,
        call_id="call",
        event_id=f"e{number}",
        expected_version=version,
        snapshot=f"snapshot {number}".encode(),
        audit=[api.AuditRecord(record_json=f'{{"n":{number}}}', summary=f"step {number}")],
        outputs=[Output(output_id=f"e{number}#0", ask=Ask(text="When?"))],
        intents=[api.Intent(intent_id=f"i{number}", kind="tool")],
        **fields,
    )


async def test_a_step_is_saved_once_and_its_answer_repeated(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1")).call.session_id
    first = await client.SaveTask(step(session_id, 1, 0))
    again = await client.SaveTask(step(session_id, 1, 0, settled_intents=["i1"]))
    assert (first.version, first.repeated) == (1, False)
    assert (again.version, again.repeated) == (1, True)
    assert (again.outputs, again.intents) == (first.outputs, first.intents)
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
    assert (loaded.version, loaded.snapshot, loaded.audit_index) == (1, b"snapshot 1", 1)
    assert [output.output_id for output in loaded.undelivered] == ["e1#0"]
    assert [intent.intent_id for intent in loaded.open_intents] == ["i1"]


async def test_a_step_from_another_version_is_refused_and_changes_nothing(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1")).call.session_id
    await client.SaveTask(step(session_id, 1, 0))
    before = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
    for version in (0, 2):
        with pytest.raises(RpcError) as refused:
            await client.SaveTask(step(session_id, 2, version))
        assert refused.value.code is StatusCode.ABORTED
    assert await client.LoadTask(api.LoadTaskRequest(session_id=session_id)) == before
    await stored_world.settle(app)
    assert len(stored_world.facts("fsa_stepped")) == 1


async def test_of_racing_steps_on_one_version_one_is_saved(stored_world):
    apps = [await stored_world.live(), await stored_world.live()]
    session_id = (await stored_world.open(apps[0], "CA1")).call.session_id
    requests = [direct(app.servicer).SaveTask(step(session_id, n, 0)) for n, app in enumerate(apps * 3)]
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, RpcError)]
    assert {answer.code for answer in refused} == {StatusCode.ABORTED}


async def test_the_chain_holds_where_tasks_step_at_once(stored_world):
    """Every racer begins again from what another one saved, as engines do, until its own step is in."""
    apps = [await stored_world.live(), await stored_world.live()]
    session_id = (await stored_world.open(apps[0], "CA1")).call.session_id
    lost, start = 0, asyncio.Barrier(6)

    async def race(number: int, client: object) -> None:
        nonlocal lost
        loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
        await start.wait()
        while True:
            try:
                await client.SaveTask(step(session_id, number, loaded.version))
            except RpcError as error:
                if error.code is not StatusCode.ABORTED:
                    raise
                lost += 1
                loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
            else:
                return

    await asyncio.gather(*(race(n, direct(apps[n % 2].servicer)) for n in range(6)))
    await stored_world.settle(apps[0])
    facts = [event.fsa_stepped for event in stored_world.facts("fsa_stepped")]
    assert lost >= 5, "of the first six, one is saved"
    assert [fact.audit_index for fact in facts] == list(range(1, 7))
    assert {fact.record_json for fact in facts} == {f'{{"n":{n}}}' for n in range(6)}, "each is there, and once"
    previous = ""
    for fact in facts:
        assert fact.previous_hash == previous
        previous = hashlib.sha256((previous + fact.record_json).encode()).hexdigest()
        assert fact.hash == previous
    loaded = await direct(apps[1].servicer).LoadTask(api.LoadTaskRequest(session_id=session_id))
    assert (loaded.version, loaded.audit_index) == (6, 6)


async def test_settled_intents_and_delivered_outputs_leave_the_outbox(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1")).call.session_id
    await client.SaveTask(step(session_id, 1, 0))
    await client.SaveTask(step(session_id, 2, 1, settled_intents=["i1", "never"]))
    for _ in range(2):
        await client.MarkDelivered(api.MarkDeliveredRequest(session_id=session_id, output_ids=["e1#0", "never"]))
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
    assert [output.output_id for output in loaded.undelivered] == ["e2#0"]
    assert [intent.intent_id for intent in loaded.open_intents] == ["i2"]


async def test_the_audit_is_a_hash_chain_on_the_log(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1")).call.session_id
    for number in range(5):
        await client.SaveTask(step(session_id, number, number))
    await stored_world.settle(app)
    previous = ""
    for index, event in enumerate(stored_world.facts("fsa_stepped"), start=1):
        fact = event.fsa_stepped
        digest = hashlib.sha256((previous + fact.record_json).encode()).hexdigest()
        assert (fact.audit_index, fact.previous_hash, fact.hash) == (index, previous, digest)
        assert (event.session_id, event.call_id) == (session_id, "call")
        previous = digest
    assert index == 5
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
    assert (loaded.audit_index, loaded.audit_hash) == (5, previous)


async def test_a_turn_is_kept_once_and_recorded_once(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1")).call.session_id
    turns = [
        api.Turn(turn_id=f"t{n}", call_id="c", turn=TurnTaken(speaker=SPEAKER_CALLER, text=f"words {n}"))
        for n in range(3)
    ]
    await client.AppendTurns(api.AppendTurnsRequest(session_id=session_id, turns=[turns[0], turns[1], turns[0]]))
    await client.AppendTurns(api.AppendTurnsRequest(session_id=session_id, turns=turns))
    seen = await client.GetSession(api.GetSessionRequest(session_id=session_id))
    assert list(seen.turns) == turns
    await stored_world.settle(app)
    assert [fact.turn_taken.text for fact in stored_world.facts("turn_taken")] == ["words 0", "words 1", "words 2"]


@pytest.mark.parametrize("method", ["LoadTask", "SaveTask", "MarkDelivered", "AppendTurns", "GetSession"])
async def test_an_unknown_session_is_not_found(world, method):
    app = await world.live()
    request = getattr(api, f"{method}Request")(session_id="session-ffffffffffffffff")
    with pytest.raises(RpcError) as refused:
        await getattr(direct(app.servicer), method)(request)
    assert refused.value.code is StatusCode.NOT_FOUND


async def test_sessions_are_listed_newest_first(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = [await stored_world.open(app, f"CA{n}", caller=f"+1555000000{n}", now_ms=1000 + n) for n in range(5)]
    listed = await client.ListSessions(api.ListSessionsRequest(limit=3))
    expected = [answer.call.session_id for answer in reversed(opened[2:])]
    assert [view.session_id for view in listed.sessions] == expected
    assert listed.sessions[0].live_call_id == opened[4].call.call_id


async def test_watching_replays_the_log_and_follows_it(world):
    app = await world.live()
    opened = await world.open(app, "CA1")
    session_id = opened.call.session_id
    client = direct(app.servicer)
    turn = api.Turn(turn_id="t1", turn=TurnTaken(text="one"))
    await client.AppendTurns(api.AppendTurnsRequest(session_id=session_id, turns=[turn]))
    await world.settle(app)
    await world.fact("other", turn_taken=TurnTaken(text="not this"))
    await world.bus.append("call-events", session_id, b"\xff\xff garbage")
    stream = client.WatchEvents(api.WatchEventsRequest(session_id=session_id, from_start=True))
    assert (await anext(stream)).event.turn_taken.text == "one"
    following = asyncio.ensure_future(anext(stream))
    await world.hang_up(opened)
    assert (await following).event.WhichOneof("fact") == "call_ended"
    await stream.aclose()
    until_now = api.WatchEventsRequest(session_id=session_id, from_start=True, until_now=True)
    kinds = [answer.event.WhichOneof("fact") async for answer in client.WatchEvents(until_now)]
    assert kinds == ["turn_taken", "call_ended"]


@settings(max_examples=40, deadline=None)
@given(
    deliveries=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=25),
    kill_after=st.integers(0, 120),
)
def test_whatever_is_repeated_reordered_or_killed_an_event_is_one_step(make_world, deliveries, kill_after):
    asyncio.run(_deliver(make_world(MemoryStore()), deliveries, kill_after))


async def _deliver(world, deliveries, kill_after):
    """Give events to two replicas as an engine would: load, step, save; replica 0 dies on the way and is replaced."""
    steady = await world.live()
    session_id = (await world.open(steady, "CA1")).call.session_id
    replicas = [await world.live(start=False), steady]
    world.fuse_of(replicas[0]).arm(kill_after)
    answers: dict[int, set[int]] = {}
    for number, replica in deliveries:
        client = direct(replicas[replica].servicer)
        try:
            loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
            saved = await client.SaveTask(step(session_id, number, loaded.version))
        except asyncio.CancelledError:
            await world.kill(replicas[0])
            replicas[0] = await world.live()
        else:
            answers.setdefault(number, set()).add(saved.version)
    last = await world.live()
    await world.settle(last)
    loaded = await direct(last.servicer).LoadTask(api.LoadTaskRequest(session_id=session_id))
    assert all(len(versions) == 1 for versions in answers.values())
    assert len(answers) <= loaded.version <= len({number for number, _ in deliveries})
    ids = [output.output_id for output in loaded.undelivered]
    assert len(ids) == len(set(ids)) == loaded.version
    indices = {fact.fsa_stepped.audit_index: fact.fsa_stepped.hash for fact in world.facts("fsa_stepped")}
    assert sorted(indices) == list(range(1, loaded.version + 1))
    await world.end()


def remembering(session_id: str, number: int, version: int, until_ms: int, text: str = "{}") -> api.SaveTaskRequest:
    memory = api.CallerMemory(agent=f"agent{number}", memory_json=text, until_ms=until_ms)
    return step(session_id, number, version, memory=memory)


async def remembered(client, session_id: str) -> dict[str, str]:
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id, with_memory=True))
    return {one.agent: one.memory_json for one in loaded.memory}


async def test_what_an_agent_remembers_is_known_in_the_callers_next_session_and_no_other(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = await stored_world.open(app, "CA1")
    first = opened.call.session_id
    later = stored_world.time() + 60_000
    await client.SaveTask(remembering(first, 1, 0, later, '{"a":1}'))
    await client.SaveTask(remembering(first, 1, 0, later, '{"a":"repeated"}'))
    await client.SaveTask(remembering(first, 2, 1, later, '{"b":1}'))
    with pytest.raises(RpcError):
        await client.SaveTask(remembering(first, 3, 1, later, '{"stale":1}'))
    await stored_world.hang_up(opened)
    await stored_world.settle(app)
    second = (await stored_world.open(app, "CA2")).call.session_id
    assert second != first
    assert await remembered(client, second) == {"agent1": '{"a":1}', "agent2": '{"b":1}'}
    assert not (await client.LoadTask(api.LoadTaskRequest(session_id=second))).memory
    changed = remembering(second, 1, 0, later, '{"a":2}')
    await client.SaveTask(changed)
    assert await remembered(client, first) == {"agent1": '{"a":2}', "agent2": '{"b":1}'}
    stranger = (await stored_world.open(app, "CA3", caller="+15551230009")).call.session_id
    assert await remembered(client, stranger) == {}


async def test_a_memory_is_forgotten_when_it_is_too_old_and_when_it_is_told_to(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1")).call.session_id
    now = stored_world.time()
    await client.SaveTask(remembering(session_id, 1, 0, now + 1000))
    await client.SaveTask(remembering(session_id, 2, 1, now + 5000))
    stored_world.time.advance(1)
    assert set(await remembered(client, session_id)) == {"agent2"}
    await client.SaveTask(step(session_id, 3, 2, memory=api.CallerMemory(agent="agent2")))
    assert await remembered(client, session_id) == {}


async def test_a_memory_that_is_too_old_is_deleted_without_another_call(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = await stored_world.open(app, "CA1")
    await client.SaveTask(remembering(opened.call.session_id, 1, 0, stored_world.time() + 60_000))
    await stored_world.hang_up(opened)
    await stored_world.settle(app)
    books = Books(stored_world.store)
    assert [memory.agent for memory in (await books.caller(opened.call.caller)).memory] == ["agent1"]
    stored_world.time.advance(60)
    await stored_world.settle(app)
    assert not (await books.caller(opened.call.caller)).memory
    assert await stored_world.store.next_alarm() is None


async def test_nothing_is_remembered_of_callers_who_withhold_their_number(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    session_id = (await stored_world.open(app, "CA1", caller="")).call.session_id
    await client.SaveTask(remembering(session_id, 1, 0, stored_world.time() + 60_000))
    assert await remembered(client, session_id) == {}
