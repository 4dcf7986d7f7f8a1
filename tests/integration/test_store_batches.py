"""A batch happens whole or not at all, its error names the row; how many round trips it takes."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from fix_haus import (
    Airport,
    Author,
    Book,
    Label,
    Ticket,
    Wallet,
    airport,
    config_of,
)
from storehaus import (
    CheckViolation,
    ConstraintViolation,
    DatabaseError,
    ForeignKeyViolation,
    GenericStore,
    NotNullViolation,
    QueryError,
    StoreHaus,
    UniqueViolation,
    ValidationError,
)
from storehaus.store import Database
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

ROWS = 10_000
BAD = 7_321

Spoil = Callable[[list[Book]], None]


@pytest.fixture
async def books(haus: StoreHaus, witness: Any) -> AsyncIterator[GenericStore[Book]]:
    """Books of author 1, on a table with rules that the model does not know."""
    await haus.store(Author).create(Author(id=1, name="a"))
    await witness.execute(
        "ALTER TABLE books ADD CONSTRAINT from_psql CHECK (title <> 'forbidden'),"
        " ALTER rating SET NOT NULL"
    )
    try:
        yield haus.store(Book)
    finally:
        await witness.execute(
            "ALTER TABLE books DROP CONSTRAINT from_psql, ALTER rating DROP NOT NULL"
        )


def spoil(**values: Any) -> Spoil:
    """Give one row of the batch other values."""

    def change(rows: list[Book]) -> None:
        for name, value in values.items():
            setattr(rows[BAD], name, value)

    return change


def repeat_title(rows: list[Book]) -> None:
    """Give one row the title of an earlier one."""
    rows[BAD].title = rows[11].title


FAULTS: dict[str, tuple[Spoil, type[Exception], tuple[str, ...], str | None]] = {
    "unique, stored": (spoil(title="taken"), UniqueViolation, ("title",), "books_title_key"),
    "unique, in the batch": (repeat_title, UniqueViolation, ("title",), "books_title_key"),
    "check of psql": (spoil(title="forbidden"), CheckViolation, (), "from_psql"),
    "foreign key": (
        spoil(author_id=404),
        ForeignKeyViolation,
        ("author_id",),
        "books_author_id_fkey",
    ),
    "not null of psql": (spoil(rating=None), NotNullViolation, ("rating",), None),
    "validation": (spoil(rating=6), ValidationError, ("rating",), None),
}


def check_error(error: Any, kind: str) -> None:
    """The error is of the right class and names row, fields and constraint."""
    _, wanted, fields, constraint = FAULTS[kind]
    assert type(error) is wanted
    assert error.row_index == BAD
    assert str(BAD) in str(error)
    if isinstance(error, ValidationError):
        assert (error.model, error.field) == ("Book", fields[0])
    else:
        assert (error.table, error.fields, error.constraint) == ("books", fields, constraint)


def batch_of(kind: str) -> list[Book]:
    """Many books, one of them bad."""
    rows = [Book(id=i, author_id=1, title=f"t{i}", rating=1) for i in range(ROWS)]
    FAULTS[kind][0](rows)
    return rows


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("door", ["create_many", "load", "upsert_many"])
async def test_one_bad_row_of_many_leaves_none(
    books: GenericStore[Book], kind: str, door: str
) -> None:
    """Of 10,000 rows none is stored, and the error names the row at fault and why."""
    taken = await books.create(Book(id=-1, author_id=1, title="taken", rating=1))
    verbs: dict[str, Callable[[list[Book]], Any]] = {
        "create_many": books.create_many,
        "load": books.load,
        "upsert_many": books.upsert_many,
    }

    with pytest.raises((ConstraintViolation, ValidationError)) as caught:
        await verbs[door](batch_of(kind))

    check_error(caught.value, kind)
    assert await books.list_all() == [taken]


@pytest.mark.parametrize("kind", FAULTS)
async def test_one_bad_row_of_an_update_changes_none(books: GenericStore[Book], kind: str) -> None:
    """update_many of 10,000 rows: the same."""
    await books.create(Book(id=-1, author_id=1, title="taken", rating=1))
    await books.load(Book(id=i, author_id=1, title=f"old{i}", rating=1) for i in range(ROWS))

    with pytest.raises((ConstraintViolation, ValidationError)) as caught:
        await books.update_many([(row.id, row) for row in batch_of(kind)])

    check_error(caught.value, kind)
    assert await books.count_where(Book.title.startswith("old")) == ROWS


@pytest.mark.parametrize("door", ["create_many", "load", "upsert_many"])
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_small_batches_name_their_row_too(
    books: GenericStore[Book], door: str, size: int
) -> None:
    """A batch of one row is a batch: its error names row 0."""
    await books.create(Book(id=-1, author_id=1, title="taken", rating=1))
    rows = [Book(id=i, author_id=1, title=f"t{i}", rating=1) for i in range(size)]
    rows[-1].title = "taken"

    with pytest.raises(UniqueViolation) as caught:
        await getattr(books, door)(rows)
    rows[-1].rating = -1
    with pytest.raises(ValidationError) as refused:
        await getattr(books, door)(rows)

    assert (caught.value.row_index, refused.value.row_index) == (size - 1, size - 1)
    assert dict(caught.value.values or {}) == {"title": "taken"}


async def test_single_row_names_no_place(books: GenericStore[Book]) -> None:
    """An error about one row has no index, but its values."""
    await books.create(Book(id=1, author_id=1, title="taken", rating=1))

    with pytest.raises(UniqueViolation) as caught:
        await books.create(Book(id=2, author_id=1, title="taken", rating=1))

    assert caught.value.row_index is None
    assert dict(caught.value.values or {}) == {"title": "taken"}
    assert "taken" not in str(caught.value)
    assert "values" not in caught.value.context


async def test_violations_of_other_verbs_name_their_fields(books: GenericStore[Book]) -> None:
    """update, patch and update_where tell the same of a constraint."""
    await books.create_many([Book(id=i, author_id=1, title=f"t{i}", rating=1) for i in range(3)])

    for attempt in (
        lambda: books.update(1, Book(id=1, author_id=1, title="t0", rating=1)),
        lambda: books.patch(1, title="t0"),
        lambda: books.patch(1, {Book.title: "t0"}),
        lambda: books.update_where(Book.id == 1, {"title": "t0"}),
    ):
        with pytest.raises(UniqueViolation) as caught:
            await attempt()
        assert (caught.value.fields, caught.value.row_index) == (("title",), None)


async def test_swap_within_a_batch_collides(books: GenericStore[Book]) -> None:
    """PostgreSQL checks a unique index row by row: the first row that cannot follow is named."""
    await books.create_many([Book(id=i, author_id=1, title=f"t{i}", rating=1) for i in range(2)])

    with pytest.raises(UniqueViolation) as caught:
        await books.update_many(
            [(i, Book(id=i, author_id=1, title=f"t{1 - i}", rating=1)) for i in range(2)]
        )

    assert caught.value.row_index == 0


async def test_named_check_of_the_model_names_no_fields_it_does_not_know(haus: StoreHaus) -> None:
    """A Check over several columns is refused by the server, by its name."""
    store = haus.store(Wallet)

    with pytest.raises(CheckViolation) as caught:
        await store.create_many(
            [Wallet(id=1, owner="a"), Wallet(id=2, owner="b", balance=Decimal(2_000_000))]
        )

    assert (caught.value.constraint, caught.value.row_index) == ("wallets_rich", 1)


async def test_rows_of_mixed_shapes_are_one_batch(haus: StoreHaus) -> None:
    """Rows that leave out different fields travel apart, yet together or not at all."""
    store = haus.store(Ticket)

    with pytest.raises(ValidationError) as caught:
        await store.create_many([Ticket(title="a"), Ticket(title="b", state="s"), Ticket(title=5)])  # type: ignore[arg-type]  # that is the point

    assert caught.value.row_index == 2
    assert await store.count() == 0


async def test_failing_source_loads_nothing(haus: StoreHaus, small_chunks: int) -> None:
    """An exception of the iterable comes out as it is, and takes back what was sent."""
    store = haus.store(Label)

    def rows() -> Any:
        for i in range(3_000):
            if i == 2_501:
                raise RuntimeError("out of paper")
            yield Label(key=str(i), value="")

    with pytest.raises(RuntimeError, match="out of paper"):
        await store.load(rows())
    assert await store.count() == 0


async def test_asynchronous_source_is_loaded(haus: StoreHaus, small_chunks: int) -> None:
    """Load takes asynchronous iterables, counts, and closes them when a row is bad."""
    store = haus.store(Label)
    closed = []

    async def rows(last: Any) -> AsyncIterator[Label]:
        try:
            for i in range(2_500):
                yield Label(key=str(i), value="")
            yield Label(key="last", value=last)
        finally:
            closed.append(last)

    assert await store.load(rows("x"), tags=["t"]) == 2_501
    assert (await store.get("last")).__tags__ == ["t"]
    await store.delete_where(Label.value.is_not_null())
    with pytest.raises(ValidationError) as caught:
        await store.load(rows(5))
    assert caught.value.row_index == 2_500
    assert await store.count() == 0
    assert closed == ["x", 5]


async def test_trigger_that_drops_a_row_is_noticed(postgres_url: str) -> None:
    """When a row is missing nobody is handed somebody else's; the others are stored by then."""
    async with StoreHaus(config_of(postgres_url)) as haus:
        await haus.auto_migrate(Label)
        async with haus.connection() as connection:
            await connection.execute(
                "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
                " $$BEGIN IF NEW.key = 'b' THEN RETURN NULL; END IF; RETURN NEW; END$$;"
                "CREATE TRIGGER skip BEFORE INSERT ON labels FOR EACH ROW EXECUTE FUNCTION skip()"
            )
        store = haus.store(Label)
        with pytest.raises(DatabaseError, match="1 of 3 rows were not inserted"):
            await store.create_many([Label(key=k, value="") for k in "abc"])
        with pytest.raises(DatabaseError, match="1 of 1 rows were not inserted"):
            await store.create(Label(key="b", value=""))

        assert {each.key for each in await store.list_all()} == {"a", "c"}


@pytest.mark.parametrize(
    ("verb", "calls"),
    [
        ("create", ["fetch"]),
        ("get", ["fetch"]),
        ("get_many", ["fetch"]),
        ("update", ["fetch"]),
        ("patch", ["fetch"]),
        ("upsert", ["fetch"]),
        ("create_many", ["fetch"]),
        ("update_many", ["fetch"]),
        ("upsert_many", ["fetch"]),
        ("delete_many", ["fetch"]),
        ("update_where", ["fetch"]),
        ("delete_where", ["fetch"]),
        ("find", ["fetch"]),
        ("count", ["fetch"]),
        ("delete", ["fetch"]),
        ("restore", ["fetch"]),
        ("purge", ["fetch"]),
    ],
)
async def test_verb_takes_one_round_trip(
    driver: CountingDriver, verb: str, calls: list[str]
) -> None:
    """One statement, without BEGIN and COMMIT around it, also for a batch of 1,000 rows."""
    store = GenericStore(Database(driver), Airport)
    rows = await store.create_many([airport(i) for i in range(1_000)])
    first = rows[0]
    if verb == "restore":
        await store.delete(first.id)
    verbs: dict[str, Callable[[], Any]] = {
        "create": lambda: store.create(airport(5_000)),
        "get": lambda: store.get(first.id),
        "get_many": lambda: store.get_many([each.id for each in rows]),
        "update": lambda: store.update(first.id, first),
        "patch": lambda: store.patch(first.id, name="x"),
        "upsert": lambda: store.upsert(first),
        "create_many": lambda: store.create_many([airport(i) for i in range(1_000, 2_000)]),
        "update_many": lambda: store.update_many([(each.id, each) for each in rows]),
        "upsert_many": lambda: store.upsert_many(rows),
        "delete_many": lambda: store.delete_many([each.id for each in rows]),
        "update_where": lambda: store.update_where(Airport.elevation < 10, {"name": "x"}),
        "delete_where": lambda: store.delete_where(Airport.elevation < 10),
        "find": lambda: store.find(Airport.elevation < 10),
        "count": store.count,
        "delete": lambda: store.delete(first.id),
        "restore": lambda: store.restore(first.id),
        "purge": lambda: store.purge(first.id),
    }
    driver.reset()

    await verbs[verb]()

    assert [call.kind for call in driver.calls] == calls


async def test_load_takes_a_transaction_and_a_copy(
    driver: CountingDriver, small_chunks: int
) -> None:
    """One COPY a chunk, kept apart by savepoints."""
    store = GenericStore(Database(driver), Label)

    await store.load(Label(key=str(i), value="") for i in range(2_002))

    copies = ["savepoint", "copy_in", "release_savepoint"]
    assert [call.kind for call in driver.calls] == ["begin", *copies * 3, "commit"]


async def test_equal_verbs_send_equal_text(driver: CountingDriver) -> None:
    """Prepared statements are known by their text: values and numbers of rows do not change it."""
    store = GenericStore(Database(driver), Label)

    for size in (2, 3, 100):
        await store.create_many([Label(key=f"{size} {i}", value="v") for i in range(size)])
    for i in range(3):
        await store.patch(f"100 {i}", value=f"'{i}'")
        await store.get(f"100 {i}")

    assert len(set(driver.texts[:3])) == 1
    assert len(set(driver.texts[3:])) == 2


async def test_refused_write_sends_nothing(driver: CountingDriver) -> None:
    """What is wrong before the database never reaches it."""
    store = GenericStore(Database(driver), Wallet)
    wrong = Wallet(id=1, owner="a\x00")

    for attempt in (
        lambda: store.create(wrong),
        lambda: store.create_many([wrong, wrong]),
        lambda: store.update(1, wrong),
        lambda: store.update_many([(1, wrong)]),
        lambda: store.upsert_many([wrong]),
        lambda: store.patch(1, owner=5),
        lambda: store.patch(1, nope=5),
        lambda: store.get_by_id("x"),
        lambda: store.delete_many([1, "x"]),
        lambda: store.create(Wallet(id=1, owner="a"), tags=["\ud800"]),
    ):
        with pytest.raises((ValidationError, QueryError)):
            await attempt()
    assert driver.calls == []
