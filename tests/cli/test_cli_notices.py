"""`reseen recheck` closes the notices whose files are gone, and says so."""

from __future__ import annotations

from pathlib import Path

from replica.lists import write_csv
from replica.server import Replica
from replica.world import World
from sqlalchemy import select
from tests.cli.test_cli_hub import reseen
from tests.web.visitors import user_of

from reseen.review import cases, decide, notice_read, notice_write
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.roles import Role
from reseen.review.verdicts import Verdict
from reseen.settings import Settings
from reseen.store import service_schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def test_two_rechecks_close_a_notice(tmp_path: Path, replica: Replica, world: World) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    reseen(tmp_path, replica, "scan", "hf", "account-01/LORA", "--no-follow")
    settings = Settings.from_environment({"RESEEN_HOME": str(tmp_path / "reseen")})
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=False)
        cases.put_all(store)
        with store.write() as connection:
            lead = user_of(connection, "lead", Role.LEAD)
            table = service_schema.cases.c
            query = select(table.id, table.version, table.hub, table.account)
            for row in connection.execute(query).all():
                decide.decide(
                    *(connection, keyring, decide.ShownCase(row.id, row.version)),
                    *(Verdict.CONFIRM, decide.DecidedBy(lead, "A sample reason.")),
                )
            id = notice_write.draft(connection, row.hub, row.account, lead)
            notice_write.step(connection, keyring, id, lead, NoticeStep(NoticeState.SENT))
    world.remove("model", "account-01/LORA")
    at_once = {"RESEEN_GONE_AFTER": "0s"}
    _, err = reseen(tmp_path, replica, "recheck", code=3, **at_once)
    assert "Notice" not in err
    _, err = reseen(tmp_path, replica, "recheck", **at_once)
    assert f"Notice {id} is gone" in err
    with Store(settings.db) as store, store.read() as connection:
        assert notice_read.by_id(connection, keyring, id).state is NoticeState.GONE
