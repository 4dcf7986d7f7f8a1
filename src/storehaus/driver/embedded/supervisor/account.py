"""The operating system's account that the server runs as.

PostgreSQL refuses to run as root, so root's servers run as an account without privileges.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .failure import StartFailed

_UNPRIVILEGED: Final = ("postgres", "_postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server.

    Attributes:
        name: Login name, for messages.
        uid: Its number.
        gid: Number of its primary group.
        is_other: Whether it differs from the account of the supervisor.
    """

    name: str
    uid: int
    gid: int
    is_other: bool

    @property
    def process_options(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that make a child run as this account."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def make_directory(self, path: Path) -> None:
        """Create a directory that only this account can read."""
        path.mkdir(mode=0o700)
        self.take(path)

    def take(self, path: Path) -> None:
        """Make this account the owner of a path."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def find_closed(self, path: Path) -> Path | None:
        """The first part of a path that this account may not pass, None when all are open."""
        if not self.is_other:
            return None
        resolved = path.resolve()
        steps = (*reversed(resolved.parents), resolved)
        return next((step for step in steps if not self._may_pass(step.stat())), None)

    def _may_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def choose_account(data: Path | None) -> Account:
    """The account for a data directory: its owner, or an unprivileged one for root's new ones.

    Args:
        data: The directory, which need not exist; None for a new one.

    Raises:
        StartFailed: As root, when no unprivileged account exists.
    """
    own = os.geteuid()
    if own != 0:
        return Account(str(own), own, os.getegid(), is_other=False)
    owner = data.stat().st_uid if data is not None and data.exists() else 0
    candidates = (str(owner),) if owner else _UNPRIVILEGED
    for candidate in candidates:
        entry = _find_entry(candidate)
        if entry is not None:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise StartFailed(
        f"PostgreSQL refuses to run as root, and none of these accounts exists: "
        f"{', '.join(candidates)}",
        is_configuration=True,
    )


def _find_entry(candidate: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(candidate)) if candidate.isdigit() else pwd.getpwnam(candidate)
    except KeyError:
        return None
