"""A TCP proxy between client and server that can delay, freeze, cut and refuse on purpose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["request", "reply"]
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

CHUNK_BYTES = 65536


class Proxy:
    """What flows through it flows unchanged, until it is told otherwise.

    Args:
        connect: Opens a connection to the server behind it.

    Attributes:
        port: Where it listens on 127.0.0.1.
        delay_seconds: How long each chunk is held back.
        accepted: Connections accepted so far, requests to cancel included.
        listener: Called with everything that is passed on from now on; None is nobody.
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.accepted = 0
        self.listener: Callable[[Direction, bytes], None] | None = None
        self._connect = connect
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._traps: list[tuple[Direction, bytes, Callable[[], None]]] = []
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["Proxy"]:
        """Accept connections for as long as the context lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.thaw()
            self.cut()
            await server.wait_closed()

    def freeze(self) -> None:
        """Stop passing anything on, in both directions; connections stay open."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and all that follows."""
        self._flowing.set()

    def refuse(self, *, refusing: bool = True) -> None:
        """Hang up on everyone who connects from now on."""
        self._refusing = refusing

    def cut(self) -> None:
        """Break every connection at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    def when(self, direction: Direction, marker: bytes, action: Callable[[], None]) -> None:
        """Do something when some bytes come by, once, before they are passed on.

        Args:
            direction: What the client sends, or what the server sends.
            marker: The bytes, within one chunk.
            action: `cut`, `freeze` or what the test likes.
        """
        self._traps.append((direction, marker, action))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            if self._refusing:
                raise ConnectionRefusedError
            upstream_reader, upstream_writer = await self._connect()
        except OSError:
            # Nor does anybody get through to a server that is not there.
            writer.transport.abort()
            return
        pair = {writer, upstream_writer}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as group:
                request = group.create_task(self._pump("request", reader, upstream_writer))
                reply = group.create_task(self._pump("reply", upstream_reader, writer))
                await asyncio.wait([request, reply], return_when=asyncio.FIRST_COMPLETED)
                for end in pair:
                    end.close()
        finally:
            self._writers -= pair
            for end in pair:
                end.transport.abort()

    async def _pump(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                self._spring_traps(direction, chunk)
                await self._flowing.wait()
                if self.listener is not None:
                    self.listener(direction, chunk)
                writer.write(chunk)
                await writer.drain()
        except OSError:
            # A broken connection is what this proxy is for.
            return

    def _spring_traps(self, direction: Direction, chunk: bytes) -> None:
        for trap in list(self._traps):
            wanted, marker, action = trap
            if wanted == direction and marker in chunk:
                self._traps.remove(trap)
                action()
