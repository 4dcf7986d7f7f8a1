"""Both type checkers accept every `ok_*.py` here and report exactly what `bad_*.py` expect.

A line that must be refused ends with `# error: <mypy code> | <pyright rule>`; several codes of one
checker are separated by commas, `-` stands for none. What good lines mean is said with
`assert_type`.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILES = sorted([*HERE.glob("ok_*.py"), *HERE.glob("bad_*.py")])
EXPECTED = re.compile(r"#\s*error:\s*(?P<mypy>[\w\-, ]+?)\s*\|\s*(?P<pyright>[\w\-, ]+?)\s*$")

Reports = set[tuple[str, int, str]]


def test_mypy_reports_exactly_what_is_expected() -> None:
    """Under mypy --strict, good programs pass and each bad line fails for the reason given."""
    assert _mypy() == _expected("mypy")


def test_pyright_reports_exactly_what_is_expected() -> None:
    """Under pyright's strict mode, the same."""
    assert _pyright() == _expected("pyright")


def test_every_file_is_about_something() -> None:
    """Good files say what is inferred, and bad files say what is refused."""
    empty = [
        path.name
        for path in FILES
        if not ("assert_type(" in (text := path.read_text(encoding="utf-8")) or "# error:" in text)
    ]
    assert not empty


def _expected(checker: str) -> Reports:
    found: Reports = set()
    for path in FILES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = EXPECTED.search(line)
            codes = match[checker].split(",") if match else []
            found.update((path.name, number, code.strip()) for code in codes if code.strip() != "-")
    return found


def _mypy() -> Reports:
    # The project's own settings are strict, and its cache is warm after `make types`.
    command = [sys.executable, "-m", "mypy", "--output", "json", *map(str, FILES)]
    output = _run(command)
    reports = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {
        (Path(report["file"]).name, report["line"], report["code"])
        for report in reports
        if report["severity"] == "error"
    }


def _pyright() -> Reports:
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    result: dict[str, Any] = json.loads(_run([*command, *map(str, FILES)]))
    return {
        (
            Path(report["file"]).name,
            report["range"]["start"]["line"] + 1,
            report.get("rule", "syntax"),
        )
        for report in result["generalDiagnostics"]
        # That a type is unknown follows from the error that made it so.
        if report["severity"] == "error" and not report.get("rule", "").startswith("reportUnknown")
    }


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode in {0, 1}, done.stderr or done.stdout
    return done.stdout
