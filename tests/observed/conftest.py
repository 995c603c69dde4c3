"""A store to test with: SQLite always, PostgreSQL too where there is one."""

from tests.any_store import keyring, settings, store

__all__ = ["keyring", "settings", "store"]
