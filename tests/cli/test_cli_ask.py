"""`reseen ask`, and what `reseen hubs` says of it: real commands against a small Civitai."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from replica.civarchive import CivArchiveSite
from replica.civitai import CivitaiSite
from replica.faults import Fault, Kind
from replica.server import Replica
from replica.world import World
from tests.cli.test_cli_hub import Nowhere, objects, reseen
from tests.hubs.civitai_site import served

from reseen.hubs import civarchive
from reseen.store import schema
from reseen.store.database import Store

NAME = "Sample person 07"


def digest_of(number: int) -> str:
    return hashlib.sha256(b"sample %d" % number).hexdigest()


@pytest.fixture
def site() -> CivitaiSite:
    site = CivitaiSite()
    for number in (1, 2):
        named = {"a.safetensors": (digest_of(number), 4096)}
        site.put(1000 + number, "sample-account", {5000 + number: named})
    return site


@pytest.fixture
def civitai(site: CivitaiSite) -> Iterator[Replica]:
    with served(site) as replica:
        yield replica


@pytest.fixture
def home(tmp_path: Path, civitai: Replica) -> Path:
    """A registry that knows two models: one that was at this hub, and one that was elsewhere."""
    rows = [
        f"{NAME},{digest_of(1)},http://127.0.0.1/models/4711?modelVersionId=12",
        f"{NAME},{digest_of(2)},https://models.example/models/4712?modelVersionId=13",
    ]
    listed = tmp_path / "list.csv"
    listed.write_text("\n".join(["name,sha256,url", *rows, ""]))
    ask(tmp_path, civitai, "registry", "import", str(listed), "--quiet")
    return tmp_path


def ask(home: Path, civitai: Replica, *given: str, code: int = 0) -> tuple[str, str]:
    """The command, with this Civitai for the usual one."""
    at = {
        "RESEEN_HUB_CIVITAI_ENDPOINT": civitai.endpoint,
        "RESEEN_HUB_CIVITAI_QUOTA": "1000/1",
        "RESEEN_SENDER_MAIL": "reports@example.org",
    }
    return reseen(home, Nowhere(), *given, code=code, **at)


def test_what_a_list_says_was_there_is_asked_for_and_the_rest_once_it_is_allowed(
    home: Path, civitai: Replica
) -> None:
    out, err = ask(home, civitai, "ask", "civitai")
    (line,) = out.splitlines()
    assert "declared" in line
    assert "sample-account/1001" in line
    assert "1 new sighting: 1 of 1 digest are at" in err
    _, err = ask(home, civitai, "ask", "civitai", "--allow")
    assert "civitai is asked for all: today 2 digests of 2 removals." in err
    out, _ = ask(home, civitai, "ask", "civitai", "--json")
    found, last = objects(out)
    assert found["repo"] == "sample-account/1002"
    assert (last["asked_for"], last["asked"], last["there"]) == ("all", 2, 2)
    assert (last["new_sightings"], last["problems"], last["ended"]) == (1, [], True)
    assert {e.user_agent for e in civitai.journal.entries} == {"reseen (reports@example.org)"}
    _, err = ask(home, civitai, "audit", "verify")


def test_how_many_would_go_out_is_said_and_nothing_sent(home: Path, civitai: Replica) -> None:
    out, _ = ask(home, civitai, "ask", "civitai", "--dry-run")
    assert "1 digest of 1 removal would go to 127.0.0.1" in out
    assert "  list  1 digest" in out
    (last,) = objects(ask(home, civitai, "ask", "civitai", "--dry-run", "--json")[0])
    assert (last["asked_for"], last["digests"], last["removals"]) == ("origin", 1, 1)
    assert (last["dry_run"], last["never_sent"]) == (True, 0)
    assert last["lists"] == [{"list": "list", "digests": 1}]
    _, err = ask(home, civitai, "ask", "civitai", "--dry-run", "--allow", code=2)
    assert "--dry-run goes with none of --allow" in err
    assert civitai.journal.total == 0
    ask(home, civitai, "audit", "export", "--out", str(home / "log.jsonl"))
    assert '"ask' not in (home / "log.jsonl").read_text()
    _, err = ask(home, civitai, "ask", "civitai")
    assert err.index("1 digest of 1 removal goes to 127.0.0.1") < err.index("1 new sighting")


def test_of_the_class_that_is_never_read_it_says_how_many_are_never_sent(
    tmp_path: Path, civitai: Replica
) -> None:
    listed = tmp_path / "list.csv"
    link = "http://127.0.0.1/models/47{}?modelVersionId=12"
    rows = [f"{NAME},{digest_of(n)},{link.format(n)}" for n in range(1, 7)]
    listed.write_text("\n".join(["name,sha256,url", *rows, ""]))
    given = ("--class", "child-abuse-imagery", "--quiet")
    ask(tmp_path, civitai, "registry", "import", str(listed), *given)
    _, err = ask(tmp_path, civitai, "ask", "civitai")
    assert "6 are of the class that is never read, and never sent" in err
    assert "No row of a list" not in err
    (last,) = objects(ask(tmp_path, civitai, "ask", "civitai", "--json")[0])
    assert (last["digests"], last["never_sent"]) == (0, 6)
    assert civitai.journal.total == 0


def test_that_nothing_of_the_class_is_sent_is_said_where_one_looks_first(
    home: Path, civitai: Replica
) -> None:
    said = "nothing of the class that is never read (capable of child abuse imagery)"
    assert said in ask(home, civitai, "hubs")[0]
    shown = " ".join(ask(home, civitai, "ask", "--help")[0].split())
    assert "class that is never read (capable of child abuse imagery) nothing is ever sent" in shown
    ask(home, civitai, "ask", "civitai", "--forbid", "--quiet")
    assert said not in ask(home, civitai, "hubs")[0]


def test_another_address_is_another_hub_with_its_own_switch(home: Path, civitai: Replica) -> None:
    ask(home, civitai, "ask", "civitai", "--allow", "--quiet")
    other = civitai.endpoint.replace("127.0.0.1", "localhost")
    out, _ = ask(home, civitai, "ask", "civitai", "--endpoint", other, "--dry-run")
    assert "is another hub than 127.0.0.1" in out
    assert "with its own switch" in out
    _, err = ask(home, civitai, "ask", "civitai", "--endpoint", other, "--forbid")
    assert "civitai at localhost" in err
    _, err = ask(home, civitai, "ask", "civitai", "--endpoint", other, code=2)
    assert f"reseen ask civitai --endpoint {other} --allow" in err
    assert "civitai is asked for all" in ask(home, civitai, "ask", "civitai", "--allow")[1]


def test_what_is_switched_off_cannot_be_asked(home: Path, civitai: Replica) -> None:
    ask(home, civitai, "ask", "civitai", "--forbid")
    _, err = ask(home, civitai, "ask", "civitai", code=2)
    assert "asking civitai is switched off" in err
    assert civitai.journal.total == 0
    _, err = ask(home, civitai, "ask", "hf", code=2)
    assert "huggingface cannot be asked by hash" in err


def test_the_hubs_say_what_they_are_asked_for(home: Path, civitai: Replica) -> None:
    out, _ = ask(home, civitai, "hubs")
    assert "by hash: `reseen ask` sends sha256 digests of rows of lists whose" in out
    for given, said in (("--allow", "all"), ("--forbid", "nothing"), ("--usual", "origin")):
        ask(home, civitai, "ask", "civitai", given, "--quiet")
        hub, other = objects(ask(home, civitai, "hubs", "--json")[0])
        assert (hub["by_hash"], hub["asked_for"]) == (False, None)
        assert (other["name"], other["by_hash"], other["asked_for"]) == ("civitai", True, said)
        assert (other["sends"], other["documented"]) == ("sha256", True)
    assert civitai.journal.total == 0


def test_the_hubs_are_listed_where_no_store_can_be_opened(home: Path, civitai: Replica) -> None:
    (home / "other.db").write_text("no store at all")
    given = ("hubs", "--db", str(home / "other.db"))
    out, _ = ask(home, civitai, *given)
    assert "by hash: sha256 digests; of what, the store says, which cannot be opened" in out
    _, other = objects(ask(home, civitai, *given, "--json")[0])
    assert (other["by_hash"], other["asked_for"]) == (True, None)


def test_a_hub_that_breaks_off_is_said_and_its_codes_are_those_of_other_verbs(
    home: Path, civitai: Replica, site: CivitaiSite
) -> None:
    with civitai.faults.during(Fault(Kind.GARBAGE, route="by-hash-ids")):
        out, err = ask(home, civitai, "ask", "civitai", code=2)
        assert "the hub's answer is not JSON; 1 digest not asked for" in err
        out, _ = ask(home, civitai, "ask", "civitai", "--json", code=2)
        last, error = objects(out)
        assert (last["ended"], last["asked"], last["digests"]) == (False, 0, 1)
        assert (error["kind"], error["exit_code"]) == ("HubGarbage", 2)
        assert error["error"] == "the hub's answer is not JSON; 1 digest not asked for"
    site.models[1001].unlisted = True
    with civitai.faults.during(Fault(Kind.ERROR, status=404, route="model")):
        out, err = ask(home, civitai, "ask", "civitai", code=3)
    assert "models that are there by its word, and that it does not show: 1" in err
    assert NAME not in out + err
    assert digest_of(1) not in out + err


def test_a_hub_is_walked_by_its_name_or_host(home: Path, civitai: Replica) -> None:
    for name in ("civitai", civitai.endpoint.removeprefix("http://")):
        _, err = ask(home, civitai, "scan", name, "--all", "--confirm", "none")
    assert "0 new sightings" in err  # the second time
    found, _ = ask(home, civitai, "sightings", "--json")
    assert {row["repo"] for row in objects(found)} == {"sample-account/1001", "sample-account/1002"}
    page = f"{civitai.endpoint}/models/1001?modelVersionId=5001"
    ask(home, civitai, "scan", "civitai", page, "--confirm", "none")
    _, err = ask(home, civitai, "recheck")
    assert "2 live" in err


def test_what_went_is_a_line(home: Path, civitai: Replica, site: CivitaiSite) -> None:
    ask(home, civitai, "ask", "civitai")
    site.models[1001].gone = True
    ask(home, civitai, "ask", "civitai")
    out, err = ask(home, civitai, "ask", "civitai")
    assert out.startswith("live -> gone")
    assert "not there any more, by its word: 1 sighting" in err


def test_a_locator_is_asked_only_when_it_was_allowed_and_its_places_are_looked_at(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(civarchive, "LONGEST_PAUSE", 0.0)
    site = CivArchiveSite({digest_of(1): ("https://models.example/1",)})
    with Replica(World(), site=site) as locator:
        at = {
            "RESEEN_HUB_CIVARCHIVE_ENDPOINT": locator.endpoint,
            "RESEEN_HUB_CIVARCHIVE_KIND": "civarchive",
        }

        def run(*given: str, code: int = 0) -> tuple[str, str]:
            return reseen(home, Nowhere(), *given, code=code, **at)

        _, err = run("ask", "civarchive", code=2)
        assert "asking civarchive is switched off" in err
        (told,) = [each for each in objects(run("hubs", "--json")[0]) if each["locates"]]
        assert (told["name"], told["asked_for"]) == ("civarchive", "nothing")
        run("ask", "civarchive", "--allow")
        out, _ = run("ask", "civarchive", "--dry-run")
        assert "2 digests are of removals less than a day old: not sent yet." in out
        assert locator.journal.total == 0
        with (
            Store(f"sqlite:///{home / 'reseen' / 'reseen.db'}") as store,
            store.write() as connection,
        ):
            r = schema.removals
            connection.execute(r.update().values(added_at=r.c.added_at - 2 * 24 * 3600 * 10**6))
        _, err = run("ask", "civarchive")
        assert "1 address at models.example, no hub of the settings: left alone" in err
        located, ended = objects(run("ask", "civarchive", "--json")[0])
    elsewhere = [{"host": "models.example", "addresses": 1}]
    assert located == {"located": [], "elsewhere": elsewhere, "left_out": 0}
    assert (ended["there"], ended["new_sightings"], ended["ended"]) == (1, 0, True)
