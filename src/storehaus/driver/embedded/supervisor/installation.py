"""The programs of PostgreSQL, in a place where the server's account can run them."""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .account import Account
from .failure import StartFailed

SYSTEM_DIRECTORY: Final = Path("/var/lib/storehaus")
_NOT_NEEDED: Final = ("include", "pgxs", "pkgconfig", "doc", "*.a")


@dataclass(frozen=True, slots=True)
class Installation:
    """A directory with the `bin`, `lib` and `share` of one PostgreSQL."""

    directory: Path

    @property
    def major_version(self) -> str:
        """For instance "18"."""
        with (self.directory / "share" / "postgres.bki").open() as catalog:
            found = re.search(r"PostgreSQL (\d+)", catalog.readline())
        if found is None:
            raise StartFailed(
                f"{self.directory} is not an installation of PostgreSQL", is_configuration=True
            )
        return found.group(1)

    def find_program(self, name: str) -> str:
        """Absolute path of a program such as `initdb`."""
        return str(self.directory / "bin" / name)


def open_installation(
    directory: Path, account: Account, copies: Path = SYSTEM_DIRECTORY
) -> Installation:
    """The installation, or a copy of it when the account cannot reach the original.

    A virtual environment below root's home is closed to everybody else. Its directories stay as
    they are; the copy is made once per version, in a system directory.

    Args:
        directory: Where the programs were installed.
        account: Who runs them.
        copies: Where copies are kept.

    Raises:
        StartFailed: There are no programs.
    """
    program = directory / "bin" / "postgres"
    if not program.exists():
        raise StartFailed(f"there is no PostgreSQL in {directory}", is_configuration=True)
    if account.find_closed(program) is None:
        return Installation(directory)
    status = program.stat()
    copy = copies / f"postgresql-{status.st_size:x}-{status.st_mtime_ns:x}"
    if not copy.exists():
        _copy_openly(directory, copy)
    return Installation(copy / directory.parent.name / directory.name)


def _copy_openly(directory: Path, copy: Path) -> None:
    make_passable(copy.parent)
    site = directory.parent.parent
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix="new-") as name:
        staged = Path(name) / "site"
        for part in (directory, *_find_libraries(directory)):
            ignore = shutil.ignore_patterns(*_NOT_NEEDED)
            shutil.copytree(part, staged / part.relative_to(site), symlinks=True, ignore=ignore)
        _open_tree(staged)
        try:
            staged.rename(copy)
        except OSError:
            if not copy.exists():  # else another process was faster
                raise


def _find_libraries(directory: Path) -> list[Path]:
    """What the tools that make wheels put beside a package: programs find it by relative path."""
    package = directory.parent
    candidates = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    return [candidate for candidate in candidates if candidate.is_dir()]


def _open_tree(root: Path) -> None:
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def make_passable(directory: Path) -> None:
    """Create a directory and those above it, as far as they are missing, open for passing."""
    missing = [step for step in (directory, *directory.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir(mode=0o711, exist_ok=True)
        step.chmod(0o711)  # whatever the umask says; only on what was created here
