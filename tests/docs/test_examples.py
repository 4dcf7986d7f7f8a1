"""The programs under examples/ end well on an empty database."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {path.name: path for path in sorted((ROOT / "examples").glob("[!_]*.py"))}

EXAMPLE_SECONDS = 90


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name: str, readers_environment: dict[str, str], tmp_path: Path) -> None:
    """An example ends with status 0 and shows something."""
    outcome = subprocess.run(
        [sys.executable, str(EXAMPLES[name])],
        cwd=tmp_path,
        env=readers_environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=EXAMPLE_SECONDS,
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.strip()
