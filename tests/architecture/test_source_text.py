"""What the text of the repository must not contain."""

import io
import re
import tokenize
from pathlib import Path

LINES_AT_MOST = 500

# The brackets keep the expressions from finding themselves.
REGISTRY_HOST = re.compile(
    r"py[p]i\.org|python[h]osted|npm[j]s\.|deb\.[d]ebian|--(extra-)?index[-]url"
)
MACHINE_PATH = re.compile(r"(?<![\w./-])/(root|work|Users|home/(?!app\b|you\b))[/]\w")

PRAGMA = re.compile(r"#\s*(?:type:\s*ignore|pyright:\s*ignore|noqa)\b(?P<rest>[^#]*)")
CODE = re.compile(r"\s*(?:\[[\w, -]+\]|:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)")
WHOLE_FILE = re.compile(r"#\s*(?:ruff:\s*noqa|flake8:\s*noqa|mypy:|pyright:(?!\s*ignore))")


def comments(path: Path) -> list[tuple[int, str, str]]:
    """The comments of a Python file: line number, comment, and the comment line above it."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    found = [token for token in tokens if token.type == tokenize.COMMENT]
    alone = {t.start[0]: t.string for t in found if t.line.lstrip().startswith("#")}
    return [(t.start[0], t.string, alone.get(t.start[0] - 1, "")) for t in found]


def unexplained(comment: str, above: str = "") -> bool:
    """Whether a comment silences a checker without a code, or without saying why."""
    pragmas = list(PRAGMA.finditer(comment))
    codes = [CODE.match(pragma["rest"]) for pragma in pragmas]
    reason = PRAGMA.sub(lambda pragma: CODE.sub("", pragma["rest"], count=1), comment)
    return bool(pragmas) and not (all(codes) and re.search(r"\w", reason + above))


def matches(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """Where a pattern occurs in text files, as `file:line: text`."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry(committed_files: list[Path]) -> None:
    """Where packages come from is the installer's business: no host, no index option."""
    assert matches(REGISTRY_HOST, committed_files) == []


def test_no_file_names_a_path_of_some_machine(committed_files: list[Path]) -> None:
    """Nothing refers to the directories of the machine it was written on."""
    assert matches(MACHINE_PATH, committed_files) == []


def test_no_source_file_is_too_long(repository: Path) -> None:
    """A module that outgrows 500 lines is two modules."""
    lengths = {
        str(path.relative_to(repository)): len(path.read_text().splitlines())
        for path in (repository / "src").rglob("*.py")
    }

    assert {name: lines for name, lines in lengths.items() if lines > LINES_AT_MOST} == {}


def test_every_silenced_check_has_a_code_and_a_reason(committed_files: list[Path]) -> None:
    """`type: ignore` and `noqa` name what they silence and say why, there or on the line above."""
    silent = [
        f"{path}:{number}: {comment}"
        for path in committed_files
        if path.suffix == ".py"
        for number, comment, above in comments(path)
        if unexplained(comment, above)
    ]

    assert not silent, "\n".join(silent)


def test_no_check_is_silenced_for_a_whole_file(committed_files: list[Path]) -> None:
    """Exceptions for many lines stand in pyproject.toml, with their reason, or nowhere."""
    silent = [
        f"{path}:{number}: {comment}"
        for path in committed_files
        if path.suffix == ".py"
        for number, comment, _ in comments(path)
        if WHOLE_FILE.search(comment)
    ]

    assert not silent, "\n".join(silent)


def test_the_reason_is_looked_for() -> None:
    """The rule for silenced checks tells good from bad."""
    # Pieced together, or this file would break the rule it checks.
    mark, ignore, silence = "# ", "type: ignore", "noqa"
    good = [
        f"{mark}{ignore}[override]  # the base class is wrong",
        f"{mark}{silence}: S608 identifiers are quoted",
        f"{mark}{ignore}[misc]  {mark}{silence}: S101 - both for one reason",
        f"{mark}an ordinary remark",
    ]
    bad = [
        f"{mark}{ignore}",
        f"{mark}{ignore}[override]",
        f"{mark}{ignore}  # no code given here",
        f"{mark}{silence}",
        f"{mark}{silence}: S608",
    ]

    assert [text for text in good if unexplained(text)] == []
    assert [text for text in bad if not unexplained(text)] == []
