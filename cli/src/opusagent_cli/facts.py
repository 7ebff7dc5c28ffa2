"""The log of facts, as lines for people and as JSON."""

import json

from google.protobuf.json_format import MessageToDict

from opusagent.events.v1 import events_pb2 as events
from simulator.stories.telling import tell


def describe(event: events.CallEvent) -> tuple[str, str] | None:
    """Return who did what, or None for a fact of no interest to a reader."""
    if event.WhichOneof("fact") == "turn_taken" and event.turn_taken.speaker == events.SPEAKER_AGENT:
        turn = event.turn_taken
        took = f"  ({turn.response_ms} ms)" if turn.response_ms else ""
        return "agent", turn.text + (" —" if turn.interrupted else "") + took
    told = tell(event)
    return (told[0], told[1]) if told else None


def as_json(event: events.CallEvent) -> str:
    """Return a fact as one line of JSON."""
    return json.dumps(MessageToDict(event, preserving_proto_field_name=True), ensure_ascii=False)
