"""Guessing, counted in the store: by all workers and machines together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from reseen.errors import Conflict
from reseen.review import devices, sign_in_limits
from reseen.review.sign_in_limits import BY_ADDRESS, BY_NAME, BY_PAIR, QUARTER, Limit
from reseen.store.database import Store
from reseen.store.sign_in_schema import sign_in_tries

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Goes on by so many windows when it is called; begins where a window does."""
    at = [QUARTER * 1_000_000]
    monkeypatch.setattr(sign_in_limits, "now", lambda: at[0])

    def later(windows: float) -> None:
        at[0] += int(windows * QUARTER)

    return later


def tried(store: Store, name: str, address: str, *, known: str = "") -> None:
    """Raises Conflict."""
    limits = sign_in_limits.of_sign_in(name, address)
    if known:
        limits = sign_in_limits.of_known("device", known)
    _take(store, limits)


def _take(store: Store, limits: tuple[Limit, ...]) -> None:
    with store.write() as connection:
        sign_in_limits.take(connection, store.secret, limits)


def often(store: Store, count: int, name: str = "ada", address: str = HERE) -> int:
    """How many of so many tries were taken."""
    taken = 0
    for number in range(count):
        try:
            tried(store, name.format(number), address.format(number))
            taken += 1
        except Conflict:
            pass
    return taken


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_a_name_at_an_address_has_so_many_tries_whoever_counts_them(
    store: Store, url: str, clock: Callable[[float], None], name: str
) -> None:
    with Store(url) as other:  # another worker
        for number in range(BY_PAIR):
            tried((store, other)[number % 2], name, HERE)
        for one in (store, other):
            with pytest.raises(Conflict, match="too many"):
                tried(one, name, HERE)
    tried(store, name, THERE)
    tried(store, "grace", HERE)


def test_tries_count_less_and_less_and_then_no_more(
    store: Store, clock: Callable[[float], None]
) -> None:
    assert often(store, 20) == BY_PAIR
    clock(1)  # all of them may lie within the last quarter of an hour
    assert often(store, 1) == 0
    clock(0.5)
    assert often(store, 20) == BY_PAIR // 2
    clock(2)
    assert often(store, 20) == BY_PAIR
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(sign_in_tries)) == 3


def test_an_address_has_so_many_tries_of_any_names(
    store: Store, clock: Callable[[float], None]
) -> None:
    assert often(store, BY_ADDRESS + 5, "name-{}") == BY_ADDRESS
    tried(store, "another", THERE)


def test_a_name_has_so_many_tries_from_anywhere_but_not_where_it_is_known(
    store: Store, clock: Callable[[float], None]
) -> None:
    assert often(store, BY_NAME + 5, "ada", "192.0.2.{}") == BY_NAME
    with pytest.raises(Conflict):
        tried(store, "ada", "198.51.100.1")
    for _ in range(BY_PAIR):
        tried(store, "ada", "198.51.100.1", known="a device")
    with pytest.raises(Conflict):
        tried(store, "ada", "198.51.100.1", known="a device")
    tried(store, "ada", "198.51.100.1", known="another device")


def test_many_at_once_are_no_way_around_it(store: Store, clock: Callable[[float], None]) -> None:
    with ThreadPoolExecutor(6) as pool:
        taken = sum(pool.map(lambda _: often(store, 4), range(6)))
    assert taken == BY_PAIR


def test_who_was_right_has_tried_nothing_in_vain(
    store: Store, clock: Callable[[float], None]
) -> None:
    for _ in range(3 * BY_ADDRESS):
        tried(store, "ada", HERE)
        with store.write() as connection:
            limits = sign_in_limits.of_sign_in("ada", HERE)
            sign_in_limits.give_back(connection, store.secret, limits)
    # but what was tried with other names from there still counts
    assert often(store, BY_ADDRESS, "name-{}") == BY_ADDRESS
    with pytest.raises(Conflict):
        tried(store, "ada", HERE)


def test_what_is_kept_tells_no_name_and_no_address(store: Store) -> None:
    tried(store, "ada", HERE)
    with store.read() as connection:
        told = repr(connection.execute(select(sign_in_tries)).all())
    assert "ada" not in told
    assert HERE not in told


def test_a_device_is_one_persons_until_the_password_changes() -> None:
    secret = b"s" * 32
    given = devices.new(secret, "ada", "a hash")
    id = devices.known(secret, "ada", "a hash", given)
    assert id
    assert given.startswith(id)
    assert devices.known(secret, "grace", "a hash", given) is None
    assert devices.known(secret, "ada", "another hash", given) is None
    assert devices.known(secret, "ada", None, given) is None
    assert devices.known(b"t" * 32, "ada", "a hash", given) is None
    later = ".".join([id, "9" * 12, given.rsplit(".", 1)[1]])
    for forged in ("", "x", later, given.replace(id, "0" * 32), None):
        assert devices.known(secret, "ada", "a hash", forged) is None


def test_a_device_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given = devices.new(b"s" * 32, "ada", "a hash")
    at = devices.now() + (devices.LIFE + 1) * 1_000_000
    monkeypatch.setattr(devices, "now", lambda: at)
    assert devices.known(b"s" * 32, "ada", "a hash", given) is None
