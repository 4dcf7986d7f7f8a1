"""Drivers whose answers can be kept, on the shared tables."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_haus import driver_of
from gate import GatedDriver


@pytest.fixture
async def gated(tables_url: str, witness: Any) -> AsyncIterator[GatedDriver]:
    """An open driver on empty tables whose answers can be kept."""
    driver = GatedDriver(driver_of(tables_url))
    await driver.open()
    try:
        yield driver
    finally:
        driver.open_gate()
        await driver.close()
