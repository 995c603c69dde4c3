"""A hub's own storage, looked through by a manifest of its files: no database, many machines."""
