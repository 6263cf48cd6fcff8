"""The error tree: each family says which `except` it is for.

A message names the thing, what is wrong with it, and what would be right. It is shown to people as it stands and never
holds a secret.
"""


class BlockloomError(Exception):
    """Anything Blockloom raises on purpose; the text is fit to be shown."""


class EditError(BlockloomError):
    """An edit that the document cannot take: the caller asked for something that is not there or not allowed."""


class UnknownBlock(EditError):
    """A block id that is not in the workflow."""


class UnknownEdge(EditError):
    """An edge id that is not in the workflow."""


class NotConnectable(EditError):
    """A wire that may not be drawn; the text says why."""


class FileError(BlockloomError):
    """A workflow file or pasted text that could not be read or written.

    `place` is a JSON path or a line and column; `repairable` says that reading it with repairs would succeed.
    """

    def __init__(self, message: str, place: str = "", repairable: bool = False) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place
        self.repairable = repairable


class FileChangedOnDisk(FileError):
    """The file on disk is not the one that was read: somebody else wrote it meanwhile."""


class FileMissing(FileError):
    """The file that was read is gone from disk."""


class ExpressionError(BlockloomError):
    """A condition that does not parse or cannot be evaluated. `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class RunError(BlockloomError):
    """A run that could not begin: the graph has errors."""


class CycleError(RunError):
    """The blocks form a cycle. `path` holds the ids along it, the first one repeated at the end."""

    def __init__(self, message: str, path: tuple[str, ...]) -> None:
        super().__init__(message)
        self.path = path


class BlockError(BlockloomError):
    """A block failed: its followers are skipped and the run goes on. `retryable` says whether another try may help."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class DeadlineExceeded(BlockError):
    """A block or a run took longer than it may."""


class ModelError(BlockError):
    """A language model could not answer; the text says what to do about it."""


class DirectoryError(BlockError):
    """The source of stored agents and orchestrations could not be asked."""


class ServerError(BlockloomError):
    """A call to a workflow server that did not do what was asked. `status` is its HTTP status, None without a reply.

    `code` is the server's own `error_code`, "" when it sent none.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ServerUnreachable(ServerError):
    """No whole reply came. `may_have_arrived` says that the server may have done what it was asked all the same."""

    def __init__(self, message: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class NotAWorkflowServer(ServerError):
    """Something answered, but not as a workflow server does: most likely the address is wrong."""


class AccessDenied(ServerError):
    """The server does not accept the key (401), or the key may not do this (403)."""


class NotOnServer(ServerError):
    """What was asked for is not on the server (404): never was, or was deleted by somebody else."""


class RevisionMoved(ServerError):
    """The server's version is not the one that the change was made to (409, 412). `revision` is the current one."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "", revision: str | None = None) -> None:
        super().__init__(message, status=status, code=code)
        self.revision = revision


class TooManyRequests(ServerError):
    """The server wants a pause (429) of `retry_after_s` seconds, None when it does not say how long."""

    def __init__(
        self, message: str, *, status: int | None = None, code: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after_s = retry_after_s


class RefusedByServer(ServerError):
    """The server cannot take the request as it is (400, 402, 413, 415, 422); the text has its words."""


class ServerFault(ServerError):
    """The server failed (5xx). `execution_id` names the run that failed, when the server tells one."""

    def __init__(
        self, message: str, *, status: int | None = None, code: str = "", execution_id: str | None = None
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.execution_id = execution_id
