"""A session's configuration and a response's instructions, from the dialogue plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from audio.formats import Format
from llm_relay.backends.port import Manner, Part
from llm_relay.settings import RelaySettings
from opusagent.dialogue.v1.plan_pb2 import DialoguePlan, EntryPoint

Json = dict[str, Any]

_FORMATS = {"pcm16": "audio/pcm", "mulaw": "audio/pcmu", "alaw": "audio/pcma"}

VOICES = frozenset({"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"})
"""Names that `session.audio.output.voice` takes; a plan may name a voice of another backend."""
ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What of the settings goes into every session."""

    transcription_model: str
    voice: str
    turn_detection: str

    @classmethod
    def of(cls, settings: RelaySettings) -> "ModelSettings":
        """Those of the relay."""
        return cls(settings.openai_transcription_model, settings.openai_voice, settings.openai_turn_detection.value)


def session(plan: DialoguePlan, format: Format, model: ModelSettings) -> Json:
    """The `session` of session.update."""
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": plan.instructions,
        "tools": tools(plan.entry_points),
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": _format(format),
                "transcription": _transcription(plan, model.transcription_model),
                "turn_detection": {"type": model.turn_detection, "create_response": True, "interrupt_response": True},
            },
            "output": {"format": _format(format), "voice": plan.voice if plan.voice in VOICES else model.voice},
        },
    }


def _format(format: Format) -> Json:
    name = _FORMATS[format.encoding]
    return {"type": name, "rate": format.rate} if format.encoding == "pcm16" else {"type": name}


def _transcription(plan: DialoguePlan, model: str) -> Json:
    transcription: Json = {"model": model}
    if plan.language:
        transcription["language"] = plan.language.partition("-")[0]
    if plan.vocabulary:
        transcription["prompt"] = ", ".join(plan.vocabulary)
    return transcription


def tools(entry_points: Sequence[EntryPoint]) -> list[Json]:
    """The functions by which the model reaches the tasks; none when there are no tasks."""
    if not entry_points:
        return []
    return [_start_task(entry_points), _ANSWER_TASK, _CANCEL_TASK]


def _start_task(entry_points: Sequence[EntryPoint]) -> Json:
    schemas = [_schema(point) for point in entry_points]
    arguments = schemas[0] if len(schemas) == 1 else {"type": "object", "anyOf": schemas}
    listed = "\n".join(f"{point.task}: {point.description}" for point in entry_points)
    return _function(
        "start_task",
        f"Start a task for the caller. The tasks:\n{listed}",
        {
            "task": {"type": "string", "enum": [point.task for point in entry_points]},
            "arguments": {**arguments, "description": "What the caller has said of it already; leave out the rest."},
        },
        "task",
    )


def _schema(point: EntryPoint) -> Json:
    schema = orjson.loads(point.arguments_schema_json) if point.arguments_schema_json else ANY_OBJECT
    return {**schema, "title": point.task}


def _function(name: str, description: str, properties: Json, *required: str) -> Json:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "name": name, "description": description, "parameters": parameters}


_TASK_ID: Json = {
    "type": "string",
    "description": "As named with the open question; empty when the question belonged to no task.",
}
_ANSWER_TASK = _function(
    "answer_task",
    "Pass on the caller's answer to the open question. Call it whenever the caller answers one.",
    {"task_id": _TASK_ID, "answer": {"type": "string", "description": "The answer, as the caller gave it."}},
    "task_id",
    "answer",
)
_CANCEL_TASK = _function("cancel_task", "Give a task up because the caller wants so.", {"task_id": _TASK_ID}, "task_id")


def notes(parts: Sequence[Part]) -> list[str]:
    """What the model is told beside what it is to say: guidance, and which question is open."""
    told: list[str] = []
    for part in parts:
        if part.manner is Manner.UNSPOKEN:
            told.append(part.text)
        elif part.question:
            told.append(_open_question(part))
    return told


def _open_question(part: Part) -> str:
    whose = f"Open question, task_id: {part.task_id}." if part.task_id else "Open question of no task (task_id empty)."
    otherwise = "" if part.task_id else " If the caller wants a task instead, call start_task."
    put = f"It is put to the caller now: {_quote(part.text)}."
    return f"{whose} {put} Pass the caller's answer on with answer_task.{otherwise}"


def directive(parts: Sequence[Part]) -> str:
    """The instructions of the response that says these parts, all in one manner; empty when none of them is spoken."""
    spoken = [part for part in parts if part.manner is not Manner.UNSPOKEN]
    text = _quote(" ".join(part.text for part in spoken))
    if not spoken:
        return ""
    if spoken[0].manner is Manner.EXACTLY:
        return f"Say to the caller exactly this, word for word, and nothing else: {text}"
    return f"Tell the caller this now, every fact of it and no other, in the words of the conversation: {text}"


def _quote(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
