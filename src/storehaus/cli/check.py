"""`storehaus check`: what is unwise about models, before a database finds out."""

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from storehaus.cli.failure import ExitStatus
from storehaus.cli.references import References, load_models
from storehaus.cli.terminal import AsJson, make_console, print_json
from storehaus.errors import ConfigurationError
from storehaus.model.analysis import Finding, Lint, Severity, analyse

__all__ = ["check"]

_COLOURS: Final = MappingProxyType({"error": "red", "warning": "yellow", "info": "cyan"})
_HARMLESS: Final[Severity] = "info"


def check(
    models: References,
    *,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Leave these out: SH018.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Lint models: what PostgreSQL would refuse, and what would be regretted later.

    Ends with 1 on errors and warnings, with 0 where there is nothing but information.
    """
    ignored = _check_codes(ignore or [])
    classes = load_models(models)
    findings = [each for each in analyse(classes) if each.code not in ignored]
    is_well = all(each.severity == _HARMLESS for each in findings)
    if as_json:
        print_json({"ok": is_well, "models": len(classes), "findings": findings})
    else:
        _show(findings, len(classes), make_console())
    return ExitStatus.OK if is_well else ExitStatus.FAILURE


def _check_codes(codes: Sequence[str]) -> frozenset[str]:
    known = {lint.code for lint in Lint}
    for code in codes:
        if code not in known:
            rule = f"{min(known)} to {max(known)}"
            raise ConfigurationError(f"--ignore {code}: there is no such code ({rule})", rule=rule)
    return frozenset(codes)


def _show(findings: Sequence[Finding], models: int, console: Console) -> None:
    for each in findings:
        place = f"{each.model}.{each.field}" if each.field else each.model
        severity = (each.severity, _COLOURS[each.severity])
        console.print(
            Text.assemble((place, "bold"), ": ", severity, f" {each.code}: {each.message}"),
            soft_wrap=True,
        )
        console.print(Text(f"  → {each.hint}"), soft_wrap=True)
    counts = Counter(each.severity for each in findings)
    summary = ", ".join(f"{severity}: {number}" for severity, number in counts.items())
    console.print(Text(f"models: {models}, {summary or 'nothing found'}"))
