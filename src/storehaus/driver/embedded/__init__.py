"""A real PostgreSQL inside an application: nothing to install, nothing left running.

    process A ──lease──┐
    process B ──lease──┤ supervisor ──owns──▶ postgres ──▶ data directory
    (killed)  ──✕      ┘

A lease is an open connection, which the kernel closes however a process ends. When the last one is
gone, the supervisor stops the server and ends.
"""

from storehaus.driver.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
