"""What a user of the server and its supervisor say to each other: one JSON object per line."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

LEASE_SOCKET: Final = "lease"
RUN_LINK: Final = "run"
HOME_LINK: Final = "home"
SERVER_LOG: Final = "server.log"
_LOG_TAIL_BYTES: Final = 4096
_LOG_TAIL_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What the first user asks the supervisor to run.

    Attributes:
        home: Absolute path of the directory that holds everything of this server.
        installation: Directory with the `bin`, `lib` and `share` of PostgreSQL.
        durable: Whether a commit survives a crash of the machine.
        is_temporary: Whether the supervisor removes `home` when the server has stopped.
        settings: Further settings of the server, by name.
    """

    home: str
    installation: str
    durable: bool
    is_temporary: bool
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """The server accepts connections.

    Attributes:
        host: Directory of the server's Unix socket.
        port: Number in the socket's name; nothing listens on TCP.
        user: Role to log in as.
        password: Its password.
        database: Database to connect to.
        durable: Whether the running server is durable.
        settings: Settings the running server was started with.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    durable: bool
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Failed:
    """The server did not start.

    Attributes:
        reason: One sentence for people.
        is_configuration: Whether the caller has to change something before trying again.
        log: Last lines of the server's log, empty when they would not help.
    """

    reason: str
    is_configuration: bool
    log: str


def encode(message: Plan | Ready | Failed) -> bytes:
    """One line that `decode_plan` or `decode_answer` reads back."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode_plan(line: bytes) -> Plan:
    """The plan in a line that a user sent."""
    facts: dict[str, Any] = json.loads(line)
    facts.pop("kind")
    return Plan(**facts)


def decode_answer(line: bytes) -> Ready | Failed:
    """The answer in a line that the supervisor sent."""
    facts: dict[str, Any] = json.loads(line)
    return Ready(**facts) if facts.pop("kind") == Ready.__name__ else Failed(**facts)


def find_run_directory(home: Path) -> Path | None:
    """The directory with the sockets of a home's supervisor, None if there is none.

    The directory points back: a home that was copied while its server ran must not lead its user
    to the server of the original.
    """
    try:
        run = (home / RUN_LINK).readlink()
        return run if (run / HOME_LINK).samefile(home) else None
    except OSError:
        return None


def read_log_tail(home: Path) -> str:
    """The last lines of the server's log, empty when there is none."""
    try:
        content = (home / SERVER_LOG).read_bytes()
    except OSError:
        return ""
    lines = content[-_LOG_TAIL_BYTES:].decode(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:])
