"""The store: what the server keeps, in SQLite by default and in PostgreSQL by URL, through the same few calls."""

from engine.store.database import Database as Database
from engine.store.database import StoreUnavailable as StoreUnavailable
from engine.store.opening import open_database as open_database
