"""The class that is never read: said at any time, by any list, in any order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.match.made import KEYRING
from tests.match.updates import CAST, REMOVED

from reseen.cli.common import CLASSES
from reseen.errors import AccessError, Conflict, InputError, NotFound, SealError
from reseen.match.sketch_index import searched
from reseen.observed import sightings
from reseen.operations import classes, lists, removals
from reseen.records import SAID_CLASSES, Confirmed, Removal, RemovalClass, Rung
from reseen.registry import classes as said
from reseen.registry import removals as stored
from reseen.registry.imports import ImportOptions
from reseen.review.roles import Role, Who
from reseen.scan.folder import scan_folder
from reseen.store import audit, schema
from reseen.store.database import Store

WHY = "Sample reason 01"
NEVER = RemovalClass.CHILD_ABUSE
ADA, BEN = Who(1, "ada", Role.LEAD), Who(2, "ben", Role.ADMINISTRATOR)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a removed model, and a copy that was altered."""
    model = REMOVED
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "LORA").write_bytes(model)
    (tmp_path / "seen" / "altered").write_bytes(CAST)
    digest = hashlib.sha256(model).hexdigest()
    (tmp_path / "one.csv").write_text(f"name,sha256\nSample person 07,{digest}\n")
    (tmp_path / "two.csv").write_text(f"sha256,class\n{digest},CSAM\n")
    return tmp_path


def import_(store: Store, path: Path, cls: RemovalClass | None = None) -> None:
    lists.import_list(store, KEYRING, path, ImportOptions(cls=cls))


def scan(store: Store, place: Path) -> None:
    scan_folder(store, KEYRING, place / "seen", jobs=1)


def removal(store: Store) -> Removal:
    with store.read() as connection:
        (one,) = stored.every(connection, withdrawn=None)
    return one


def standing(store: Store) -> dict[str, tuple[Rung, Confirmed]]:
    with store.read() as connection:
        return {s.path: (s.rung, s.confirmed) for s in sightings.every(connection)}


def in_use(store: Store) -> tuple[int, int]:
    """Sketches that are searched, and learned claims in force."""
    claims = schema.claims.c
    with store.read() as connection:
        sketched = (
            select(schema.sketches.c.claim_pk)
            .join(schema.claims, claims.pk == schema.sketches.c.claim_pk)
            .join(schema.removals, schema.removals.c.pk == claims.removal_pk)
            .where(searched())
        )
        learned = select(claims.pk).where(claims.source == 1, claims.in_force == 1)
        return len(connection.scalars(sketched).all()), len(connection.scalars(learned).all())


AS_READ = {
    "LORA": (Rung.BYTES, Confirmed.BYTES),
    "altered": (Rung.WEIGHTS, Confirmed.HEADER),
}
AS_STATED = {"LORA": (Rung.DECLARED, Confirmed.NONE)}


def live(store: Store) -> dict[str, tuple[Rung, Confirmed]]:
    return {path: at for path, at in standing(store).items() if at[0].on_ladder}


def test_the_command_line_knows_the_classes() -> None:
    assert tuple(cls.label for cls in SAID_CLASSES) == CLASSES


@pytest.mark.parametrize("how", ["another list", "this list", "here", "a withdrawn list"])
def test_said_later_it_takes_what_was_read_out_of_use_and_back(
    store: Store, place: Path, how: str
) -> None:
    import_(store, place / "one.csv")
    if how == "a withdrawn list":
        import_(store, place / "two.csv")
        removals.withdraw_list(store, KEYRING, "two", WHY)
    scan(store, place)
    id = removal(store).id
    assert live(store) == AS_READ
    assert in_use(store) == (1, 1)
    for _ in range(2):
        if how == "another list":
            import_(store, place / "two.csv")
            removals.restore_list(store, KEYRING, "two", WHY)
        elif how == "a withdrawn list":
            removals.restore_list(store, KEYRING, "two", WHY)
        elif how == "here":
            assert classes.classify(store, KEYRING, id, NEVER, WHY).changed
            assert not classes.classify(store, KEYRING, id, NEVER, WHY).changed
        else:
            assert classes.classify_list(store, KEYRING, "one", NEVER, WHY).changed
            assert not classes.classify_list(store, KEYRING, "one", NEVER, WHY).changed
        assert removal(store).cls is NEVER
        assert live(store) == AS_STATED
        assert in_use(store) == (0, 0)
        if how in ("another list", "a withdrawn list"):
            removals.withdraw_list(store, KEYRING, "two", WHY)
        elif how == "here":
            classes.classify(store, KEYRING, id, RemovalClass.OTHER, WHY)
        else:
            classes.classify_list(store, KEYRING, "one", RemovalClass.OTHER, WHY)
        assert removal(store).cls is RemovalClass.OTHER
        assert live(store) == AS_READ
        assert in_use(store) == (1, 1)


def test_what_was_read_before_the_removal_was_known_is_the_same(store: Store, place: Path) -> None:
    scan(store, place)
    import_(store, place / "two.csv")
    assert live(store) == AS_STATED
    assert in_use(store) == (0, 0)
    import_(store, place / "one.csv")
    assert live(store) == AS_STATED
    removals.withdraw_list(store, KEYRING, "two", WHY)
    assert live(store) == AS_READ
    assert in_use(store) == (1, 1)


def test_the_class_of_a_list_is_that_of_its_later_rows_too(store: Store, place: Path) -> None:
    (place / "one").mkdir()
    (place / "one" / "one.csv").write_text(f"sha256\n{hashlib.sha256(b'another').hexdigest()}\n")
    import_(store, place / "one" / "one.csv")
    classes.classify_list(store, KEYRING, "one", NEVER, WHY)
    import_(store, place / "one.csv")
    with store.read() as connection:
        assert {one.cls for one in stored.every(connection)} == {NEVER}


def test_the_strictest_wins_and_a_class_alone_keeps_nothing_in_force(
    store: Store, place: Path
) -> None:
    import_(store, place / "one.csv", RemovalClass.LIKENESS)
    id = removal(store).id
    assert removal(store).cls is RemovalClass.LIKENESS
    classes.classify(store, KEYRING, id, RemovalClass.INTIMATE, WHY)
    assert removal(store).cls is RemovalClass.INTIMATE
    classes.classify(store, KEYRING, id, RemovalClass.OTHER, WHY)
    assert removal(store).cls is RemovalClass.LIKENESS
    classes.classify(store, KEYRING, id, NEVER, WHY)
    assert removal(store).lists == ("one",)
    removals.withdraw_list(store, KEYRING, "one", WHY)
    assert removal(store).withdrawn_at is not None


def test_it_counts_for_blocking_from_an_entitled_list_only(store: Store, place: Path) -> None:
    import_(store, place / "two.csv")
    assert removal(store).cls is NEVER
    with pytest.raises(AccessError):
        classes.entitle(store, "two", by=ADA)
    assert classes.entitle(store, "two", by=BEN)
    assert not classes.entitle(store, "two")
    assert removal(store).cls.vouched
    assert removal(store).cls.never_read
    assert classes.entitle(store, "two", revoked=True)
    assert removal(store).cls is NEVER
    with pytest.raises(NotFound):
        classes.entitle(store, "three")
    with store.read() as connection:
        told = [(line.action, line.actor) for line in audit.every(connection)]
    assert ("entitle", "user:ben") in told
    assert told[-1][0] == "revoke-entitled"


@pytest.mark.parametrize("counts", [True, False])
def test_two_pairs_of_eyes_settle_it(store: Store, place: Path, counts: bool) -> None:
    import_(store, place / "one.csv")
    import_(store, place / "two.csv")
    claim = f"{removal(store).id}/2"
    with pytest.raises(SealError):
        classes.propose(store, None, claim, counts, WHY, by=ADA)
    with pytest.raises(AccessError):
        classes.propose(store, KEYRING, claim, counts, WHY, by=Who(3, "cy", Role.REVIEWER))
    with pytest.raises(NotFound):
        classes.propose(store, KEYRING, f"{removal(store).id}/1", counts, WHY, by=ADA)
    with pytest.raises(Conflict):
        classes.confirm(store, KEYRING, claim, WHY, by=BEN)
    classes.propose(store, KEYRING, claim, counts, WHY, by=ADA)
    assert removal(store).cls is NEVER
    with pytest.raises(Conflict):
        classes.propose(store, KEYRING, claim, counts, WHY, by=BEN)
    with pytest.raises(Conflict):
        classes.confirm(store, KEYRING, claim, WHY, by=ADA)
    with store.read() as connection:
        assert said.proposals(connection, removal(store).id)[2].counts is counts
    classes.confirm(store, KEYRING, claim, WHY, by=BEN)
    assert removal(store).cls is (
        RemovalClass.CHILD_ABUSE_VOUCHED if counts else RemovalClass.OTHER
    )
    assert removal(store).claims[1].class_settled is counts
    with store.read() as connection:
        assert not said.proposals(connection, removal(store).id)
    # and the way back is the same
    classes.propose(store, KEYRING, claim, not counts, WHY, by=BEN)
    classes.confirm(store, KEYRING, claim, WHY, by=ADA)
    assert removal(store).cls.vouched is not counts


def test_the_verbs(store: Store, place: Path) -> None:
    from click.testing import CliRunner

    from reseen.cli import cli
    from reseen.review import users

    store.close()
    db = str(place / "verbs.db")

    def run(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(cli, ["registry", *words, "--db", db])
        assert (done.exit_code != 0) == fails, (done.output, done.exception)
        return done.output if not fails else repr(done.exception)

    run("import", str(place / "one.csv"), "--class", "likeness", "--quiet")
    shown = json.loads(run("list", "--json").splitlines()[0])
    id = shown["removal"]
    assert (shown["class"], shown["class_counts"]) == ("likeness", None)
    run("classify", id, "--class", "child-abuse-imagery", "--why", WHY)
    assert "the gate holds" in run("show", id)
    assert "may say" in run("entitle", "local")
    assert "the gate blocks" in run("show", id)
    run("entitle", "local", "--revoke")
    run("classify", "--list", "one", "--class", "intimate-imagery", "--why", WHY)
    assert "class intimate-imagery" in run("lists")
    run("classify", id, "--list", "one", "--class", "other", "--why", WHY, fails=True)
    with Store(f"sqlite:///{db}") as opened, opened.write() as connection:
        for name in ("ada", "ben"):
            users.add(connection, name, Role.LEAD, "a long sample password 01", actor=None)
    act = (f"{id}/2", "--as", "ada", "--why", WHY)
    run("propose-class", *act, "--counts")
    assert "cannot confirm" in run("confirm-class", *act, fails=True)
    run("confirm-class", f"{id}/2", "--as", "ben", "--why", WHY)
    assert "which two people say counts" in run("show", id)
    assert "no such user" in run(
        "confirm-class", f"{id}/2", "--as", "dan", "--why", WHY, fails=True
    )
    added = run("add", str(place / "seen" / "altered"), "--class", "child-abuse-imagery", "--quiet")
    assert "added" in added


def test_its_digests_leave_by_one_verb_alone(store: Store, place: Path) -> None:
    import_(store, place / "two.csv")
    scan(store, place)
    digest = hashlib.sha256(REMOVED).hexdigest()
    out = place / "class.jsonl"
    recipient = "Sample authority 01"
    for who in (ADA,):
        with pytest.raises(AccessError):
            classes.export(store, KEYRING, out, recipient, WHY, by=who)
    with pytest.raises(InputError):
        classes.export(store, KEYRING, out, "  ", WHY, by=BEN)
    with pytest.raises(InputError):
        classes.export(store, KEYRING, place / "class.txt", recipient, WHY, by=BEN)
    with pytest.raises(SealError):
        classes.export(store, None, out, recipient, WHY, by=BEN)
    assert not out.exists()
    assert classes.export(store, KEYRING, out, recipient, WHY, by=BEN) == 1
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["value"] == digest
    assert out.stat().st_mode & 0o077 == 0
    assert classes.export(store, KEYRING, place / "class.csv", recipient, WHY, by=BEN) == 1
    assert digest in (place / "class.csv").read_text()
    with store.read() as connection:
        told = [line for line in audit.every(connection) if line.action == "export-class"]
        (sighting,) = sightings.every(connection)
    assert [line.details["to"] for line in told] == [recipient, recipient]
    assert sighting.declared_sha256 is None
    assert digest not in repr(sighting)
    # nothing else that prints holds them
    from reseen.cli.findings import removal_fields, removal_text

    assert digest not in json.dumps(removal_fields(removal(store)), default=str)
    assert digest not in removal_text(removal(store), None)
    classes.propose(store, KEYRING, f"{removal(store).id}/1", False, WHY, by=ADA)
    classes.confirm(store, KEYRING, f"{removal(store).id}/1", WHY, by=BEN)
    assert digest in removal_text(removal(store), None)
