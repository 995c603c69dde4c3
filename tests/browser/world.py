"""A store as a team has it after the first week, made once by the product's own functions.

What comes in: a folder. What goes out: `Seeded`: a database file to copy for each test, the hub
that it was scanned from, and users of every role. All of it is synthetic.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from replica.lists import write_csv
from replica.sample import sample_world
from replica.server import Replica
from replica.world import World
from tests.scan.walking import ALL, KEYRING, walk_hub

from reseen.operations import consequences
from reseen.registry.imports import ImportOptions, import_list
from reseen.review import users
from reseen.review.roles import Role
from reseen.scan.target import Confirm, Options
from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEY = bytes(range(32)).hex()
"""That of `KEYRING`."""
PASSWORD = "three blue lanterns"
PEOPLE = {
    "ada": Role.ADMINISTRATOR,
    "lea": Role.LEAD,
    "rio": Role.REVIEWER,
    "remy": Role.REVIEWER,
    "robin": Role.READER,
}
"""Who can sign in: name -> role. All with the same password."""
UPLOADS = 24
"""Copies of the account that has many."""
NOT_LISTED = 9
"""A removal of the world that is in no list yet."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was made; nobody changes it."""

    folder: Path
    hub: Replica
    world: World

    def settings(self, home: Path) -> Settings:
        """Settings of a service of its own in `home`, with the database copied there."""
        shutil.copyfile(self.folder / "reseen.db", home / "reseen.db")
        return settings_in(home, self.hub.endpoint)


@contextmanager
def seeded(folder: Path) -> Iterator[Seeded]:
    """Make it; the hub serves until the block ends."""
    world = sample_world(uploads=UPLOADS)
    with Replica(world) as hub:
        # In a thread: a browser's loop may be running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(furnish, settings_in(folder, hub.endpoint), world).result()
        yield Seeded(folder, hub, world)


def settings_in(home: Path, endpoint: str) -> Settings:
    """Everything in one folder; `db` can be replaced."""
    return Settings(
        home=home,
        db=f"sqlite:///{home / 'reseen.db'}",
        key_file=home / "reseen.key",
        hubs=(HubSettings("huggingface", endpoint, gone_after=timedelta(0)),),
        key=KEY,
        state=home / "gate",
    )


def furnish(settings: Settings, world: World) -> None:
    """Users of every role, a list, and a scan of the whole hub, into an empty store."""
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring is not None
        assert keyring.check == KEYRING.check
        with store.write() as connection:
            for name, role in PEOPLE.items():
                users.add(connection, name, role, PASSWORD, actor=None)
        listed = settings.home / "removals.csv"
        write_csv(listed, [r for r in world.removals if r.number != NOT_LISTED])
        import_list(store, keyring, listed, ImportOptions(list_name="sample list"))
        walk_hub(store, settings.hubs[0].endpoint, ALL, Options(refs=True, confirm=Confirm.FULL))
        consequences.follow(store)  # as the worker does: a page that is fetched puts no case
