"""Doubles for tests of code that stands on StoreHaus; no server is needed for any of them."""

from storehaus.testing.counting import CountingDriver
from storehaus.testing.driver import Call, FakeDriver

__all__ = ["Call", "CountingDriver", "FakeDriver"]
