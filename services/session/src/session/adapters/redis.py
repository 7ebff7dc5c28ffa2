"""A store in Redis, shared by any number of session processes.

Every write is one Lua script, so it happens wholly or not at all. All keys of a partition carry the same hash tag
(`{os-07}`), so that what changes together lies on one server of a cluster. To keep every acknowledged write through a
crash of Redis itself, run it with `appendfsync always`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chassis.logging import get_logger
from chassis.retry import Backoff
from session.domain.ids import PARTITIONS
from session.store import Change, Conflict, Document, Outgoing, Reading, Store, StoreError

_log = get_logger(__name__)

T = TypeVar("T")

_WRITE = """
-- ARGV: the numbers of checks, puts, rows and listings, then their fields; keys are given as indices into KEYS.
local at = 5
local function take(n)
  at = at + n
  return unpack(ARGV, at - n, at - 1)
end
for _ = 1, tonumber(ARGV[1]) do
  local key, version = take(2)
  if (redis.call('HGET', KEYS[tonumber(key)], 'v') or '0') ~= version then return tonumber(key) end
end
for _ = 1, tonumber(ARGV[2]) do
  local key, version, value = take(3)
  redis.call('HSET', KEYS[tonumber(key)], 'v', version, 'd', value)
end
for _ = 1, tonumber(ARGV[3]) do
  local hash, order, id, value, keep = take(5)
  hash, order, keep = KEYS[tonumber(hash)], KEYS[tonumber(order)], tonumber(keep)
  if redis.call('HSETNX', hash, id, value) == 1 then
    redis.call('RPUSH', order, id)
    while keep > 0 and redis.call('LLEN', order) > keep do
      redis.call('HDEL', hash, redis.call('LPOP', order))
    end
  end
end
for _ = 1, tonumber(ARGV[4]) do
  local index, member, score = take(3)
  if score == '' then
    redis.call('ZREM', KEYS[tonumber(index)], member)
  else
    redis.call('ZADD', KEYS[tonumber(index)], score, member)
  end
end
return 0
"""

_PUBLISHED = """
-- KEYS: values, order, senders. ARGV: session, then row ids.
for i = 2, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('LREM', KEYS[2], 1, ARGV[i])
end
if redis.call('LLEN', KEYS[2]) == 0 then redis.call('ZREM', KEYS[3], ARGV[1]) end
return 0
"""

_ROWS = """
-- KEYS: values, order. Returns id, value, id, value ...
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', KEYS[1], id)
end
return found
"""


class _Arguments:
    """Collects the keys and arguments of the write script."""

    def __init__(self, partition: int) -> None:
        self.keys: dict[str, int] = {}
        self._partition = partition
        self._fields: list[list[Any]] = [[], [], [], []]
        self._counts = [0, 0, 0, 0]

    def key(self, kind: str, name: str = "") -> int:
        return self.keys.setdefault(_key(self._partition, kind, name), len(self.keys) + 1)

    def add(self, section: int, *fields: Any) -> None:
        self._counts[section] += 1
        self._fields[section].extend(fields)

    @property
    def values(self) -> list[Any]:
        return [*self._counts, *(field for section in self._fields for field in section)]


def _key(partition: int, kind: str, name: str = "") -> str:
    return f"{{os-{partition:02x}}}:{kind}:{name}" if name else f"{{os-{partition:02x}}}:{kind}"


class RedisStore(Store):
    """Keeps everything in the Redis at `url`; `timeout` bounds each answer, in seconds."""

    def __init__(self, url: str, timeout: float = 2.0, backoff: Backoff | None = None) -> None:
        self._redis: Any = Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 1)
        )
        self._write_script = self._redis.register_script(_WRITE)
        self._published_script = self._redis.register_script(_PUBLISHED)
        self._rows_script = self._redis.register_script(_ROWS)
        self._backoff = backoff or Backoff(0.2, 5.0)

    async def start(self) -> None:
        """Wait until Redis answers."""
        while True:
            try:
                await self.check()
            except StoreError as error:
                _log.warning("waiting for Redis", error=str(error))
                await self._backoff.wait()
            else:
                self._backoff.reset()
                return

    async def stop(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def check(self) -> None:
        """Ping."""
        await self._ask(self._redis.ping)

    async def _ask(self, command: Callable[[], Awaitable[T]]) -> T:
        try:
            return await command()
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(f"Redis: {error}") from error

    async def read(self, partition: int, keys: Sequence[str], rows: Sequence[tuple[str, str]] = ()) -> Reading:
        """Read documents and rows in one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(_key(partition, "d", key), "v", "d")
        for name, row_id in rows:
            pipeline.hget(_key(partition, "r", name), row_id)
        found = await self._ask(pipeline.execute)
        documents = [Document(int(version or 0), value or b"") for version, value in found[: len(keys)]]
        return Reading(documents, found[len(keys) :])

    async def write(self, partition: int, change: Change) -> None:
        """Apply a change by one script."""
        arguments = _arguments(partition, change)
        failed = await self._ask(lambda: self._write_script(keys=list(arguments.keys), args=arguments.values))
        if failed:
            raise Conflict(list(arguments.keys)[int(failed) - 1])

    async def collection(self, partition: int, name: str) -> list[bytes]:
        """Return a collection."""
        return [value for _, value in await self._rows(partition, "r", "o", name)]

    async def outgoing(self, partition: int, session_id: str) -> list[Outgoing]:
        """Return a session's outbox."""
        rows = await self._rows(partition, "x", "y", session_id)
        split = [(row_id, *value.split(b"\0", 1)) for row_id, value in rows]
        return [Outgoing(row_id.decode(), topic.decode(), value) for row_id, topic, value in split]

    async def _rows(self, partition: int, values: str, order: str, name: str) -> list[tuple[bytes, bytes]]:
        keys = [_key(partition, values, name), _key(partition, order, name)]
        flat = cast("list[bytes]", await self._ask(lambda: self._rows_script(keys=keys)))
        return list(zip(flat[::2], flat[1::2], strict=True))

    async def published(self, partition: int, session_id: str, row_ids: Sequence[str]) -> None:
        """Drop rows of an outbox by one script."""
        keys = [_key(partition, "x", session_id), _key(partition, "y", session_id), _key(partition, "senders")]
        await self._ask(lambda: self._published_script(keys=keys, args=[session_id, *row_ids]))

    async def senders(self) -> list[str]:
        """Return who has something to send."""
        found = await self._everywhere(lambda pipeline, part: pipeline.zrange(_key(part, "senders"), 0, -1))
        return [member.decode() for members in found for member in members]

    async def due(self, now_ms: int) -> list[str]:
        """Return whose alarm is due."""
        found = await self._everywhere(lambda pipeline, part: pipeline.zrangebyscore(_key(part, "alarms"), 0, now_ms))
        return [member.decode() for members in found for member in members]

    async def next_alarm(self) -> int | None:
        """Return the earliest alarm."""
        found = await self._everywhere(
            lambda pipeline, part: pipeline.zrange(_key(part, "alarms"), 0, 0, withscores=True)
        )
        return min((int(score) for members in found for _, score in members), default=None)

    async def members(self, index: str, limit: int) -> list[str]:
        """Return an index, highest score first, over all partitions."""
        found = await self._everywhere(
            lambda pipeline, part: pipeline.zrange(
                _key(part, "i", index), 0, max(limit - 1, 0), desc=True, withscores=True
            )
        )
        ranked = sorted((-score, member.decode()) for members in found for member, score in members)
        return [member for _, member in ranked[:limit]]

    async def _everywhere(self, command: Callable[[Any, int], Any]) -> list[Any]:
        """Run one command per partition in one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            command(pipeline, partition)
        return cast("list[Any]", await self._ask(pipeline.execute))


def _arguments(partition: int, change: Change) -> _Arguments:
    into = _Arguments(partition)
    for key, version in change.checks.items():
        into.add(0, into.key("d", key), version)
    for key, value in change.puts.items():
        into.add(1, into.key("d", key), change.checks[key] + 1, value)
    for row in change.rows:
        name = row.collection
        into.add(2, into.key("r", name), into.key("o", name), row.row_id, row.value, row.keep)
    for out in change.outbox:
        hash_key, order = into.key("x", change.session_id), into.key("y", change.session_id)
        into.add(2, hash_key, order, out.row_id, out.topic.encode() + b"\0" + out.value, 0)
    for listing in change.listings:
        score = "" if listing.score is None else listing.score
        into.add(3, into.key("i", listing.index), listing.member, score)
    if change.session_id:
        into.add(3, into.key("alarms"), change.session_id, "" if change.alarm is None else change.alarm)
    if change.outbox:
        into.add(3, into.key("senders"), change.session_id, 0)
    return into
