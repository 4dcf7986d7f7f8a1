import pytest

from storehaus.driver.embedded import EmbeddedPostgres
from storehaus.errors import ConfigurationError, ConnectionFailed


@pytest.mark.parametrize(
    "name", ["", "Work_Mem", "work-mem", "work mem", "-c", "a.b.c", "describe=1", "work_mem\n"]
)
def test_a_malformed_name_is_refused(name: str) -> None:
    """What is no name of a setting never becomes an argument of the server."""
    with pytest.raises(ConfigurationError, match="not the name of a setting"):
        EmbeddedPostgres(settings={name: "1"})


@pytest.mark.parametrize(
    "name", ["listen_addresses", "port", "hba_file", "unix_socket_directories", "fsync"]
)
def test_settings_that_guard_the_server_are_refused(name: str) -> None:
    """Nobody opens the server to the network, or weakens a commit, by a setting."""
    with pytest.raises(ConfigurationError, match="decided by StoreHaus") as caught:
        EmbeddedPostgres.temporary(settings={name: "x"})
    assert caught.value.key == name


def test_a_nul_in_a_value_is_refused() -> None:
    """A value that no process can receive is refused before one is started."""
    with pytest.raises(ConfigurationError, match="NUL"):
        EmbeddedPostgres(settings={"work_mem": "1\0"})


def test_an_extensions_setting_is_accepted() -> None:
    """Names with one dot belong to extensions."""
    server = EmbeddedPostgres(settings={"pg_stat_statements.track": "all"})
    assert "stopped" in repr(server)


@pytest.mark.parametrize("attribute", ["url", "connection_parameters"])
def test_a_server_that_is_not_started_has_no_address(attribute: str) -> None:
    """Asking too early says what to do instead of inventing an address."""
    with pytest.raises(ConnectionFailed, match="not started"):
        getattr(EmbeddedPostgres(), attribute)


def test_stopping_what_was_never_started_is_nothing() -> None:
    """`stop` can stand in any clean-up."""
    EmbeddedPostgres().stop_blocking()
