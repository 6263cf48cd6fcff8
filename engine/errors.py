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
