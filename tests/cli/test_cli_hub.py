"""The verbs about a hub, against a small one on loopback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from replica.lists import write_csv
from replica.server import Replica
from replica.world import EPOCH, Repo, World, lfs

from reseen.cli import main
from reseen.errors import HubGarbage, SettingsError
from reseen.operations import scans
from reseen.settings import Settings


def reseen(
    home: Path, replica: Replica | Nowhere, *args: str, code: int = 0, **more: str
) -> tuple[str, str]:
    """Standard output and standard error of the command."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "RESEEN_HOME": str(home / "reseen"),
        "HF_ENDPOINT": replica.endpoint,
        **more,
    }
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["reseen", *args]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert ended.value.code == code, out.getvalue() + err.getvalue()
    return out.getvalue(), err.getvalue()


def objects(lines: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_scan_sightings_recheck_and_a_later_import(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    # 3: one file of this world cannot be read, and a scan that did not look at all says so
    out, err = reseen(tmp_path, replica, "scan", "hf", "--all", "--refs", code=3)
    found = [line.split()[0] for line in out.splitlines()]
    assert len(found) == len(set(found)) > 5
    assert "A sighting is a lead" in err
    # 3 again: nothing is new, and what a gate hides is no more read than before
    again, _ = reseen(tmp_path, replica, "scan", "hf", "--all", "--refs", "--json", code=3)
    assert not any("sighting" in row for row in objects(again))
    assert objects(again)[-1]["new_sightings"] == 0
    listed, _ = reseen(tmp_path, replica, "sightings", "--json")
    assert {str(row["sighting"]) for row in objects(listed)} == set(found)
    _, err = reseen(tmp_path, replica, "recheck")
    assert "live" in err
    other = tmp_path / "other"
    other.mkdir()
    reseen(other, replica, "scan", "hf", "--all", "--refs", "--confirm", "none")
    out, err = reseen(other, replica, "registry", "import", str(names))
    assert "among what was seen before" in err
    assert out.count("sg-") > 5


def test_a_scan_of_one_account_stays_with_it(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    author = world.cases[0].repo.split("/")[0]
    reseen(tmp_path, replica, "scan", "hf", "--author", author, "--no-follow")
    trees = replica.journal.targets("tree")
    assert trees
    assert all(f"/{author}/" in target for target in trees)


def test_a_remote_file_is_inspected_by_its_header(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    repo, path = next(
        (repo.id, path)
        for repo in world.repositories.values()
        if repo.sha and repo.type == "model" and not (repo.disabled or repo.gated or repo.private)
        for path in repo.commits[repo.sha].files
        if path.endswith(".safetensors")
    )
    out, _ = reseen(tmp_path, replica, "inspect", f"hf://{repo}/{path}", "--json")
    assert objects(out)[0]["container"] == "safetensors"


def test_a_place_that_is_not_there_is_said(tmp_path: Path, replica: Replica) -> None:
    _, err = reseen(tmp_path, replica, "inspect", "hf://nobody/nothing/x.safetensors", code=2)
    assert "Traceback" not in err
    _, err = reseen(tmp_path, replica, "scan", "hf", "nobody/nothing", code=2)
    assert "nobody/nothing: there is no such repository" in err


def test_a_named_repository_that_is_refused_is_no_clean_scan(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    good = world.cases[0].repo
    for more in ((), ("--quiet",), ("--json",)):
        _, err = reseen(tmp_path, replica, "scan", "hf", good, "nobody/nothing", *more, code=2)
        assert "nobody/nothing: " in err
        assert f"{good}: " not in err
    # Asked for as each type, it need be only one of them.
    reseen(tmp_path, replica, "scan", "hf", good, "--types", "models,datasets,spaces")
    listed = tmp_path / "repositories.txt"
    listed.write_text(f"{good}\nnobody/nothing\n")
    _, err = reseen(tmp_path, replica, "scan", "hf", "--repos", str(listed), code=3)
    assert "nobody" not in err
    number = err.split("reseen problems --scan ")[1].split()[0]
    out, _ = reseen(tmp_path, replica, "problems", "--scan", number)
    assert "/nobody/nothing: there is no such repository" in out
    _, err = reseen(tmp_path, replica, "problems")
    host = replica.endpoint.removeprefix("http://")
    assert f"Scan {number} of {host}, begun 20" in err
    assert "1 place not looked at or not judged in full" in err
    out, _ = reseen(tmp_path, replica, "problems", "--json")
    assert [row["scan"] for row in objects(out)] == [int(number)]
    reseen(tmp_path, replica, "problems", "--scan", "999", code=2)
    reseen(tmp_path, replica, "blind", "--scan", "999", code=2)


def test_what_was_not_judged_is_told_alike_by_scan_and_read(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    (gated,) = (case.repo for case in world.cases if case.what == "gated")
    other = world.cases[0].repo
    said = "1 known copy cannot be read: no access"
    for _ in range(2):  # an unchanged repository is not read again, and nor is what is in it
        _, err = reseen(tmp_path, replica, "scan", "hf", gated, "--no-follow", code=3)
        assert said in err
    account = gated.split("/")[0]
    reseen(tmp_path, replica, "scan", "hf", "--author", account, "--no-follow", code=3)
    # It is not of this target, or nobody asked for it.
    reseen(tmp_path, replica, "scan", "hf", other, "--no-follow")
    reseen(tmp_path, replica, "scan", "hf", gated, "--no-follow", "--confirm", "none")
    assert said in reseen(tmp_path, replica, "read", code=3)[1]


def test_a_damaged_file_at_a_hub_was_not_judged(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    removed = tmp_path / "removed.safetensors"
    removed.write_bytes(world.removals[0].data)
    reseen(tmp_path, replica, "registry", "add", str(removed))
    repo = world.add(Repo("account-90/damaged", created=EPOCH, modified=EPOCH))
    repo.commit({"m.safetensors": lfs(world.removals[0].data[:-100])})
    out, err = reseen(tmp_path, replica, "scan", "hf", repo.id, "--json", code=3)
    assert objects(out)[-1]["not_judged"] == 1
    assert "damaged" not in err


def test_a_place_that_was_given_as_an_address_is_told_as_that(
    tmp_path: Path, replica: Replica
) -> None:
    for kind in ("", "datasets/", "spaces/"):
        address = f"{replica.endpoint}/{kind}nobody/nothing"
        _, err = reseen(tmp_path, replica, "scan", "hf", address, code=2)
        assert f"{address}: there is no such repository" in err
        out, _ = reseen(tmp_path, replica, "scan", "hf", address, "--json", code=2)
        (error,) = (str(row["error"]) for row in objects(out) if "error" in row)
        assert error.startswith(f"{address}: there is no such repository")
    account = f"{replica.endpoint}/acount-01"
    _, err = reseen(tmp_path, replica, "scan", "hf", "--author", account)
    assert f"{account}: nothing is listed" in err


def test_an_account_for_which_nothing_is_listed_is_said(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    typo = ("scan", "hf", "--author", "acount-01")
    _, err = reseen(tmp_path, replica, *typo)
    assert "acount-01: nothing is listed for this account (0 repositories)" in err
    reseen(tmp_path, replica, *typo, "--strict", code=3)
    author = world.cases[0].repo.split("/")[0]
    reseen(tmp_path, replica, "scan", "hf", "--author", author, "--no-follow", "--strict")


def test_a_hub_that_is_not_there_is_named(tmp_path: Path, replica: Replica) -> None:
    wrong = f"{replica.endpoint}/wrong"
    _, err = reseen(tmp_path, replica, "scan", "hf", "--all", "--endpoint", wrong, code=2)
    assert wrong in err


def test_exit_code_says_that_a_removed_model_stands_there_also_the_next_time(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    repo = "account-13/small"
    for _ in range(2):
        reseen(tmp_path, replica, "scan", "hf", repo, "--no-follow", "--exit-code", code=1)
    reseen(tmp_path, replica, "scan", "hf", repo, "nobody/nothing", "--exit-code", code=1)
    reseen(tmp_path, replica, "scan", "hf", repo, "--no-follow")


def mirrored(home: Path, replica: Replica, *args: str, code: int = 0) -> tuple[str, str]:
    """The command where the replica is a hub called "small-mirror", and the Hub is nowhere."""
    small = {"RESEEN_HUB_SMALL_MIRROR_ENDPOINT": replica.endpoint}
    return reseen(home, Nowhere(), *args, code=code, **small)


class Nowhere:
    """In a replica's place."""

    endpoint = "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["small-mirror", "SMALL-MIRROR", "its host"])
def test_a_hub_of_the_settings_is_scanned_by_its_name_or_its_host(
    tmp_path: Path, replica: Replica, world: World, name: str
) -> None:
    author = world.cases[0].repo.split("/")[0]
    name = replica.endpoint.removeprefix("http://") if name == "its host" else name
    mirrored(tmp_path, replica, "scan", name, "--author", author, "--no-follow")
    assert replica.journal.targets("tree")


@pytest.mark.parametrize("verb", [("scan",), ("watch",), ("recheck",)])
def test_a_hub_that_nobody_knows_is_one_error_with_the_names(
    tmp_path: Path, replica: Replica, verb: tuple[str, ...]
) -> None:
    _, err = mirrored(tmp_path, replica, *verb, "fodler", code=2)
    assert "there is no hub called 'fodler'; known: huggingface (hf), small-mirror" in err
    assert ("small-mirror, civitai, folder" in err) is (verb == ("scan",))
    assert "RESEEN_HUB_FODLER_ENDPOINT" in err


@pytest.mark.parametrize(
    "written",
    [
        "https://huggingface.co/{}",
        "hf://{}",
        "{endpoint}/{}",
        "https://huggingface.co/{}/tree/main",
        "hf.co/{}",
        "{}/",
    ],
)
def test_a_repository_may_be_named_by_its_address(
    tmp_path: Path, replica: Replica, world: World, written: str
) -> None:
    repo = world.cases[0].repo
    given = written.format(repo, endpoint=replica.endpoint)
    reseen(tmp_path, replica, "scan", "hf", given, "--no-follow")
    listed = tmp_path / "some.txt"
    listed.write_text(f"{given}  # from a mail\n")
    reseen(tmp_path, replica, "scan", "hf", "--repos", str(listed), "--no-follow")
    (tree,) = replica.journal.targets("tree")
    assert f"/{repo}/" in tree
    # What a file gives is named by its place, and not repeated.
    listed.write_text(f"{given}\nnot a name\n")
    some = ("scan", "hf", "--repos", str(listed), "--strict", "--no-follow")
    _, err = reseen(tmp_path, replica, *some, code=3)
    assert f"{listed}, line 2: no repository of 127.0.0.1" in err
    assert "not a name" not in err


def test_an_address_says_of_which_type_its_repository_is(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    repo = next(r.id for r in world.repositories.values() if r.type == "dataset" and r.sha)
    given = f"https://huggingface.co/datasets/{repo}"
    reseen(tmp_path, replica, "scan", "hf", given, "--no-follow")
    assert [f"/api/datasets/{repo}/" in each for each in replica.journal.targets("tree")] == [True]


def test_an_address_of_a_branch_says_what_was_not_looked_at(
    tmp_path: Path, replica: Replica
) -> None:
    given = f"{replica.endpoint}/account-06/empty/tree/refs%2Fpr%2F1"
    _, err = reseen(tmp_path, replica, "scan", "hf", given, "--no-follow")
    assert "only main was looked at; --refs looks at all of them" in err
    _, err = reseen(tmp_path, replica, "scan", "hf", given, "--no-follow", "--refs")
    assert "only main" not in err


def test_an_address_elsewhere_is_refused(tmp_path: Path, replica: Replica) -> None:
    elsewhere = "https://elsewhere.example/owner/name"
    _, err = reseen(tmp_path, replica, "scan", "hf", elsewhere, code=2)
    assert f"{elsewhere!r} is no address of a repository at 127.0.0.1" in err
    _, err = reseen(tmp_path, replica, "inspect", f"{elsewhere}/blob/main/x.bin", code=2)
    assert f"{elsewhere}/blob/main/x.bin: no hub has this address" in err
    _, err = reseen(tmp_path, replica, "inspect", "hf://owner/name", code=2)
    assert "no file in it" in err


def test_a_hub_that_does_not_answer_is_named(tmp_path: Path) -> None:
    _, err = reseen(tmp_path, Nowhere(), "inspect", "hf://owner/name/x.bin", code=2)
    assert "http://127.0.0.1:9 cannot be reached" in err
    assert "HF_ENDPOINT" in err


def test_a_folder_is_read_by_the_verb_that_scans_it(tmp_path: Path, replica: Replica) -> None:
    reseen(tmp_path, replica, "db", "upgrade")
    _, err = reseen(tmp_path, replica, "read", "folder", code=2)
    assert "reseen scan folder PATH" in err
    assert "RESEEN_HUB" not in err


def test_a_recheck_at_another_address_says_where_the_sightings_are(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    reseen(tmp_path, replica, "scan", "hf", "account-13/small", "--no-follow")
    out, _ = reseen(tmp_path, replica, "sightings", "--json", "--hub", "hf")
    removal, number = str(objects(out)[0]["removal"]), len(objects(out))
    page = "https://huggingface.co/account-13/small/tree/main"
    for verb in ("sightings", "recheck"):
        out, err = reseen(tmp_path, replica, verb, "--repo", page)
        assert out.count("sg-") == number or f"Asked about {number}" in err
        _, err = reseen(tmp_path, replica, verb, "--repo", "https://elsewhere.example/a/b", code=2)
        assert "no hub has this address" in err
    host = replica.endpoint.removeprefix("http://")
    for args in ((), ("--removal", removal), ("hf",), ("--endpoint", Nowhere.endpoint)):
        _, err = reseen(tmp_path, Nowhere(), "recheck", *args, code=3)
        assert "no known sighting is at 127.0.0.1:9" in err
        assert f"at another hub, {host}" in err
    _, err = mirrored(tmp_path, replica, "recheck")
    assert f"Asked about {number} sighting" in err
    _, err = mirrored(tmp_path, replica, "recheck", "small-mirror")
    assert "live" in err


def test_the_hubs_of_the_settings_are_listed_and_not_asked(
    tmp_path: Path, replica: Replica
) -> None:
    more = {"RESEEN_HUB_SMALL_MIRROR_TOKEN": "a-secret", "RESEEN_HUB_SMALL_MIRROR_QUOTA": "5/10"}
    small = {"RESEEN_HUB_SMALL_MIRROR_ENDPOINT": replica.endpoint, **more}
    out, _ = reseen(tmp_path, Nowhere(), "hubs", **small)
    assert out.index("huggingface (hf)  http://127.0.0.1:9") < out.index("small-mirror")
    assert "token: set; quota: at most 5 requests in 10 s" in out
    assert "states: git-blob-sha1, sha256, xet" in out
    listed, _ = reseen(tmp_path, Nowhere(), "hubs", "--json", **small)
    hub, mirror, _ = objects(listed)
    assert (hub["token"], mirror["token"], mirror["quota"]) == (False, True, [5, 10.0])
    assert mirror["hub"] == replica.endpoint.removeprefix("http://")
    assert mirror["refs"] is mirror["ranges"] is True
    assert "a-secret" not in out + listed
    assert replica.journal.total == 0


def test_a_line_of_a_file_is_named_by_its_number(tmp_path: Path, replica: Replica) -> None:
    listed = tmp_path / "repositories.txt"
    listed.write_text("# a list\naccount-13/small\nSample person 07\n")
    _, err = reseen(tmp_path, replica, "scan", "hf", "--repos", str(listed))
    assert f"{listed}, line 3: " in err
    assert "Sample" not in err
    missing = tmp_path / "missing.txt"
    _, err = reseen(tmp_path, replica, "scan", "hf", "--repos", str(missing), code=2)
    assert f"{missing}: " in err


def test_a_scan_over_an_empty_registry_says_so_and_ends_with_0(
    tmp_path: Path, replica: Replica
) -> None:
    _, err = reseen(tmp_path, replica, "scan", "hf", "account-13/small")
    assert "The registry is empty" in err


def test_a_removal_that_is_not_there_is_no_empty_answer(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    for verb in ("sightings", "recheck"):
        _, err = reseen(tmp_path, replica, verb, "--removal", "rm-00000000", code=2)
        assert "there is no such removal" in err


@pytest.mark.parametrize("target", [["--all"], ["--author", "account-13"], ["account-13/small"]])
def test_a_token_that_is_refused_is_no_clean_scan(
    tmp_path: Path, replica: Replica, target: list[str]
) -> None:
    reseen(tmp_path, replica, "scan", "hf", "account-13/small")  # known from before, or not
    _, err = reseen(tmp_path, replica, "scan", "hf", *target, code=2, HF_TOKEN="hf_wrong")
    assert replica.endpoint in err or "account-13/small: " in err
    assert "hf_wrong" not in err


def test_a_hub_that_stops_answering_is_named_and_does_not_hide_a_match(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    real = scans.scan_hub

    def breaks_off(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        raise HubGarbage("the answer is cut short")

    monkeypatch.setattr(scans, "scan_hub", breaks_off)
    scan = ("scan", "hf", "account-13/small", "--no-follow")
    _, err = reseen(tmp_path, replica, *scan, "--exit-code", code=1)
    assert f"{replica.endpoint}: the answer is cut short" in err
    reseen(tmp_path, replica, *scan, code=2)


@pytest.mark.parametrize("strict", [False, True])
def test_a_bad_line_of_a_file_is_named_by_its_number_and_the_rest_is_done(
    tmp_path: Path, replica: Replica, strict: bool
) -> None:
    (tmp_path / "repos.txt").write_bytes(
        b"\xef\xbb\xbfaccount-01/LORA  # a comment\n\nno name at all\n"
        + f"{replica.endpoint}/account-02/backup/\nhttps://elsewhere.example/a/b\n".encode()
        + b"datasets/account-11/collection\n\xff\xfe \xff\n"
        + b"x" * 3000
        + b"\naccount-03/set,2025-01-01\naccount-03/no-such-one\naccount-01/LORA\n"
    )
    more = ["--strict"] if strict else []
    _, err = reseen(
        *(tmp_path, replica, "scan", "hf", "--repos", str(tmp_path / "repos.txt")),
        *("--no-follow", "--confirm", "none", *more),
        code=3,
    )
    for number in (3, 5, 7, 8, 9):
        assert f"line {number}: no repository of 127.0.0.1" in err
    assert "line 10: there is no such repository" in err
    for number in (1, 2, 4, 6, 11):
        assert f"line {number}:" not in err
    assert "in 3 repositories" in err
    assert not any(name in err for name in ("elsewhere", "set,2025", "no-such-one"))
    asked = replica.journal.targets("info")
    for name in ("models/account-01/LORA", "datasets/account-11/collection"):
        assert sum(each.startswith(f"/api/{name}") for each in asked) == 1, asked
    assert not any("datasets/account-01" in each or "models/account-11" in each for each in asked)


def test_a_repository_is_named_in_any_way_wherever_it_can_be(
    tmp_path: Path, replica: Replica
) -> None:
    way = [*("--confirm", "none", "--no-follow")]
    for given in (
        "hf://account-01/LORA",
        "account-01/LORA/",
        f"{replica.endpoint}/account-01/LORA/tree/main",
        "https://huggingface.co/account-01/LORA",
    ):
        _, err = reseen(tmp_path, replica, "scan", "hf", given, *way)
        assert "1 unchanged" in err or "in 1 repository" in err
        reseen(tmp_path, replica, "read", "--repo", given)
        reseen(tmp_path, replica, "recheck", "--repo", given)
    reseen(tmp_path, replica, "scan", "hf", "--author", f"{replica.endpoint}/account-01/", *way)


def test_an_account_with_a_slip_is_said_to_answer_nothing(tmp_path: Path, replica: Replica) -> None:
    _, err = reseen(tmp_path, replica, "scan", "hf", "--author", "acount-01")
    assert "no such account" in err
    assert replica.endpoint in err
    reseen(tmp_path, replica, "scan", "hf", "--author", "acount-01", "--strict", code=3)


@pytest.mark.parametrize(
    "name", ["we ird#d.db", "a?b%20c.db", "100%.db", "~tilde.db", "a&b=c.db", "a%3Fb"]
)
def test_the_store_is_the_file_that_is_named(tmp_path: Path, replica: Replica, name: str) -> None:
    file = tmp_path / "stores" / name
    file.parent.mkdir()
    for given in (str(file), f"sqlite:///{file}"):
        if "?" in name and given.startswith("sqlite"):
            continue
        for _ in range(2):
            way = ("--confirm", "none", "--no-follow")
            reseen(tmp_path, replica, "scan", "hf", "account-01/LORA", *way, "--db", given)
    made = {each.name.removesuffix("-wal").removesuffix("-shm") for each in file.parent.iterdir()}
    assert made <= {name, "reseen.key"}
    assert name in made


def test_a_store_in_the_home_folder_needs_no_shell(tmp_path: Path, replica: Replica) -> None:
    way = ("--confirm", "none", "--no-follow")
    reseen(tmp_path, replica, "scan", "hf", "account-01/LORA", *way, RESEEN_DB="~/own.db")
    assert (tmp_path / "own.db").is_file()
    assert not Path("~").exists()


def test_the_names_that_the_stock_client_still_reads(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "HUGGING_FACE_HUB_TOKEN": "hf_old\n"}
    assert Settings.from_environment(env).hubs[0].token == "hf_old"
    env["HF_TOKEN"] = "hf_new"
    assert Settings.from_environment(env).hubs[0].token == "hf_new"
    for name in ("HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"):
        env[name] = str(tmp_path / name)
        assert Settings.from_environment(env).hub_cache == tmp_path / name
    assert Settings.from_environment({"HF_HOME": "/x"}).hub_cache == Path("/x/hub")
    with pytest.raises(SettingsError):
        Settings.from_environment({"RESEEN_GONE_AFTER": "soon"})
    assert Settings.from_environment({"RESEEN_GONE_AFTER": "7d"}).hubs[0].gone_after.days == 7


def test_a_folder_without_a_name_is_the_clients_cache(tmp_path: Path, replica: Replica) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "file.bin").write_bytes(b"x" * 2000)
    _, err = reseen(tmp_path, replica, "scan", "folder", HF_HUB_CACHE=str(tmp_path / "cache"))
    assert "1 file" in err
