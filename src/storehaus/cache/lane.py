"""One connection to Redis, shared by all who ask at the same time.

What is asked in one turn of the event loop is written together, and all reads of a turn are one
MGET. Answers come in order, so that they need no numbers.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from storehaus.cache.scripts import Script
from storehaus.errors import CacheError

__all__ = ["Lane"]

_ID_CHARACTERS = 8


class Lane:
    """A connection.

    Args:
        connection: Made by redis-py, not connected yet.
        prefix: What all keys of this cache begin with.
        broke: Called when the connection is lost.

    Attributes:
        server: Name and version of what answers.
        asked: Requests that wait for an answer, with the time they were sent, oldest first.
    """

    def __init__(self, connection: AbstractConnection, prefix: bytes, broke: Any) -> None:
        self._connection = connection
        self._prefix = prefix
        self._broke = broke
        self._start = b""
        self._reads: list[tuple[Sequence[bytes], asyncio.Future[Any]]] = []
        self._commands: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._is_scheduled = False
        self._loop = asyncio.get_running_loop()
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.server = ""
        self.asked: deque[tuple[float, asyncio.Future[Any]]] = deque()

    def start_of(self, space: bytes) -> bytes:
        """Give what stands before all names.

        The ids of the server's run and of its reign as a primary are part of it: what is left from
        another one is as if it were not there, for nobody knows how old it is.
        """
        return b"%b%b:%b:" % (self._prefix, self._start, space)

    async def connect(self) -> None:
        """Connect, and find out which server that is.

        Raises:
            CacheError: When it cannot be reached, or refuses.
        """
        connection = self._connection
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py has no types here
            facts: dict[str, str] = {}
            for section in ("server", "replication"):
                await connection.send_command("INFO", section)
                facts |= _facts(await connection.read_response())
        except (RedisError, OSError, UnicodeError) as error:
            await self._disconnect()
            # What redis-py says may name the address, and that may hold a password.
            raise CacheError(f"Redis cannot be reached: {type(error).__name__}") from None
        except BaseException:
            await self._disconnect()
            raise
        reign = (facts.get("run_id", ""), facts.get("master_replid", ""))
        self._start = "".join(each[:_ID_CHARACTERS] for each in reign).encode()
        is_valkey = "valkey_version" in facts
        version = facts.get("valkey_version") or facts.get("redis_version", "?")
        self.server = f"{'Valkey' if is_valkey else 'Redis'} {version}"
        # redis-py itself can only wait for each write to be through.
        self._writer = connection._writer  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self._reader = asyncio.create_task(self._read(), name="storehaus-cache-lane")

    def read(self, names: Sequence[bytes]) -> asyncio.Future[Any]:
        """Ask for values by full name, together with all others of this turn."""
        future = self._loop.create_future()
        self._reads.append((names, future))
        self._schedule()
        return future

    def ask(self, *command: Any) -> asyncio.Future[Any]:
        """Send a command."""
        future = self._loop.create_future()
        self._commands.append((command, future))
        self._schedule()
        return future

    async def run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[Any]) -> Any:
        """Run a script, which Redis may have forgotten."""
        rest = (len(keys), *keys, *arguments)
        try:
            return await self.ask(b"EVALSHA", script.digest, *rest)
        except NoScriptError:
            return await self.ask(b"EVAL", script.text, *rest)

    async def close(self) -> None:
        """Disconnect; whoever waits gets an error."""
        reader, self._reader = self._reader, None
        self.fail(CacheError("the connection to Redis was closed"))
        if reader is not None and reader is not asyncio.current_task():
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
        await self._disconnect()

    def fail(self, error: CacheError) -> None:
        """Give everybody who waits an error, and take no more requests."""
        self._writer = None
        waiting = [future for _, future in self.asked]
        waiting += [future for _, future in (*self._reads, *self._commands)]
        self.asked.clear()
        self._reads.clear()
        self._commands.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                # Whoever was cancelled meanwhile does not fetch it.
                future.exception()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_scheduled = False
        writer = self._writer
        if writer is None:
            self.fail(CacheError("the connection to Redis was lost"))
            return
        now = self._loop.time()
        parts: list[bytes] = []
        if self._reads:
            reads, self._reads = self._reads, []
            names = [name for each, _ in reads for name in each]
            _pack(parts, (b"MGET", *names))
            whole = self._loop.create_future()
            whole.add_done_callback(partial(_share, reads))
            self.asked.append((now, whole))
        commands, self._commands = self._commands, []
        for command, future in commands:
            _pack(parts, command)
            self.asked.append((now, future))
        writer.write(b"".join(parts))

    async def _read(self) -> None:
        asked = self.asked
        try:
            while True:
                try:
                    answer = await self._next_answer()
                except ResponseError as error:
                    answer = error
                if not asked:
                    break
                _, future = asked.popleft()
                if future.done():
                    continue
                if isinstance(answer, ResponseError):
                    future.set_exception(answer)
                    future.exception()
                else:
                    future.set_result(answer)
        except (RedisError, OSError):
            pass
        self.fail(CacheError("the connection to Redis was lost"))
        self._broke(self)
        await self._disconnect()

    async def _next_answer(self) -> Any:
        read = cast("Callable[..., Awaitable[Any]]", self._connection.read_response)
        return await read(disconnect_on_error=False)

    async def _disconnect(self) -> None:
        self._writer = None
        with suppress(RedisError, OSError):
            await self._connection.disconnect(nowait=True)


def _pack(parts: list[bytes], command: Sequence[bytes | int]) -> None:
    """Write a command: RESP, an array of texts. redis-py's own takes three times as long."""
    parts.append(b"*%d\r\n" % len(command))
    for each in command:
        text = each if isinstance(each, bytes) else b"%d" % each
        parts.append(b"$%d\r\n%b\r\n" % (len(text), text))


def _share(
    reads: Sequence[tuple[Sequence[bytes], asyncio.Future[Any]]], whole: asyncio.Future[Any]
) -> None:
    """Give everybody his part of what came for all."""
    error = whole.exception()
    start = 0
    for names, future in reads:
        end = start + len(names)
        if not future.done():
            if error is not None:
                future.set_exception(error)
                future.exception()
            else:
                future.set_result(whole.result()[start:end])
        start = end


def _facts(answer: Any) -> dict[str, str]:
    text = answer.decode() if isinstance(answer, bytes) else str(answer)
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value for name, colon, value in pairs if colon}
