"""Where users hold their leases: one open connection each, closed by the kernel if they die."""

import selectors
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from .failure import NobodyLeft

_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_BACKLOG: Final = 128
_CHUNK_BYTES: Final = 4096


class LeaseDesk:
    """Counts the connections, and tells every one of them how the server is.

    Args:
        first: The connection of the user that started this process.
    """

    def __init__(self, first: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._members: set[socket.socket] = set()
        self._leavers: set[socket.socket] = set()
        self._door: socket.socket | None = None
        self._announcement = b""
        self._is_dismissed = False
        self._admit(first)
        self._watch_signals()

    @property
    def is_held(self) -> bool:
        """Whether anybody still needs the server."""
        return bool(self._members) and not self._is_dismissed

    def open_door(self, path: Path) -> None:
        """Let further users in through a Unix socket."""
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(_BACKLOG)
        self._watch(self._door, partial(self._admit_waiting, self._door))

    def close_door(self) -> None:
        """Turn away who comes now: they find the connection closed and try again later."""
        if self._door is not None:
            self._forget(self._door)
            self._door = None

    def attend(self, seconds: float | None) -> None:
        """Admit who comes and strike off who leaves, for one round.

        Args:
            seconds: Longest wait for something to happen, None for as long as it takes.
        """
        for key, _ in self._selector.select(seconds):
            act: Callable[[], None] = key.data
            act()
        if self._members:
            self._see_off()

    def attend_or_give_up(self, seconds: float) -> None:
        """The same, during a start.

        Raises:
            NobodyLeft: Nobody needs the server any more.
        """
        self.attend(seconds)
        if not self.is_held:
            raise NobodyLeft

    def announce(self, line: bytes) -> None:
        """Tell everybody who holds a lease, and everybody who comes later."""
        self._announcement = line
        for member in tuple(self._members):
            self._send(member)

    def _admit_waiting(self, door: socket.socket) -> None:
        with suppress(OSError):  # who knocked may be gone again
            self._admit(door.accept()[0])

    def _admit(self, member: socket.socket) -> None:
        self._members.add(member)
        self._watch(member, partial(self._read, member))
        self._send(member)

    def _send(self, member: socket.socket) -> None:
        # A line is far smaller than a socket's buffer, so that it is sent whole or not at all.
        try:
            member.sendall(self._announcement)
        except OSError:
            self._strike_off(member)

    def _read(self, member: socket.socket) -> None:
        try:
            is_over = member.recv(_CHUNK_BYTES) == b""
        except BlockingIOError:
            return
        except OSError:
            is_over = True
        if is_over:
            self._strike_off(member)

    def _strike_off(self, member: socket.socket) -> None:
        self._members.discard(member)
        self._selector.unregister(member)
        self._leavers.add(member)

    def _see_off(self) -> None:
        """Tell those who left that the server goes on without them.

        The last one is not told: its connection ends with this process, when nothing runs any more.
        """
        for leaver in self._leavers:
            leaver.close()
        self._leavers.clear()

    def _watch(self, source: socket.socket, act: Callable[[], None]) -> None:
        source.setblocking(False)
        self._selector.register(source, selectors.EVENT_READ, act)

    def _forget(self, source: socket.socket) -> None:
        self._selector.unregister(source)
        source.close()

    def _watch_signals(self) -> None:
        """Let signals end a round: `select` alone would sleep on after each handler."""
        bell, clapper = socket.socketpair()
        clapper.setblocking(False)
        self._watch(bell, partial(_drain, bell))
        self._clapper = clapper  # held, or the descriptor below would be closed
        signal.set_wakeup_fd(clapper.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)
        for number in _ENDING_SIGNALS:
            signal.signal(number, self._dismiss)

    def _dismiss(self, _number: int, _frame: FrameType | None) -> None:
        self._is_dismissed = True


def _drain(source: socket.socket) -> None:
    source.recv(_CHUNK_BYTES)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """A handler, since an ignored SIGCHLD would wake nobody and would reap no child."""
