"""Why a start ends early."""


class StartFailed(Exception):  # noqa: N818 - it names what happened, as the library's errors do
    """The server cannot be started.

    Args:
        reason: One sentence for people.
        is_configuration: Whether the caller has to change something before trying again.
        has_log: Whether the server's log explains more.
    """

    def __init__(
        self, reason: str, *, is_configuration: bool = False, has_log: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_configuration = is_configuration
        self.has_log = has_log


class NobodyLeft(Exception):  # noqa: N818 - not an error: the ordinary reason to stop
    """The last lease ended while the server was being started."""
