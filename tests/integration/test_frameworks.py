"""Models as the request and response types of web frameworks, and as fields of Pydantic models.

Handlers and models stand at the top of this file: frameworks read annotations of functions, which
have to be known where the module is.
"""

import dataclasses
import pprint
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import litestar
import msgspec
import pydantic
import pytest
from fastapi import FastAPI
from litestar.params import JSONBody

from storehaus.model import Field, Model, Numeric, field, uuid7

pytestmark = pytest.mark.anyio


class Mood(StrEnum):
    """An enum."""

    GOOD = "good"


class Point(msgspec.Struct):
    """A struct within."""

    x: int
    inner: "Point | None" = None


class Airport(Model, table="airports", soft_delete=True):
    """One field of each kind that frameworks treat differently."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    icao: Field[str] = field(min_length=4, max_length=4, pattern="^[A-Z]+$", comment="ICAO code")
    lat: Field[float] = field(ge=-90, le=90)
    fee: Field[Annotated[Decimal, Numeric(6, 2)]] = field(default=Decimal(0), ge=0)
    opened: Field[datetime | None] = field(default=None)
    mood: Field[Mood] = field(default=Mood.GOOD)
    runways: Field[list[str]] = field(default_factory=list, max_length=3)
    extra: Field[dict[str, object]] = field(default_factory=dict)
    point: Field[Point | None] = field(default=None)
    host: Field[IPv4Address] = field(default=IPv4Address("10.0.0.1"))
    version: Field[int] = field(version=True)


class Plain(Model, table="plains"):
    """Only what msgspec and Litestar know by themselves."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    icao: Field[str] = field(max_length=4)
    lat: Field[float] = field(ge=-90, le=90)
    opened: Field[datetime | None] = field(default=None)


class Trip(pydantic.BaseModel):
    """A model in fields of a Pydantic model."""

    start: Airport
    stops: list[Airport] = []
    end: Airport | None = None


def airport(**values: Any) -> Airport:
    """Make a stored-looking airport."""
    made = Airport(**{"icao": "EDDF", "lat": 50.0, **values})
    made.__created_at__ = datetime(2026, 1, 1, tzinfo=UTC)
    made.__tags__ = ["hub"]
    return made


api = FastAPI()


def client_of(application: Any) -> httpx.AsyncClient:
    """Speak to an application without a server."""
    transport = httpx.ASGITransport(application)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@api.post("/airports")
async def create(body: Airport) -> Airport:
    """Take a model, give a model."""
    assert isinstance(body, Airport)
    return body


@api.get("/airports")
async def find() -> list[Airport]:
    """Give many."""
    return [airport(), airport(icao="EDDM")]


@litestar.post("/plains")
async def create_plain(data: JSONBody[Plain]) -> Plain:
    """Take a model, give a model."""
    assert isinstance(data, Plain)
    return data


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the FastAPI application."""
    async with client_of(api) as client:
        yield client


async def test_fastapi_takes_and_gives_a_model(client: httpx.AsyncClient) -> None:
    """A model is a request body and a response, system fields left out while they are unset."""
    answer = await client.post(
        "/airports",
        json={"icao": "EDDF", "lat": 50, "fee": "1.50", "point": {"x": 1}, "host": "10.0.0.9"},
    )

    assert answer.status_code == 200
    body = answer.json()
    assert body["icao"] == "EDDF"
    assert body["fee"] == "1.50"
    assert body["point"] == {"x": 1, "inner": None}
    assert body["host"] == "10.0.0.9"
    assert UUID(body["id"]).version == 7
    assert "__created_at__" not in body


async def test_fastapi_gives_system_fields_that_are_set(client: httpx.AsyncClient) -> None:
    """What was stored can be shown."""
    (first, _) = (await client.get("/airports")).json()

    assert first["__tags__"] == ["hub"]
    assert first["__created_at__"] == "2026-01-01T00:00:00Z"


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({}, "lat"),
    "text for a number": ({"lat": "north"}, "lat"),
    "out of bounds": ({"lat": 91}, "lat"),
    "too long": ({"icao": "EDDFX", "lat": 1}, "icao"),
    "against the pattern": ({"icao": "eddf", "lat": 1}, "icao"),
    "negative amount": ({"lat": 1, "fee": "-1"}, "fee"),
    "too many digits": ({"lat": 1, "fee": "1.234"}, "fee"),
    "unknown member": ({"lat": 1, "mood": "awful"}, "mood"),
    "too many items": ({"lat": 1, "runways": ["a"] * 4}, "runways"),
    "naive time": ({"lat": 1, "opened": "2026-01-01T00:00:00"}, "opened"),
    "no address": ({"lat": 1, "host": "nowhere"}, "host"),
    "NUL within": ({"lat": 1, "extra": {"a": "\x00"}}, "extra"),
    "wrong within": ({"lat": 1, "point": {"x": "1"}}, "point"),
    "no uuid": ({"lat": 1, "id": "1"}, "id"),
}


@pytest.mark.parametrize(("body", "name"), INVALID.values(), ids=INVALID.keys())
async def test_fastapi_answers_422_to_an_invalid_body(
    client: httpx.AsyncClient, body: dict[str, Any], name: str
) -> None:
    """Types and bounds are checked at the door, all of them, and the answer names the field."""
    answer = await client.post("/airports", json={"icao": "EDDF", **body})

    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert name in error["msg"]


async def test_fastapi_describes_the_model_in_openapi(client: httpx.AsyncClient) -> None:
    """With bounds, comments, and system fields as read-only."""
    document = (await client.get("/openapi.json")).json()
    content = document["paths"]["/airports"]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"]

    assert set(schema["required"]) == {"icao", "lat"}
    properties = schema["properties"]
    icao = {"minLength": 4, "maxLength": 4, "pattern": "^[A-Z]+$", "description": "ICAO code"}
    assert icao.items() <= properties["icao"].items()
    assert properties["lat"]["minimum"] == -90
    assert properties["__created_at__"]["readOnly"] is True
    assert properties["version"]["readOnly"] is True
    assert properties["host"]["format"] == "ipv4"


def test_pydantic_field_takes_mappings_and_instances() -> None:
    """A model is a field type like any other."""
    start = airport()
    trip = Trip.model_validate({"start": start, "stops": [{"icao": "EDDM", "lat": 48.0}]})

    assert trip.start is start
    assert isinstance(trip.stops[0], Airport)
    assert trip.end is None


def test_pydantic_says_which_field_is_wrong() -> None:
    """Its error points at the place, ours says the rule."""
    with pytest.raises(pydantic.ValidationError) as caught:
        Trip.model_validate({"start": {"icao": "EDDF", "lat": 100.0}})

    (error,) = caught.value.errors()
    assert error["loc"] == ("start",)
    assert "lat" in error["msg"]


def test_pydantic_checks_instances_too() -> None:
    """The constructor checks nothing, so what it made is checked here."""
    with pytest.raises(pydantic.ValidationError, match="lat"):
        Trip(start=Airport(icao="EDDF", lat=100.0))


def test_pydantic_dumps_a_model() -> None:
    """To plain values, and back."""
    trip = Trip(start=airport(fee=Decimal("2.50")))
    dumped = trip.model_dump()

    assert dumped["start"]["fee"] == "2.50"
    again = Trip.model_validate_json(trip.model_dump_json())
    assert again.start.icao == "EDDF"
    assert again.start.fee == Decimal("2.50")


def test_pydantic_makes_a_json_schema() -> None:
    """Recursive structs within do not stop it."""
    schema = Trip.model_json_schema()

    assert schema["properties"]["start"]["properties"]["icao"]["type"] == "string"


async def test_litestar_takes_and_gives_a_model() -> None:
    """Natively: a model is a msgspec struct."""
    async with client_of(litestar.Litestar([create_plain])) as client:
        answer = await client.post("/plains", json={"icao": "EDDF", "lat": 50.0})

    assert answer.status_code == 201
    assert answer.json()["icao"] == "EDDF"


@pytest.mark.parametrize(
    "body",
    [{"icao": "EDDF"}, {"icao": "EDDFX", "lat": 1.0}, {"icao": "EDDF", "lat": 91.0}],
    ids=["missing", "too long", "out of bounds"],
)
async def test_litestar_answers_400_to_an_invalid_body(body: dict[str, Any]) -> None:
    """Numbers and lengths are checked by msgspec while it decodes."""
    async with client_of(litestar.Litestar([create_plain])) as client:
        assert (await client.post("/plains", json=body)).status_code == 400


async def test_litestar_describes_the_model_in_openapi() -> None:
    """Its schema has the fields."""
    async with client_of(litestar.Litestar([create_plain])) as client:
        document = (await client.get("/schema/openapi.json")).json()

    assert "icao" in document["components"]["schemas"]["Plain"]["properties"]


def test_msgspec_encodes_and_decodes_a_model() -> None:
    """In one call each, at its own speed."""
    made = Plain(icao="EDDF", lat=50.0)
    encoded = msgspec.json.encode(made)

    assert b"__created_at__" not in encoded
    assert msgspec.json.decode(encoded, type=Plain) == made
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Plain) == made


def test_msgspec_refuses_what_is_out_of_bounds() -> None:
    """Numbers and lengths are known to it."""
    with pytest.raises(msgspec.ValidationError, match="lat"):
        msgspec.json.decode(b'{"icao": "EDDF", "lat": 91}', type=Plain)


def test_forged_system_fields_are_decoded_but_harmless() -> None:
    """They are fields of the struct; which columns a store sends is decided by the record."""
    forged = msgspec.json.decode(
        b'{"icao": "EDDF", "lat": 1, "__tags__": ["admin"], "__created_at__": null}'.replace(
            b"null", b'"2000-01-01T00:00:00Z"'
        ),
        type=Plain,
    )

    assert forged.__tags__ == ["admin"]
    info = Plain.__table_info__
    assert not any(column.insertable or column.updatable for column in info.columns[-3:])


def test_unknown_fields_are_ignored() -> None:
    """As msgspec does; a newer client can talk to an older service."""
    key = uuid4()
    made = msgspec.convert({"id": str(key), "icao": "A", "lat": 1.0, "new": 1}, Plain)

    assert made.id == key


def test_dataclass_tools_take_a_model() -> None:
    """It is a dataclass to type checkers, so it is one to `dataclasses` too."""
    made = airport()

    assert dataclasses.is_dataclass(Airport)
    assert [each.name for each in dataclasses.fields(Airport)] == [
        name for name in Airport.__struct_fields__ if not name.startswith("__")
    ]
    assert dataclasses.asdict(made)["icao"] == "EDDF"
    assert pprint.pformat(made, width=10) == repr(made)
