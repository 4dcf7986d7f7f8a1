"""Runs what the layers below describe: stores, their verbs, and the one write pipeline."""

from storehaus.store.actor import acting, current_actor
from storehaus.store.change import Change, Operation, Outcome, Upserted
from storehaus.store.database import Database
from storehaus.store.generic import GenericStore
from storehaus.store.page import Page
from storehaus.store.plugin import Plugin
from storehaus.store.stream import RowStream
from storehaus.store.transaction import Options, Transaction

__all__ = [
    "Change",
    "Database",
    "GenericStore",
    "Operation",
    "Options",
    "Outcome",
    "Page",
    "Plugin",
    "RowStream",
    "Transaction",
    "Upserted",
    "acting",
    "current_actor",
]
