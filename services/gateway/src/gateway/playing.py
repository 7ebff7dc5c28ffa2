"""The playout of one socket: `audio.playout` decides when, this sends and keeps the timers."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from audio.playout import FRAME_MS, Playout
from gateway import metrics
from gateway.ports import Leg, channel_name

MARK_MS = 200
"""Distance of marks, and so of `Heard` reports (DESIGN 4.6)."""

TICK_MS = 40
"""While audio waits, two frames go out every 40 ms: half the timers, and the lead covers it."""

DRAIN_SLACK_MS = 2000
"""How much longer than computed the last audio may take to be acknowledged before a hang-up goes on without."""


class Report(Protocol):
    """Takes how far an item was heard."""

    def __call__(self, item_id: str, heard_ms: int, ended: bool, flushed: bool) -> None:
        """Take one report."""


class Player:
    """Plays agent audio to one leg and reports what was heard of it."""

    def __init__(self, leg: Leg, report: Report) -> None:
        self._leg = leg
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._playout = Playout(leg.format, leg.lead_ms, MARK_MS)
        self._send_timer: asyncio.TimerHandle | None = None
        self._heard_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._on_idle: Callable[[], None] | None = None
        self._pushing = ""
        self._closed_id = ""
        self._open_id = ""
        self._dry_at_ms = 0.0
        channel = channel_name(leg.channel)
        self._underruns = metrics.UNDERRUNS.labels(channel)
        self._flushes = metrics.FLUSHES.labels(channel)

    @property
    def waiting_ms(self) -> int:
        """Agent audio that telephony has not been sent yet."""
        return self._playout.waiting_ms

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing sounds."""
        return self._playout.idle

    def play(self, item_id: str, audio: bytes, last: bool) -> None:
        """Take audio of an item; it goes out at once as far as the lead allows."""
        now = self._loop.time() * 1000
        if now > self._dry_at_ms + FRAME_MS and item_id == self._open_id and audio:
            self._underruns.inc()
        self._pushing = item_id
        self._playout.push(item_id, audio, last)
        if last:
            self._closed_id = item_id
        if self._send_timer is None:
            self._send(now)

    def flush(self) -> None:
        """Drop what was not heard, here and at the far end, and report it."""
        dropped = self._drop()
        self._leg.clear()
        self._flushes.inc()
        for item_id, heard_ms in dropped:
            self._report(item_id, heard_ms, True, True)
        self._check_idle()

    def stop(self) -> None:
        """End with the socket: what was not heard is reported as flushed."""
        for item_id, heard_ms in self._drop():
            self._report(item_id, heard_ms, True, True)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._on_idle = None

    def mark_echoed(self, name: str) -> None:
        """Telephony has played up to a mark (or dropped it, after a flush: then it is unknown here)."""
        heard = self._playout.acknowledge(name, self._loop.time() * 1000)
        if heard is not None:
            self._report(heard.item_id, heard.heard_ms, heard.ended, False)
            self._check_idle()

    def all_played(self) -> None:
        """Telephony says that it has played everything, whatever the clock says."""
        if self._playout.waiting_ms == 0:
            self._report_heard(float("inf"))

    def when_idle(self, then: Callable[[], None]) -> None:
        """Call once, when everything taken so far has been heard; bounded where telephony does not acknowledge."""
        self._on_idle = then
        if self._pushing and self._closed_id != self._pushing:
            self.play(self._pushing, b"", True)
        bound_ms = self._playout.waiting_ms + self._leg.lead_ms + DRAIN_SLACK_MS
        self._idle_timer = self._loop.call_later(bound_ms / 1000, self._idle)
        self._check_idle()

    def _send(self, now: float) -> None:
        leg = self._leg
        for item_id, audio, mark in self._playout.due(now):
            if audio:
                leg.send_audio(item_id, audio)
                self._open_id = item_id
                self._dry_at_ms = max(self._dry_at_ms, now) + FRAME_MS
            if mark is not None and leg.echoes_marks:
                leg.send_mark(mark)
        following = self._playout.next_due_ms(now)
        if following is not None:
            self._send_timer = self._loop.call_at(max(following, now + TICK_MS) / 1000, self._tick)
        elif self._open_id and self._open_id == self._closed_id:
            leg.end_item(self._open_id)
            self._open_id = ""
        if not leg.echoes_marks and self._heard_timer is None:
            self._arm_heard(now)

    def _tick(self) -> None:
        self._send_timer = None
        self._send(self._loop.time() * 1000)

    def _arm_heard(self, now: float) -> None:
        following = self._playout.next_heard_ms(now)
        if following is not None:
            self._heard_timer = self._loop.call_at(following / 1000 + 0.001, self._tell_heard)

    def _tell_heard(self) -> None:
        self._heard_timer = None
        now = self._loop.time() * 1000
        self._report_heard(now)
        self._arm_heard(now)

    def _report_heard(self, now: float) -> None:
        for item_id, heard_ms, ended in self._playout.heard(now):
            self._report(item_id, heard_ms, ended, False)
        self._check_idle()

    def _drop(self) -> list[tuple[str, int]]:
        for timer in (self._send_timer, self._heard_timer):
            if timer is not None:
                timer.cancel()
        self._send_timer = self._heard_timer = None
        self._pushing = self._closed_id = self._open_id = ""
        return self._playout.flush(self._loop.time() * 1000)

    def _check_idle(self) -> None:
        if self._on_idle is not None and self._playout.idle:
            self._idle()

    def _idle(self) -> None:
        then, self._on_idle = self._on_idle, None
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if then is not None:
            then()
