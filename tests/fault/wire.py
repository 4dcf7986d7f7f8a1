"""Reads along what a client and a server say to each other, in PostgreSQL's protocol."""

from fault.proxy import Direction, Proxy

_HEADER_BYTES = 5
_READY = b"Z"
_IDLE = b"I"
_PARSE = b"P"
# The client sends them when it goes on only after an answer: Flush, Sync, Query.
_QUESTIONS = "HSQ"


class Wire:
    """Counts what one connection costs.

    Args:
        proxy: What the connection goes through.

    Attributes:
        requests: Types of the messages of the client, a letter each.
        names: Names that the client gave to statements; the empty one is none.
        releases: How often the server was idle and in no transaction: there, and only there,
            PgBouncer in transaction mode lends it to somebody else.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.requests = ""
        self.names = set[bytes]()
        self.releases = 0
        self._rest: dict[Direction, bytes] = {"request": b"", "reply": b""}

    @property
    def round_trips(self) -> int:
        """How often the client had to wait."""
        return sum(map(self.requests.count, _QUESTIONS))

    def listen(self) -> None:
        """Begin; the connection is open, and nothing is under way."""
        self._proxy.listener = self.read

    def read(self, direction: Direction, chunk: bytes) -> None:
        """Take note of some bytes, which may end within a message."""
        rest = self._rest[direction] + chunk
        while len(rest) >= _HEADER_BYTES:
            end = 1 + int.from_bytes(rest[1:_HEADER_BYTES])
            if len(rest) < end:
                break
            self._note(direction, rest[:end])
            rest = rest[end:]
        self._rest[direction] = rest

    def _note(self, direction: Direction, message: bytes) -> None:
        if direction == "request":
            self.requests += chr(message[0])
            if message[:1] == _PARSE:
                self.names.add(message[_HEADER_BYTES:].partition(b"\0")[0])
        elif message[:1] == _READY and message[_HEADER_BYTES:] == _IDLE:
            self.releases += 1
