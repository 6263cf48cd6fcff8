"""Which version of the program this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def program_version() -> str:
    """The version of the installed package; "0" for a checkout that is not installed."""
    try:
        return version("blockloom")
    except PackageNotFoundError:
        return "0"
