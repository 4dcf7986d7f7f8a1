"""What the documentation says about settings is what the loader does."""

import json
import re
from pathlib import Path

import pytest

from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLE = (ROOT / "storehaus.example.toml").read_text()
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
SECTIONS = {"database": DatabaseConfig, "cache": CacheConfig, "signal": SignalConfig}
KEYS = [(name, key) for name, section in SECTIONS.items() for key in section.model_fields]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_of_the_page_is_a_configuration(number: int) -> None:
    """Each TOML block can be used as it stands."""
    Path("storehaus.toml").write_text(BLOCKS[number])

    assert AppConfig.load().model_fields_set


def test_example_file_is_a_configuration() -> None:
    """storehaus.example.toml can be copied and used."""
    Path("storehaus.toml").write_text(EXAMPLE)

    assert AppConfig.load().database.username == "app"


def section_of_example(name: str) -> str:
    """The lines under one header of the example."""
    return re.split(r"^\[\w+\]\n", EXAMPLE.partition(f"[{name}]\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_example_file_shows_each_key(section: str, key: str) -> None:
    """Each key can be switched on by removing the number sign; where it shows a default, it is."""
    line = re.search(rf"^(?:# )?({key} = .*)$", section_of_example(section), re.MULTILINE)
    assert line, f"{section}.{key} is missing"
    Path("storehaus.toml").write_text(f"[{section}]\nssl = true\n{line[1]}\n")
    if section != "database" or key == "ssl":
        Path("storehaus.toml").write_text(f"[{section}]\n{line[1]}\n")

    shown = getattr(getattr(AppConfig.load(), section), key)

    default = SECTIONS[section].model_fields[key].default
    assert "# example" in line[1] or key == "url" or shown == default


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_reference_gives_each_key_with_its_default(section: str, key: str) -> None:
    """The page's table lists each key, with the default that it really has."""
    table = PAGE.partition(f"### `[{section}]`")[2].partition("\n#")[0]
    default = SECTIONS[section].model_fields[key].default
    shown = "none" if default is None else f"`{json.dumps(default)}`"

    assert re.search(rf"^\| `{key}` \| [^|]+ \| {re.escape(shown)} \|", table, re.MULTILINE)
