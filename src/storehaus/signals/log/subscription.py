"""What a subscription is: its name, what it wants, its handler, and what becomes of failures."""

import inspect
import math
import re
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, TypedDict, get_origin, get_type_hints

from storehaus.errors import SignalError
from storehaus.model import TableInfo
from storehaus.signals.event import EventType

__all__ = [
    "Handler",
    "OnDeadLetter",
    "PauseSubscription",
    "Start",
    "Subscription",
    "SubscriptionOptions",
    "declared",
    "name_problem",
]

Handler: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]
"""`handler(event)`, `handler(event, tx)`, `handler(events)` or `handler(events, tx)`."""

OnDeadLetter: TypeAlias = Literal["hold", "release"]
Start: TypeAlias = str | int | datetime
"""Where a new subscription begins: "now", after what was committed so far; at the "beginning", with
the oldest event that is kept; with a "snapshot", with the rows that are there, as if they were
created; after a tick; with an event, by its id; with what was committed since a moment."""

EVENT_ID: Final = re.compile(r"(\d{1,9}):(\d{1,18})")
"""Epoch and number of an event."""
WORDS: Final = frozenset({"now", "beginning", "snapshot"})
_LONGEST_NAME: Final = 100
_MOST_PARAMETERS: Final = 2


class SubscriptionOptions(TypedDict, total=False):
    """What can be said of a subscription.

    Attributes:
        types: Types of events; None, the default, is all.
        tags: The row must have one of them at least; None, the default, is any row.
        start: Where it begins when it is new: "now" (the default), at the "beginning" of what is
            kept, with a "snapshot" (the rows that are there, as if they were created), after a
            tick, at a moment, or with an event by its id.
        many: Whether the handler gets lists; None, the default, looks at the annotation of its
            first parameter, and without one at its name.
        attempts: Tries of an event before it is a dead letter (10).
        backoff_seconds: Pause after the first failure; it doubles with each further one (1).
        max_backoff_seconds: Longest pause (300).
        on_dead_letter: Whether later events of the same record wait behind a dead letter ("hold",
            the default) or go on ("release").
        max_parked: Past so many events that failed or wait, the subscription pauses (1,000).
        page_size: Events read at once, and most of a list (1,000).
        lease_seconds: So long after a process died, another one takes over (15).
        timeout_seconds: Longest run of the handler; None, the default, is what the settings say
            for callbacks.
    """

    types: EventType | Iterable[EventType] | None
    tags: Iterable[str] | None
    start: Start
    many: bool | None
    attempts: int
    backoff_seconds: float
    max_backoff_seconds: float
    on_dead_letter: OnDeadLetter
    max_parked: int
    page_size: int
    lease_seconds: float
    timeout_seconds: float | None


class PauseSubscription(SignalError):  # noqa: N818 - it is raised by handlers to say what to do
    """A handler raises it when no event can be handled just now, whichever it is.

    Nothing is parked. The subscription says that it is paused and why, tries the same event again
    after a while, and goes on as soon as that succeeds.

    Args:
        reason: What is wrong, in a sentence for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a handler wants its events.

    Attributes:
        many: A list at a time.
        joins: With the transaction that keeps the position too.
    """

    many: bool
    joins: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subscription:
    """A named reader of the log, as a program declares it.

    Attributes:
        name: What it is called, in all processes and for ever.
        tables: Models whose events it gets.
        handler: Gets them.
        way: How.
        types: Types of events; None is all.
        tags: The row must have one of them at least; None is any row.
        start: Where it begins when it is new.
        attempts: Tries of an event before it is a dead letter.
        backoff_seconds: Pause after the first failure; it doubles with each further one.
        max_backoff_seconds: Longest pause.
        on_dead_letter: Whether later events of the same record wait behind a dead letter ("hold")
            or go on ("release").
        max_parked: Past so many parked events the subscription pauses.
        page_size: Events read at once.
        lease_seconds: So long after it was last heard of, another process takes over.
        timeout_seconds: Longest run of the handler.
    """

    name: str
    tables: tuple[TableInfo, ...]
    handler: Handler
    way: Way
    types: frozenset[EventType] | None
    tags: frozenset[str] | None
    start: Start
    attempts: int
    backoff_seconds: float
    max_backoff_seconds: float
    on_dead_letter: OnDeadLetter
    max_parked: int
    page_size: int
    lease_seconds: float
    timeout_seconds: float

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise SignalError(f"subscription {self.name!r:.120}: {problem}")

    @property
    def releases(self) -> bool:
        """Whether a dead letter lets later events of its record go on."""
        return self.on_dead_letter == "release"


def name_problem(name: Any) -> str | None:
    """Say what is wrong with the name of a subscription; None when nothing is."""
    if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable():
        return None
    return f"a name is a text of 1 to {_LONGEST_NAME} printable characters"


def _problem(given: Subscription) -> str | None:
    problem = name_problem(given.name)
    if problem:
        return problem
    if not given.tables:
        return "it needs a model at least"
    fleeting = [info.model.__name__ for info in given.tables if not info.durable]
    if fleeting:
        return f"{fleeting[0]} is not declared durable=True: its events are not kept"
    return _number_problem(given)


def _number_problem(given: Subscription) -> str | None:
    counts = ("attempts", "max_parked", "page_size")
    times = ("backoff_seconds", "max_backoff_seconds", "lease_seconds", "timeout_seconds")
    small = [key for key in counts if not _is_count(getattr(given, key))]
    if small:
        return f"{small[0]} is a number from 1"
    bad = [key for key in times if not _is_time(getattr(given, key))]
    if bad:
        return f"{bad[0]} is a positive number of seconds"
    if given.on_dead_letter not in {"hold", "release"}:
        return 'on_dead_letter is "hold" or "release"'
    return _start_problem(given.start)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < math.inf


def _start_problem(start: Any) -> str | None:
    if isinstance(start, datetime) and start.tzinfo is None:
        return "a moment to start at has a time zone"
    is_word = isinstance(start, str) and (start in WORDS or EVENT_ID.fullmatch(start))
    if is_word or isinstance(start, datetime) or start == 0 or _is_count(start):
        return None
    return 'start is "now", "beginning", "snapshot", a tick, a moment, or an event, as "1:4711"'


_DEFAULTS: Final[SubscriptionOptions] = {
    "types": None,
    "tags": None,
    "start": "now",
    "many": None,
    "attempts": 10,
    "backoff_seconds": 1.0,
    "max_backoff_seconds": 300.0,
    "on_dead_letter": "hold",
    "max_parked": 1_000,
    "page_size": 1_000,
    "lease_seconds": 15.0,
    "timeout_seconds": None,
}


def declared(
    name: str,
    models: Sequence[Any],
    handler: Handler,
    options: SubscriptionOptions,
    timeout_seconds: float,
) -> Subscription:
    """Make a subscription of what a program says.

    Args:
        name: Its name.
        models: The models.
        handler: The function.
        options: What else was said.
        timeout_seconds: Longest run of a handler, where the options say none.

    Raises:
        SignalError: When that cannot be meant.
    """
    unknown = sorted(options.keys() - _DEFAULTS.keys())
    if unknown:
        raise SignalError(f"subscription {name!r:.120}: there is no option {unknown[0]}")
    given: dict[str, Any] = {**_DEFAULTS, **options}
    given["timeout_seconds"] = given["timeout_seconds"] or timeout_seconds
    many, types, tags = given.pop("many"), given.pop("types"), given.pop("tags")
    kinds = (types,) if isinstance(types, EventType) else types
    wanted = (tags,) if isinstance(tags, str) else tags
    if kinds is not None and not _all_are(kinds, EventType):
        raise SignalError(f"subscription {name!r:.120}: types are members of EventType")
    if wanted is not None and not _all_are(wanted, str):
        raise SignalError(f"subscription {name!r:.120}: tags are texts")
    return Subscription(
        name=name,
        tables=tuple(_table(name, model) for model in models),
        handler=handler,
        way=_way(handler, many),
        types=None if kinds is None else frozenset(kinds),
        tags=None if wanted is None else frozenset(wanted),
        **given,
    )


def _all_are(given: Any, kind: type[Any]) -> bool:
    return isinstance(given, Collection) and all(isinstance(each, kind) for each in given)  # pyright: ignore[reportUnknownVariableType]  # of any items


def _table(name: str, model: Any) -> TableInfo:
    info: TableInfo | None = getattr(model, "__table_info__", None)
    if info is None:
        raise SignalError(f"subscription {name!r:.120}: {model!r:.60} is no model with a table")
    return info


def _way(handler: Handler, many: bool | None) -> Way:
    """See how a handler wants its events, by its parameters.

    Args:
        handler: A coroutine function of one or two parameters; a second one is the transaction.
        many: Whether the first one is a list; None asks the annotation, and without one whether the
            parameter is called `events`.

    Raises:
        SignalError: When it is none.
    """
    called: Any = handler if inspect.isroutine(handler) else type(handler).__call__
    if not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)):
        raise SignalError("the handler of a subscription is a coroutine function (async def)")
    parameters = [
        each
        for each in inspect.signature(handler).parameters.values()
        if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        and each.default is each.empty
    ]
    if not 0 < len(parameters) <= _MOST_PARAMETERS:
        raise SignalError("a handler takes the event, or the events, and maybe the transaction")
    if many is None:
        many = _is_list(called, parameters[0])
    return Way(many=many, joins=len(parameters) == _MOST_PARAMETERS)


def _is_list(function: Any, parameter: inspect.Parameter) -> bool:
    try:
        hint = get_type_hints(function).get(parameter.name)
    except (NameError, TypeError):
        hint = None
    if hint is None:
        return parameter.name == "events"
    origin = get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, Sequence)
