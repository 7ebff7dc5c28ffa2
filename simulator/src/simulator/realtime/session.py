"""One session of the stand-in: client events in, server events out, in the order the API documents.

A turn of the caller: speech_started, speech_stopped, committed, item added and done, transcription (as late as the
recogniser is), then a response. At most one response is active. Source of the order: the Realtime guide and SDK types.
"""

import asyncio
import base64
import binascii
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from simulator.realtime import events
from simulator.realtime.conversation import Conversation, Json, bytes_per_ms, merge
from simulator.realtime.hearing import Hearing, SpeechBegan, SpeechOver
from simulator.realtime.mind import Call, Mind

Send = Callable[[Json], Awaitable[None]]
Speak = Callable[[str, Json], AsyncIterator[tuple[str, bytes]]]
"""Words and output format -> pieces of (words, audio in that format)."""

MAX_APPEND_BYTES = 15 * 1024 * 1024
MIN_COMMIT_MS = 100


class RealtimeSession:
    """Runs one connection; `handle` takes each client event, `close` ends all it started."""

    def __init__(self, session: Json, send: Send, hearing: Hearing, speak: Speak, mind: Mind) -> None:
        self.conversation = Conversation(session)
        self._send_raw = send
        self._hearing = hearing
        self._speak = speak
        self._mind = mind
        self._numbers = itertools.count(1)
        self._response: asyncio.Task[None] | None = None
        self._response_id = ""
        self._spoken: list[Json] = []
        self._user_item = ""
        self._appended_ms = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Greet with session.created."""
        await self._send({"type": "session.created", "session": self.conversation.session})

    async def close(self) -> None:
        """Cancel whatever still runs."""
        tasks = [*self._tasks, *([self._response] if self._response else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._hearing.close()

    async def handle(self, event: Json) -> None:
        """Take one client event; a wrong one is answered with an error and changes nothing."""
        handler = _HANDLERS.get(str(event.get("type")))
        if handler is None:
            kind = event.get("type")
            await self._error(f"Invalid value: {kind!r}", "invalid_value", event, "type")
            return
        try:
            await handler(self, event)
        except (KeyError, TypeError, ValueError, binascii.Error) as problem:
            await self._error(f"Malformed {event['type']}: {problem}", "invalid_value", event)

    # -- client events

    async def _update(self, event: Json) -> None:
        update = event["session"]
        beta = {"modalities", "input_audio_format", "output_audio_format", "turn_detection", "temperature"} & set(
            update
        )
        if beta:
            await self._error(f"Unknown parameter: 'session.{min(beta)}'.", "unknown_parameter", event, "session")
            return
        self.conversation.session = merge(self.conversation.session, update)
        await self._hearing.configure(self.conversation.session)
        await self._send({"type": "session.updated", "session": self.conversation.session})

    async def _append(self, event: Json) -> None:
        audio = base64.b64decode(event["audio"], validate=True)
        if len(audio) > MAX_APPEND_BYTES:
            await self._error("Audio of an append is limited to 15 MiB.", "invalid_value", event, "audio")
            return
        self._appended_ms += len(audio) / bytes_per_ms(self.conversation.session["audio"]["input"]["format"])
        for happening in await self._hearing.feed(audio):
            if isinstance(happening, SpeechBegan):
                await self._speech_began(happening)
            else:
                await self._speech_over(happening)

    async def _commit(self, event: Json) -> None:
        if self._appended_ms < MIN_COMMIT_MS:
            await self._error("The input audio buffer is empty.", "input_audio_buffer_commit_empty", event)
            return
        self._user_item = self._id("item")
        await self._committed(self._hearing.take(), respond=False)

    async def _clear(self, event: Json) -> None:
        self._hearing.take()
        self._appended_ms = 0
        await self._send({"type": "input_audio_buffer.cleared"})

    async def _create_item(self, event: Json) -> None:
        body = {"object": "realtime.item", "status": "completed", **event["item"]}
        body.setdefault("id", self._id("item"))
        previous = self.conversation.add(body, event.get("previous_item_id"))
        await self._send({"type": "conversation.item.added", "item": body, "previous_item_id": previous})
        await self._send({"type": "conversation.item.done", "item": body, "previous_item_id": previous})

    async def _delete_item(self, event: Json) -> None:
        if not self.conversation.remove(event["item_id"]):
            await self._error("No such item.", "item_delete_invalid_item_id", event, "item_id")
            return
        await self._send({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    async def _truncate(self, event: Json) -> None:
        problem = self.conversation.truncate(event["item_id"], int(event["audio_end_ms"]))
        if problem is not None:
            await self._error(problem, "item_truncate_invalid", event, "audio_end_ms")
            return
        kept = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        await self._send({"type": "conversation.item.truncated", **kept})

    async def _create_response(self, event: Json) -> None:
        if self._active:
            text = f"Conversation already has an active response: {self._response_id}"
            await self._error(text, "conversation_already_has_active_response", event)
            return
        self._respond((event.get("response") or {}).get("instructions"))

    async def _cancel_response(self, event: Json) -> None:
        if not self._active:
            await self._error("Cancellation failed: no active response found", "response_cancel_not_active", event)
            return
        await self._interrupt("client_cancelled")

    # -- the caller's turns

    async def _speech_began(self, began: SpeechBegan) -> None:
        self._user_item = self._id("item")
        started = {"audio_start_ms": began.audio_ms, "item_id": self._user_item}
        await self._send({"type": "input_audio_buffer.speech_started", **started})
        detection = self.conversation.session["audio"]["input"]["turn_detection"] or {}
        if detection.get("interrupt_response", True) and self._active:
            await self._interrupt("turn_detected")

    async def _speech_over(self, over: SpeechOver) -> None:
        stopped = {"audio_end_ms": over.audio_ms, "item_id": self._user_item}
        await self._send({"type": "input_audio_buffer.speech_stopped", **stopped})
        detection = self.conversation.session["audio"]["input"]["turn_detection"] or {}
        await self._committed(over.audio, respond=bool(detection.get("create_response", True)))

    async def _committed(self, audio: Any, respond: bool) -> None:
        self._appended_ms = 0
        item = events.user_item(self._user_item)
        previous = self.conversation.add(item)
        committed = {"previous_item_id": previous, "item_id": self._user_item}
        await self._send({"type": "input_audio_buffer.committed", **committed})
        await self._send({"type": "conversation.item.added", "item": item, "previous_item_id": previous})
        await self._send({"type": "conversation.item.done", "item": item, "previous_item_id": previous})
        self._own(asyncio.create_task(self._understand(self._user_item, audio, respond)))

    async def _understand(self, item_id: str, audio: Any, respond: bool) -> None:
        text = await self._hearing.recognise(audio)
        item = self.conversation.find(item_id)
        if item is not None:
            item.body["content"] = [{"type": "input_audio", "transcript": text}]
        if self.conversation.session["audio"]["input"]["transcription"] is not None:
            usage = {"type": "duration", "seconds": round(len(audio) / 16000, 2)}
            await self._send(
                {
                    "type": "conversation.item.input_audio_transcription.completed",
                    "item_id": item_id,
                    "content_index": 0,
                    "transcript": text,
                    "usage": usage,
                }
            )
        if respond and (text or self._mind.hears_things) and not self._active:
            self._respond(None)

    # -- responses

    @property
    def _active(self) -> bool:
        return self._response is not None and not self._response.done()

    def _respond(self, instructions: str | None) -> None:
        self._response_id = self._id("resp")
        self._spoken = []
        self._response = asyncio.create_task(self._run_response(self._response_id, instructions))

    async def _interrupt(self, reason: str) -> None:
        assert self._response is not None
        self._response.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._response
        done = events.cancelled(self._response_id, reason, self._spoken)
        await self._send({"type": "response.done", "response": done})

    async def _run_response(self, response_id: str, instructions: str | None) -> None:
        await self._send({"type": "response.created", "response": events.response(response_id, "in_progress", [])})
        thought = self._mind.decide(self.conversation, instructions)
        if isinstance(thought, Call):
            await self._call(response_id, thought)
        else:
            await self._say(response_id, thought.text)
        done = events.response(response_id, "completed", self._spoken)
        await self._send({"type": "response.done", "response": done})

    async def _call(self, response_id: str, call: Call) -> None:
        item_id, call_id, arguments = self._id("item"), self._id("call"), json.dumps(call.arguments)
        begun = events.function_call_item(item_id, call_id, call.name, status="in_progress")
        await self._item_begun(response_id, begun)
        where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "call_id": call_id}
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            await self._send({"type": "response.function_call_arguments.delta", **where, "delta": part})
        finished = {**where, "name": call.name, "arguments": arguments}
        await self._send({"type": "response.function_call_arguments.done", **finished})
        await self._item_finished(response_id, events.function_call_item(item_id, call_id, call.name, arguments))

    async def _say(self, response_id: str, text: str) -> None:
        item_id = self._id("item")
        await self._item_begun(response_id, events.assistant_item(item_id))
        where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        empty = {"type": "audio", "transcript": ""}
        await self._send({"type": "response.content_part.added", **where, "part": empty})
        item = self.conversation.find(item_id)
        audio_format = self.conversation.session["audio"]["output"]["format"]
        async for words, audio in self._speak(text, audio_format):
            if item is not None:
                item.audio_ms += len(audio) // bytes_per_ms(audio_format)
            if words:
                await self._send({"type": "response.output_audio_transcript.delta", **where, "delta": words})
            delta = base64.b64encode(audio).decode()
            await self._send({"type": "response.output_audio.delta", **where, "delta": delta})
        await self._send({"type": "response.output_audio.done", **where})
        await self._send({"type": "response.output_audio_transcript.done", **where, "transcript": text})
        part = {"type": "audio", "transcript": text}
        await self._send({"type": "response.content_part.done", **where, "part": part})
        await self._item_finished(response_id, events.assistant_item(item_id, text, "completed"))

    async def _item_begun(self, response_id: str, body: Json) -> None:
        previous = self.conversation.add(body)
        where = {"response_id": response_id, "output_index": 0}
        await self._send({"type": "response.output_item.added", **where, "item": body})
        await self._send({"type": "conversation.item.added", "item": body, "previous_item_id": previous})

    async def _item_finished(self, response_id: str, body: Json) -> None:
        item = self.conversation.find(body["id"])
        if item is not None:
            item.body = body
        self._spoken.append(body)
        await self._send({"type": "conversation.item.done", "item": body, "previous_item_id": None})
        where = {"response_id": response_id, "output_index": 0}
        await self._send({"type": "response.output_item.done", **where, "item": body})

    # -- helpers

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers):08d}"

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _error(self, message: str, code: str, event: Json, param: str | None = None) -> None:
        await self._send(events.error(message, code, event.get("event_id"), param))

    async def _send(self, event: Json) -> None:
        await self._send_raw({"event_id": self._id("event"), **event})


_HANDLERS: dict[str, Callable[[RealtimeSession, Json], Awaitable[None]]] = {
    "session.update": RealtimeSession._update,
    "input_audio_buffer.append": RealtimeSession._append,
    "input_audio_buffer.commit": RealtimeSession._commit,
    "input_audio_buffer.clear": RealtimeSession._clear,
    "conversation.item.create": RealtimeSession._create_item,
    "conversation.item.delete": RealtimeSession._delete_item,
    "conversation.item.truncate": RealtimeSession._truncate,
    "response.create": RealtimeSession._create_response,
    "response.cancel": RealtimeSession._cancel_response,
}
