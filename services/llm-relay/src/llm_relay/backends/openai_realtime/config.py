"""A session's configuration and a response's instructions, from the dialogue plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from audio.formats import Format
from llm_relay.backends.port import Manner, Part
from llm_relay.settings import RelaySettings
from opusagent.dialogue.v1.plan_pb2 import DialoguePlan
from opusagent.fsa.v1.fsa_pb2 import Tool

Json = dict[str, Any]

_FORMATS = {"pcm16": "audio/pcm", "mulaw": "audio/pcmu", "alaw": "audio/pcma"}

VOICES = frozenset({"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"})
"""Names that `session.audio.output.voice` takes; a plan may name a voice of another backend."""


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


def session(plan: DialoguePlan, tools: Sequence[Tool], format: Format, model: ModelSettings) -> Json:
    """The `session` of session.update."""
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": plan.instructions,
        "tools": functions(tools),
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


def functions(tools: Sequence[Tool]) -> list[Json]:
    """The functions that the model may call."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": orjson.loads(tool.parameters_schema_json),
        }
        for tool in tools
    ]


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
