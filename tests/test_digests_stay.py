"""Of the class that is never read no digest is handed out but to an authority: every way is tried.

A way out is a verb, a page that is fetched, what the gate answers, and what Python returns. The
three tables below name all that there are; a new one is in none of them, and fails. What is looked
for are all digests of two removals: one that a list brought with its class, and one that was seen,
read, confirmed and told to a host before anybody said its class, and that is withdrawn.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from sqlalchemy import select
from tests import removals_made
from tests.facts import add_claim
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.web import cases_made
from tests.web.cases_made import HUB
from tests.web.routes import NEEDS, path_of
from tests.web.test_notice_pages import confirm, drafted, version
from tests.web.visitors import Visitor, user_of

import reseen
from reseen import cli
from reseen.gate.keys import KeyScope
from reseen.operations import classes
from reseen.operations import removals as acts
from reseen.records import Digest, DigestKind, Names, RemovalClass, RemovedFile
from reseen.registry import to_ask
from reseen.registry.claims import removal_pk
from reseen.review import letters, notice_read
from reseen.review.letters import LetterMade, LetterOf, LetterWay
from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.app import make_app
from reseen.web.service import Service

KEY = "5e" * 32
NEVER = RemovalClass.CHILD_ABUSE
WHY = "Sample reason 01"
ACCOUNT = "sample-account"


def every_kind(seed: str) -> tuple[Digest, ...]:
    """A digest of each kind, told from all others by its first digits."""
    return tuple(
        Digest(kind, hashlib.sha256(f"{seed} {kind.label}".encode()).digest()[: kind.length])
        for kind in DigestKind
    )


@dataclass(frozen=True)
class Kept:
    """A store with two removals of the class, and all that must not leave it."""

    service: Service
    listed: str
    seen: str
    """Scanned, confirmed and in a notice that was sent, before anybody said its class."""
    case: str
    notice: str
    draft: str
    sighting: str
    secrets: tuple[str, ...]

    def looks_through(self, what: str, said: str | bytes) -> None:
        """Fail where any digest is in it, as text or as bytes, or its first 10 digits."""
        text = said if isinstance(said, str) else said.decode("latin-1")
        for secret in self.secrets:
            assert secret[:10] not in text.lower(), f"{what} hands out a digest"
            assert bytes.fromhex(secret).decode("latin-1") not in text, f"{what} hands out one"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    settings = Settings.from_environment(
        {"RESEEN_HOME": str(tmp_path), "RESEEN_KEY": KEY, "HF_HOME": str(tmp_path / "hf")}
    )
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring is not None
        service = Service(store=store, settings=settings, keyring=keyring)
        app = make_app(service)
        file = RemovedFile(every_kind("listed"), 4321, layout=b"\x09" * 32)
        new = removals_made.NewRemoval("a hotline", None, None, Names(name="x"), (file,), NEVER)
        with store.write() as connection:
            (listed,) = removals_made.insert(connection, keyring, [new])
        lead = Visitor(app, Role.LEAD)
        made = cases_made.made(service, 7, f"{ACCOUNT}/lora")
        other = cases_made.made(service, 8, "other-account/lora", read=False)
        stated = hashlib.sha256(f"{other.removal} model.safetensors".encode()).digest()
        with store.write() as connection:
            pk = removal_pk(connection, other.removal)
            add_claim(connection, pk, RemovedFile((Digest(DigestKind.SHA256, stated),)))
        for one in (made, other):
            confirm(service, one, lead)
        told, draft = drafted(lead), drafted(lead, "other-account")
        lead.post(f"{told}/sent", {"version": version(lead, told)})
        for one in (made, other):
            classes.classify(store, keyring, one.removal, NEVER, WHY)
        acts.withdraw(store, keyring, made.removal, WHY)
        with store.read() as connection:
            found = {
                bytes(value).hex()
                for table, column in (
                    ("digests", "value"), ("read_digests", "value"), ("artifacts", "sha256"),
                    ("artifacts", "git_oid"), ("artifacts", "xet"), ("claims", "layout"),
                )
                for value in connection.scalars(select(schema.metadata.tables[table].c[column]))
                if value
            }  # fmt: skip
            sighting = connection.scalar(select(schema.sightings.c.id).limit(1))
        assert len(found) > len(DigestKind)
        yield Kept(
            *(service, listed, made.removal, made.case),
            *(told.rsplit("/", 1)[1], draft.rsplit("/", 1)[1], str(sighting)),
            tuple(sorted(found)),
        )


# -- verbs ---------------------------------------------------------------------------------------

VERBS: dict[str, tuple[tuple[str, ...], ...]] = {
    "scan folder": (("{out}", "--jobs", "1", "--json"),),
    "sightings": ((), ("--json",), ("--withdrawn",), ("--withdrawn", "--json"), ("--refuted",)),
    "sighting": (("{sighting}",), ("{sighting}", "--json")),
    "problems": ((), ("--json",)),
    "blind": ((), ("--all",), ("--all", "--json")),
    "leads": ((), ("--json",)),
    "report": tuple(
        ("--out", f"{{out}}/report.{form}", "--locations", *more)
        for form in ("html", "csv", "jsonl", "xlsx")
        for more in ((), ("--blind",))
    ),
    "lookup": tuple(
        (what, *more)
        for what in ("{listed}", "{seen}", "{sha256}")
        for more in ((), ("--json",), ("--reveal", "--json"))
    ),
    "hubs": ((), ("--json",)),
    "index save": (("{out}/index", "--without-class", "--json"),),
    "index verify": (("{out}/index", "--json"),),
    "index key": (("--out", "{out}/key"),),
    "sweep digests": (
        ("--out", "{out}/digests.csv"),
        *(("--kind", kind, "--out", f"{{out}}/{kind}.csv") for kind in ("md5", "sha1", "crc32c")),
        ("--kind", "crc64nvme", "--out", "{out}/crc64nvme.csv"),
    ),
    "registry show": tuple(
        (id, *more)
        for id in ("{listed}", "{seen}")
        for more in ((), ("--json",), ("--reveal",), ("--reveal", "--json"))
    ),
    "registry list": ((), ("--json",), ("--withdrawn",), ("--withdrawn", "--json")),
    "registry lists": ((), ("--json",)),
    "registry base list": ((), ("--json",)),
    "registry take-back": (("{listed}/1", "--why", WHY),),
    "registry put-back": (("{listed}/1", "--why", WHY),),
    "registry settle": (("{listed}/1", "--why", WHY),),
    "registry withdraw": (("{listed}", "--why", WHY),),
    "registry restore": (("{listed}", "--why", WHY),),
    "registry withdraw-list": (("a hotline", "--why", WHY),),
    "registry restore-list": (("a hotline", "--why", WHY),),
    "registry classify": (("{listed}", "--class", "child-abuse-imagery", "--why", WHY),),
    "registry entitle": (("a hotline",),),
    "registry negative list": ((), ("--json",)),
    "user list": (("--json",),),
    "campaigns find": ((), ("--json",)),
    "campaigns list": ((), ("--json",)),
    "key list": (("--json",),),
    "audit head": (("--json",),),
    "audit verify": (("--json",),),
    "seal status": ((), ("--json",)),
    "audit export": (("--out", "{out}/audit.jsonl"), ("--out", "{out}/audit.csv")),
    "db upgrade": ((),),
}
"""Each verb that reads the store, as it is tried."""
NO_WAY_OUT = {
    "scan HUB": "says sightings, as `sightings` does",
    "ask": "sends digests to a hub: see below; says sightings, as `sightings` does",
    "watch": "says sightings, as `sightings` does",
    "read": "says sightings, as `sightings` does",
    "recheck": "says sightings, as `sightings` does",
    "sweep list": "keys and sizes of a store, without a registry",
    "sweep learn": "takes words, and says them again",
    "sweep run": "its parts hold what the saved index tells of what a store holds: for an import",
    "sweep import": "says sightings, as `sightings` does",
    "fingerprint": "of a person's own file, without a registry",
    "inspect": "of a person's own file, without a registry",
    "compare": "of a person's own files, without digests",
    "check": "of a person's own file: what they have is what is compared",
    "registry import": "takes, and names rows by number; rejected rows are the giver's own",
    "registry add": "takes, and says what became of each file",
    "registry base add": "takes, and says how many layers it has",
    "registry base remove": "takes a word, and says it again",
    "registry propose-class": "takes a word",
    "registry confirm-class": "takes a word, and says sightings",
    "registry export-class": "the one way: an administrator's, to a named authority, recorded",
    "registry negative add": "takes, and says whether it was taken",
    "registry negative confirm": "takes a word, and says sightings",
    "registry negative remove": "takes a word, and says sightings",
    "serve": "the pages below",
    "user add": "users",
    "user role": "users",
    "user disable": "users",
    "user enable": "users",
    "user password": "users",
    "user reset-second-factor": "users",
    "user sessions": "users",
    "campaigns show": "says accounts, as the page of a campaign does",
    "key add": "keys",
    "key revoke": "keys",
    "seal rotate": "another key for what is sealed; it says how many",
    "index rotate": "another secret of the search; it says that",
}


def _verbs(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        here = f"{before} {name}".strip()
        if isinstance(command, click.Group) and not command.invoke_without_command:
            yield from _verbs(command, here)
        else:
            yield here


def test_every_verb_is_tried_or_said_why_not() -> None:
    assert sorted(_verbs(cli.cli)) == sorted([*VERBS, *NO_WAY_OUT])


def test_no_verb_hands_out_a_digest(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    monkeypatch.setenv("RESEEN_KEY", KEY)
    values = {
        "out": str(out),
        "listed": kept.listed,
        "seen": kept.seen,
        "sighting": kept.sighting,
        "sha256": every_kind("listed")[0].hex,
    }
    for verb, tries in VERBS.items():
        for given in tries:
            arguments = [*verb.split(), *(part.format(**values) for part in given)]
            done = CliRunner().invoke(cli.cli, arguments)
            # What the test puts in by hand stands in no line of the log, as verify says.
            well = (0, 1) if verb == "audit verify" else (0,)
            assert done.exit_code in well, (arguments, done.output, done.exception)
            kept.looks_through(" ".join(arguments), done.stdout + done.stderr)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            kept.looks_through(path.name, _unpacked(path.read_bytes()))


def _unpacked(data: bytes) -> bytes:
    """A workbook's parts; anything else as it is."""
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return b"".join(book.read(name) for name in book.namelist())


# -- pages ---------------------------------------------------------------------------------------


WHOLE = "state=any&live=any&withdrawn=yes"
"""The queue without anything left out."""


def _address(template: str, kept: Kept) -> Iterator[str]:
    if template.startswith("/cases/"):
        yield template.format(id=kept.case)
    elif "/correction" in template or "/letters/" in template:
        yield template.format(id=kept.notice, number=1)
    elif template.startswith("/notices/"):
        yield from (template.format(id=id) for id in (kept.notice, kept.draft))
    elif template.startswith("/removals/"):
        yield from (template.format(id=id) for id in (kept.listed, kept.seen))
    elif template.startswith("/accounts/"):
        yield template.format(hub=HUB, account=ACCOUNT)
    elif template == "/queue":
        yield f"/queue?{WHOLE}"
        yield template
    elif template == "/asking/{hub}":
        yield template.format(hub="civitai")  # one that is asked by hash
    elif template == "/lists":
        yield from (f"/lists?removal={id}" for id in (kept.listed, kept.seen))
    else:
        yield path_of(template)


NOT_THERE = ("/static/", "/metrics", "/join/{token}", "/users/{pk}", "/sign-in/issuer")
"""What has no page here: nobody is invited, and there is no provider."""
FILES = (
    *("text", "json", "pdf", "correction", "correction/json", "correction/pdf"),
    *("withdrawal", "withdrawal/json", "withdrawal/pdf"),
)


def test_no_page_hands_out_a_digest(kept: Kept) -> None:
    app: FastAPI = make_app(kept.service)
    browser = Visitor(app, Role.ADMINISTRATOR)
    for template in sorted(path for method, path in NEEDS if method == "GET"):
        for address in _address(template, kept):
            answer = browser.get(address)
            known = "/xx-00000000" in address or template in NOT_THERE or answer.status_code == 403
            assert answer.status_code in (200, 303, 409, 503) or known, (address, answer.text)
            kept.looks_through(address, answer.text)


def test_no_file_that_a_page_makes_hands_out_a_digest(kept: Kept) -> None:
    browser = Visitor(make_app(kept.service), Role.LEAD)
    forms = ("html", "csv", "jsonl", "xlsx", "pdf")
    reports = ({}, {"case": kept.case}, {"notice": kept.notice}, {"place": f"{HUB}/{ACCOUNT}"})
    asked = [
        *(("/reports", {"format": each, **of}) for each in forms for of in reports),
        *(("/queue/export", {"format": each, "filter": WHOLE}) for each in forms[1:4]),
        *((f"/notices/{kept.notice}/{file}", {"why": WHY, "reason": WHY}) for file in FILES),
        *((f"/notices/{kept.draft}/{file}", {}) for file in FILES[:3]),
        (f"/notices/{kept.notice}/letters/1", {}),
    ]
    made = 0
    for address, form in asked:
        answer = browser.post(address, {"locations": "yes", **form})
        made += answer.status_code == 200
        kept.looks_through(f"{address} {form}", _unpacked(answer.content))
    assert made >= len(asked) - 4, "what is refused is said"


def test_a_mail_that_left_before_is_handed_to_nobody(kept: Kept) -> None:
    """Its digests stand in it packed, where nobody sees them by looking through it."""
    service = kept.service
    with service.store.write() as connection:
        lead = user_of(connection, "sample-lead", Role.LEAD)
        row = notice_read.own_row(connection, kept.notice)
        mail = base64.b64encode(" ".join(kept.secrets).encode())
        made = LetterMade(LetterOf.NOTICE, LetterWay.MAIL, "mail", mail, 1)
        letters.keep(connection, service.keyring, row, lead, made)
        number = letters.every(connection, row.pk)[-1].number
    browser = Visitor(make_app(service), Role.LEAD)
    place = f"/notices/{kept.notice}/letters/{number}"
    assert (browser.get(place).status_code, browser.post(place).status_code) == (403, 403)


def test_a_notice_says_why_its_digests_are_left_out(kept: Kept) -> None:
    browser = Visitor(make_app(kept.service), Role.LEAD)
    text = browser.post(f"/notices/{kept.draft}/text").text
    assert "Digests: left out; of this class they are given to an authority only" in text
    (item,) = json.loads(browser.post(f"/notices/{kept.draft}/json").text)["items"]
    assert "authority" in item["digests_left_out"]
    assert (item["declared"]["sha256"], item["declared"]["git_oid"], item["read"]) == (
        *(None, None),
        {},
    )
    page = browser.get(f"/removals/{kept.listed}").text
    assert "sha256: given to an authority only" in page


# -- hubs that are asked by hash -----------------------------------------------------------------


def test_no_question_to_a_hub_holds_a_digest(kept: Kept) -> None:
    """Whatever of them a hub takes, and wherever the removals were."""
    with kept.service.store.read() as connection:
        sites = {None, *connection.scalars(select(schema.claims.c.site))}
        for kind in DigestKind:
            for site in sites:
                wanted = to_ask.to_ask(connection, kind, site)
                said = " ".join(digest.hex() for digest in wanted.removals)
                kept.looks_through(f"a question for {kind.label}", said)
            every = [bytes.fromhex(secret) for secret in kept.secrets]
            theirs = {bytes(v) for v in connection.scalars(_in_force(kind))}
            assert to_ask.refused(connection, kind, every) >= theirs


def _in_force(kind: DigestKind) -> Any:
    d, c = schema.digests.c, schema.claims.c
    query = select(d.value).join(schema.claims, c.pk == d.claim_pk)
    return query.where(d.kind == int(kind), c.in_force == 1)


# -- the gate ------------------------------------------------------------------------------------


def test_the_gate_names_what_agrees_and_repeats_no_digest(kept: Kept, tmp_path: Path) -> None:
    store = kept.service.store
    sha256 = every_kind("listed")[0].hex
    with running(settings_in(tmp_path / "gate"), store) as gate:
        client, asks = standing.client(gate), key(store, KeyScope.CHECK, KeyScope.TRUSTED)
        knows(gate, store)
        answer = client.post("/v1/check", json={"sha256": sha256}, headers=asks)
        assert answer.status_code == 200, answer.text
        (result,) = answer.json()["results"]
        assert [match["removal"] for match in result["matches"]] == [kept.listed]
        kept.looks_through("the gate", answer.text)


# -- Python --------------------------------------------------------------------------------------

PYTHON = {"lookup", "removals", "sightings"}
"""Methods of `Registry` that return what is known."""
TAKES = {
    "open": "begins", "close": "ends",
    "check": "of a person's own file: what they have is what is compared",
    "import_list": "takes, and says what became of each row",
    "add_files": "takes, and says what became of each file",
    "withdraw": "says that it changed", "restore": "says that it changed",
    "background": "sketches of what is nobody's copy",
}  # fmt: skip


def _values(kept: Kept, registry: reseen.Registry) -> Iterator[tuple[str, Any]]:
    for withdrawn in (False, True):
        yield "removals", list(registry.removals(withdrawn=withdrawn))
        yield "sightings", list(registry.sightings(withdrawn=withdrawn))
    for what in (kept.listed, kept.seen, every_kind("listed")[0].hex):
        yield "lookup", registry.lookup(what)


def test_python_hands_out_no_digest_and_says_why(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = {name for name in vars(reseen.Registry) if not name.startswith("_")}
    assert methods == PYTHON | set(TAKES)
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    monkeypatch.setenv("RESEEN_KEY", KEY)
    tried = set()
    with reseen.Registry.open() as registry:
        for name, value in _values(kept, registry):
            tried.add(name)
            kept.looks_through(name, repr(value) + repr(pickle.dumps(value)))
            kept.looks_through(name, pickle.dumps(value))
        found = {removal.id: removal for removal in registry.removals(withdrawn=True)}
    assert tried == PYTHON
    (claim,) = found[kept.listed].claims
    assert claim.digests == ()
    assert claim.sketch is None
    assert DigestKind.SHA256 in claim.never_read
    assert found[kept.seen].cls is NEVER, "withdrawn, and still not handed out"
