"""Passwords of tests are made lightly: with the product's parameters one takes a fifth of a second,
and tests make thousands. What those parameters are is tested by itself."""

from __future__ import annotations

from argon2 import PasswordHasher

from reseen.review import passwords

OWN = passwords._hasher
"""What the product has."""
LIGHT = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def make_lightly() -> None:
    """From here on, in this process; programs that tests start have the product's own."""
    passwords._hasher = LIGHT
