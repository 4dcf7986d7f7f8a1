"""The command line without a server: references, errors, exit states."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from fix_cli import CommandLine
from storehaus._version import __version__
from storehaus.cli.failure import ExitStatus, report_failure
from storehaus.cli.main import main
from storehaus.cli.references import load_models
from storehaus.errors import ConfigurationError, MigrationError, ModelDefinitionError, NotFound

HEAD = "from storehaus import Field, Model, field\n"
ORDER = HEAD + 'class Order(Model, table="orders"):\n    id: Field[int] = field(primary_key=True)\n'
PRICE = "    price: Field[float]\n"
TEXT = "    code: Field[str] = field(unique=True)\n"
ABSTRACT = HEAD + "class Base(Model):\n    id: Field[int] = field(primary_key=True)\n"

WriteModule = Callable[[str], str]
_numbers = count()


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Writes a module into the current directory; gives its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    written: list[str] = []

    def write(text: str) -> str:
        name = f"storehaus_sample_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(text)
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


def names(*references: str) -> list[str]:
    """Names of the models that references load."""
    return [model.__name__ for model in load_models(references)]


def test_reference_names_a_model(write_module: WriteModule) -> None:
    """`module:Model` is that class, from a module in the current directory."""
    assert names(f"{write_module(ORDER)}:Order") == ["Order"]


def test_module_stands_for_all_its_models(write_module: WriteModule) -> None:
    """`module` is every model with a table that is defined there, not one that it imports."""
    first = write_module(ORDER)
    second = write_module(
        f"from {first} import Order\n{ABSTRACT}"
        'class Bill(Base, table="bills"): pass\nclass Cart(Base, table="carts"): pass\n'
    )

    assert names(second) == ["Bill", "Cart"]


def test_package_stands_for_the_models_of_its_modules(
    write_module: WriteModule, tmp_path: Path
) -> None:
    """A package that gives away its modules' models stands for them."""
    package = write_module("").removesuffix(".py") + "_package"
    (tmp_path / package).mkdir()
    (tmp_path / package / "orders.py").write_text(ORDER)
    (tmp_path / package / "__init__.py").write_text(f"from {package}.orders import Order\n")

    assert names(package) == ["Order"]


def test_model_named_twice_counts_once(write_module: WriteModule) -> None:
    """The same model by two references is one."""
    module = write_module(ORDER)

    assert names(module, f"{module}:Order") == ["Order"]


def test_inner_class_can_be_named(write_module: WriteModule) -> None:
    """A dotted path leads to a class within a class."""
    text = HEAD + (
        'class Shop:\n    class Order(Model, table="orders"):\n'
        "        id: Field[int] = field(primary_key=True)\n"
    )

    assert names(f"{write_module(text)}:Shop.Order") == ["Order"]


@pytest.mark.parametrize(
    ("text", "path", "fault"),
    [
        (ORDER, ":Ordre", "it has Order"),
        (ORDER, ":field", "is not a model"),
        (ORDER, ":", "must be package.module:Model"),
        (ORDER, ".py", "must be package.module:Model"),
        (ORDER, ".inner:Order", "there is no module"),
        (ABSTRACT, ":Base", "is abstract"),
        (ABSTRACT, "", "no model with a table"),
        ("import not_installed_anywhere", "", "needs another one: No module named"),
        ("1 / 0", "", "raised ZeroDivisionError"),
        ("raise SystemExit(3)", "", "raised SystemExit"),
        ("def", "", "raised SyntaxError"),
    ],
)
def test_wrong_reference_is_explained(
    text: str, path: str, fault: str, write_module: WriteModule
) -> None:
    """A reference that leads nowhere is a configuration error that says why."""
    reference = write_module(text) + path

    with pytest.raises(ConfigurationError, match=fault) as caught:
        load_models([reference])

    assert repr(reference) in caught.value.message


@pytest.mark.parametrize("reference", ["no_such_module_anywhere", "", ":Order", "os..path", "."])
def test_no_module_is_explained(reference: str, write_module: WriteModule) -> None:
    """What is no module's name is a configuration error too."""
    with pytest.raises(ConfigurationError):
        load_models([reference])


def test_badly_declared_model_stays_what_it_is(write_module: WriteModule) -> None:
    """The error of a declaration is passed on: it names model and field."""
    module = write_module(ORDER.replace("Field[int]", "Field[object]"))

    with pytest.raises(ModelDefinitionError):
        load_models([module])


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (ConfigurationError("wrong"), ExitStatus.USAGE),
        (NotFound("missing"), ExitStatus.FAILURE),
        (ZeroDivisionError("oops"), ExitStatus.FAILURE),
    ],
)
def test_error_becomes_status_and_line(
    problem: Exception, status: ExitStatus, capsys: pytest.CaptureFixture[str]
) -> None:
    """Configuration ends with 2, everything else with 1, each with a line on standard error."""
    assert report_failure(problem, debug=False) is status
    written = capsys.readouterr()
    assert written.out == ""
    assert str(problem) in written.err
    assert written.err.count("\n") == 1


def test_refused_migration_shows_its_statements(capsys: pytest.CaptureFixture[str]) -> None:
    """The SQL that was not run follows the line."""
    report_failure(MigrationError("no", statements=("DROP TABLE a",)), debug=False)

    assert capsys.readouterr().err == "storehaus: no\n  DROP TABLE a;\n"


def test_login_in_a_foreign_error_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """An error of another package that quotes a URL loses the login, in the traceback too."""
    problem = ValueError("bad: postgresql://me:hush@example.org/x")

    report_failure(problem, debug=True)

    written = capsys.readouterr().err
    assert "hush" not in written
    assert written.count("postgresql://***@example.org/x") == 2


def test_check_of_good_models(
    write_module: WriteModule, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is found the check ends with 0."""
    assert main(["check", write_module(ORDER)]) == 0
    assert capsys.readouterr().out == "models: 1, nothing found\n"


def test_check_shows_what_it_found(
    write_module: WriteModule, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning ends the check with 1, and names model, field, code and what to do."""
    assert main(["check", write_module(ORDER + PRICE)]) == 1
    assert re.search(r"^Order\.price: warning SH004: .+\n  → .+", capsys.readouterr().out)


def test_check_as_json(write_module: WriteModule, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the findings are a list of objects."""
    assert main(["check", write_module(ORDER + PRICE), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [(each["field"], each["code"]) for each in report["findings"]] == [("price", "SH004")]


def test_information_is_no_failure(
    write_module: WriteModule, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is only worth knowing is shown, and the check ends with 0."""
    assert main(["check", write_module(ORDER + TEXT)]) == 0
    assert "Order.code: info SH018" in capsys.readouterr().out


def test_check_leaves_out_what_is_ignored(write_module: WriteModule) -> None:
    """--ignore leaves out a code."""
    assert main(["check", write_module(ORDER + PRICE), "--ignore", "SH004"]) == 0


def test_check_knows_its_codes(
    write_module: WriteModule, capsys: pytest.CaptureFixture[str]
) -> None:
    """--ignore of a code that does not exist is wrong usage."""
    assert main(["check", write_module(ORDER), "--ignore", "SH999"]) == 2
    assert "SH999" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints name and version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"storehaus {__version__}\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, and the status says that nothing was done."""
    assert main([]) == 2
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["demmo"], ["--wrong"], ["schema"], ["schema", "x", "--wrong"], ["demo", "x"]]
)
def test_wrong_usage_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown commands, options and missing arguments end with 2 and one line."""
    assert main(arguments) == 2
    written = capsys.readouterr().err
    assert written.startswith("storehaus: ")
    assert written.count("\n") == 1


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_missing_extra_is_named(package: str, command_line: CommandLine) -> None:
    """Without the packages of the extra, one line says what to install."""
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from storehaus.cli.main import main\nsys.exit(main(['demo']))"
    )

    outcome = subprocess.run(
        [sys.executable, "-c", script],
        env=command_line.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 2
    assert outcome.stderr.count("\n") == 1
    assert 'pip install "storehaus[cli]"' in outcome.stderr
