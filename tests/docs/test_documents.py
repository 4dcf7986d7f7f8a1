"""The Python blocks of README and docs run, in order, as one program per document.

A block may `await` at its top level: all blocks of a document share one event loop. A block that
cannot run here says why in a comment before it, `<!-- not executed: reason -->`, and then shows
up among the skipped tests with that reason.
"""

import ast
import asyncio
import inspect
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser
from sybil.typing import Evaluator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - {*ROOT.glob("docs/adr/*")})
DOCUMENTS = {str(page.relative_to(ROOT)): page for page in PAGES if page.exists()}

EXCUSE = re.compile(r"<!--\s*not executed:(?P<reason>(?:(?!-->).)*)-->\s*\Z", re.DOTALL)
FENCE = re.compile(r"^[ >]*```+ *python\b", re.MULTILINE)
CODE = re.compile(r"^[ >]*(```+).*?^[ >]*\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s#]+)(?:#[^)]*)?\)")


class BlockRunner:
    """Runs blocks on one event loop, as the cells of a notebook are run."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def __call__(self, example: Example) -> None:
        """Run one block in its document's namespace; an excused one is passed over."""
        if excuse(example) is not None:
            return
        line = example.line + example.parsed.line_offset
        code = compile(
            "\n" * line + example.parsed,
            example.path,
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        if code.co_flags & inspect.CO_COROUTINE:
            self._runner.run(eval(code, example.namespace))
        else:
            exec(code, example.namespace)


def excuse(example: Example) -> str | None:
    """The reason why a block is not run, None for a block that is."""
    match = EXCUSE.search(example.document.text[: example.start])
    return match and match["reason"].strip()


def read(name: str, evaluator: Evaluator | None = None) -> Document:
    """Parse one page for its Python blocks."""
    return Sybil([CodeBlockParser("python", evaluator)]).parse(DOCUMENTS[name])


EXCUSED = {
    f"{name}:{example.line}": excuse(example)
    for name in DOCUMENTS
    for example in read(name).examples()
    if excuse(example) is not None
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module that a document's blocks are: classes look their names up in it."""
    module = types.ModuleType("documented")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield module
    # What the blocks left open is closed here, where a warning still belongs to this test.
    module.__dict__.clear()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks_run(name: str, readers_place: Path, module: types.ModuleType) -> None:
    """The blocks of one document run from top to bottom without an error."""
    with asyncio.Runner() as runner:
        document = read(name, BlockRunner(runner))
        document.namespace = module.__dict__
        for example in document.examples():
            example.evaluate()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_block_is_overlooked(name: str) -> None:
    """Every Python fence of a document is found by the parser, and so run or excused."""
    document = read(name)

    assert len(FENCE.findall(document.text)) == len(list(document.examples()))


@pytest.mark.parametrize("place", EXCUSED)
def test_block_that_is_not_executed_says_why(place: str) -> None:
    """A block is left out only with a reason; the skip shows it in the report."""
    assert EXCUSED[place], f"{place} gives no reason"
    pytest.skip(f"{place}: {EXCUSED[place]}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name: str) -> None:
    """A relative link of a document names a file that is there."""
    page = DOCUMENTS[name]
    prose = CODE.sub("", page.read_text())
    targets = [match["target"] for match in LINK.finditer(prose)]
    broken = [
        target for target in targets if ":" not in target and not (page.parent / target).exists()
    ]

    assert broken == []
