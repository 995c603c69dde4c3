"""Naming tables as data, one module per family, generated from architecture parameters."""
