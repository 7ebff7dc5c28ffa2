"""The official client against the stand-in's REST API."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from simulator.clock import VirtualClock
from simulator.twilio.account import Account, Number
from simulator.twilio.client import RedirectedHttpClient
from simulator.twilio.network import PhoneNetwork

OURS = "+15550199"
CALLER = "+15550100"
ACCOUNT = Account("AC" + "a" * 32, "secret", {"SK1": "key"})


@pytest.fixture
async def network() -> AsyncIterator[PhoneNetwork]:
    async with VirtualClock() as clock:
        network = PhoneNetwork(ACCOUNT, clock=clock)
        network.add_number(Number(OURS))
        await network.start()
        yield network
        await network.stop()


async def with_client(network: PhoneNetwork, call: Any, user: str = ACCOUNT.sid, password: str = "secret") -> Any:
    def blocking() -> Any:
        http = RedirectedHttpClient(network.url, timeout=5)
        try:
            return call(Client(user, password, ACCOUNT.sid, http_client=http))
        finally:
            http.session.close()

    return await asyncio.to_thread(blocking)


def send(client: Client) -> Any:
    return client.messages.create(to=CALLER, from_=OURS, body="Reply CALL to continue.")


async def test_a_message_is_sent_and_reaches_the_handset(network: PhoneNetwork) -> None:
    handset = network.handset(CALLER)
    message = await with_client(network, send)
    assert (message.status, message.direction, message.num_segments) == ("queued", "outbound-api", "1")
    arrived = await handset.wait_for_message(10)
    assert (arrived.sid, arrived.body, arrived.from_number) == (message.sid, "Reply CALL to continue.", OURS)
    again = await with_client(network, lambda client: client.messages(message.sid).fetch())
    assert again.status == "delivered"
    assert again.date_sent is not None
    assert [record.sid for record in network.messages.to(CALLER)] == [message.sid]


async def test_messages_are_found_by_number_and_date(network: PhoneNetwork) -> None:
    sent = await with_client(network, send)
    since = datetime.now(UTC) - timedelta(minutes=1)

    def find(client: Client) -> list[str]:
        return [message.sid for message in client.messages.list(to=CALLER, date_sent_after=since)]

    assert await with_client(network, find) == [sent.sid]
    assert await with_client(network, lambda client: client.messages.list(to="+15550101")) == []
    late = datetime.now(UTC) + timedelta(days=1)
    assert await with_client(network, lambda client: client.messages.list(date_sent_after=late)) == []


async def test_lists_come_in_pages(network: PhoneNetwork) -> None:
    for _ in range(5):
        network.messages.create({"To": CALLER, "From": OURS, "Body": "x"})
    found = await with_client(network, lambda client: client.messages.list(page_size=2))
    assert len({message.sid for message in found}) == 5


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": "+1", "From": OURS, "Body": "x"}, 21211),
        ({"To": CALLER, "From": OURS}, 21602),
        ({"To": CALLER, "Body": "x"}, 21603),
        ({"To": CALLER, "From": "+15550198", "Body": "x"}, 21606),
        ({"To": CALLER, "From": OURS, "Body": "x" * 1601}, 21617),
        ({"Body": "x"}, 21604),
    ],
)
async def test_what_twilio_refuses_is_refused(network: PhoneNetwork, form: dict[str, str], code: int) -> None:
    fields = {"to": form.get("To", ""), "from_": form.get("From", ""), "body": form.get("Body", "")}
    with pytest.raises(TwilioRestException) as refused:
        await with_client(network, lambda client: client.messages.create(**fields))
    assert (refused.value.status, refused.value.code) == (400, code)
    assert network.messages.to(CALLER) == []


async def test_faults_come_in_order_and_are_spent(network: PhoneNetwork) -> None:
    network.message_faults.refuse(429, 20429)
    network.message_faults.refuse(500, 20500)
    network.message_faults.refuse(400, 21610)
    for status, code in ((429, 20429), (500, 20500), (400, 21610)):
        with pytest.raises(TwilioRestException) as refused:
            await with_client(network, send)
        assert (refused.value.status, refused.value.code) == (status, code)
    assert network.messages.records == {}
    assert (await with_client(network, send)).status == "queued"


async def test_a_silent_request_is_carried_out_but_never_answered(network: PhoneNetwork) -> None:
    network.message_faults.silence()

    def impatient() -> None:
        url = f"{network.url}/2010-04-01/Accounts/{ACCOUNT.sid}/Messages.json"
        form = {"To": CALLER, "From": OURS, "Body": "x"}
        with requests.Session() as session:
            session.post(url, form, auth=(ACCOUNT.sid, "secret"), timeout=0.2)

    with pytest.raises(requests.exceptions.ReadTimeout):
        await asyncio.to_thread(impatient)
    assert len(network.messages.to(CALLER)) == 1


async def test_who_is_not_known_is_turned_away(network: PhoneNetwork) -> None:
    for user, password in ((ACCOUNT.sid, "wrong"), ("SK2", "key"), ("", "")):
        with pytest.raises(TwilioRestException) as refused:
            await with_client(network, send, user or "AC", password or "-")
        assert (refused.value.status, refused.value.code) == (401, 20003)
    assert (await with_client(network, send, "SK1", "key")).status == "queued"


async def test_unknown_resources_are_answered_in_twilios_form(network: PhoneNetwork) -> None:
    for ask in (lambda c: c.messages("SM1").fetch(), lambda c: c.calls("CA1").fetch(), lambda c: c.queues.list()):
        with pytest.raises((TwilioRestException, Exception)) as refused:
            await with_client(network, ask)
        assert "404" in str(refused.value)


async def test_stop_blocks_and_start_unblocks(network: PhoneNetwork) -> None:
    handset = network.handset(CALLER)
    await handset.text(OURS, " stop ")
    with pytest.raises(TwilioRestException) as refused:
        await with_client(network, send)
    assert refused.value.code == 21610
    await handset.text(OURS, "Start")
    assert (await with_client(network, send)).status == "queued"


async def test_a_call_to_nobody_fails_and_says_so(network: PhoneNetwork) -> None:
    call = await with_client(network, lambda c: c.calls.create(to=CALLER, from_=OURS, twiml="<Response/>"))
    assert call.direction == "outbound-api"
    await network.legs[call.sid].ended
    again = await with_client(network, lambda c: c.calls(call.sid).fetch())
    assert again.status == "failed"
    with pytest.raises(TwilioRestException) as refused:
        await with_client(network, lambda c: c.calls(call.sid).update(status="completed"))
    assert refused.value.code == 21220


async def test_a_call_rings_until_nobody_answers(network: PhoneNetwork) -> None:
    handset = network.handset(CALLER)
    form = {"To": CALLER, "From": OURS, "Twiml": "<Response/>", "Timeout": "20"}
    call = network.create_call(form, [])
    leg = await handset.wait_for_call(5)
    assert leg.call.sid == call.sid
    assert (await leg.ended).detail == "no-answer"
    assert leg.call.status == "no-answer"
