"""Pages whose sort key is a function of which only its author knows what it gives."""

import pytest

from fix_haus import Parcel
from storehaus import QueryBuilder, StoreHaus, func

pytestmark = pytest.mark.anyio


async def test_result_that_is_null_against_its_type_is_given_too(haus: StoreHaus) -> None:
    """Rows for which a function gives NULL are on the pages, whatever `returns=` says."""
    parcels = haus.store(Parcel)
    await parcels.create_many([Parcel(id=n, title="" if n % 2 else f"t{n}") for n in range(20)])
    query = QueryBuilder(Parcel).order_by(func.nullif(Parcel.title, "", returns=str))

    page = await parcels.page(query, size=3)
    found = [parcel.id for parcel in page.items]
    while page.next:
        page = await parcels.page(query, size=3, after=page.next)
        found += [parcel.id for parcel in page.items]

    assert sorted(found) == list(range(20))
