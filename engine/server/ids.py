"""Ids in paths, whatever their spelling."""

from uuid import UUID


def canonical_id(text: str) -> str | None:
    """The id as it is stored, lower case with hyphens, however the UUID was spelled; None when it is no UUID."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
