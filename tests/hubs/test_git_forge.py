"""A git forge as a hub, over git's own `http-backend`: all refs by LFS pointers, no byte of a model
read; bytes by the LFS batch; and packs that are no packs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from replica.faults import Fault, Kind
from replica.forge import GitForgeSite
from replica.git import blob_oid
from replica.server import Replica
from replica.world import World
from tests.hubs.civitai_site import every
from tests.hubs.git_packs import name_of, pack_of, packed
from tests.scan.walking import Hasty

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage, HubMissing, HubRefused
from reseen.files.source import Range
from reseen.hubs import git_pack, git_wire, kinds, meant
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.git_addresses import GitAddresses
from reseen.hubs.git_forge import GitForge
from reseen.hubs.hub import Revisions
from reseen.records import Artifact, RepoType
from reseen.settings import RateLimit, Settings

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

T = TypeVar("T")
MODEL, REPO = RepoType.MODEL, "account-1/LORA"
DATA, OTHER, PLAIN = bytes(range(256)) * 40, b"another file" * 300, b"kept by git itself" * 100


@pytest.fixture
def site(tmp_path: Path) -> GitForgeSite:
    """A repository with a file on each side of what everybody sees."""
    site = GitForgeSite(tmp_path / "git")
    large, other = site.large(DATA), site.large(OTHER)
    files = {"a/lora.safetensors": large, "README.md": b"short", "b/c/plain.bin": PLAIN}
    site.put(
        REPO,
        {
            "refs/heads/main": files,
            "refs/heads/dev": {"hidden.safetensors": other},
            "refs/tags/v1": {"v1.bin": large},
            "refs/pull/7/head": {"proposed.bin": other},
        },
    )
    return site


def served(site: GitForgeSite) -> Replica:
    return Replica(World(), site=site)


def done(replica: Replica, work: Callable[[GitForge], Awaitable[T]], token: str | None = None) -> T:
    async def main() -> T:
        clock = Hasty()
        options = ClientOptions(attempts=3, clock=clock, sleep=clock.sleep)
        hub = GitForge(replica.endpoint, token, options)
        try:
            return await work(hub)
        finally:
            await hub.close()

    return asyncio.run(main())


def refs(replica: Replica) -> Revisions:
    return done(replica, lambda hub: hub.revisions(MODEL, REPO))


def files(replica: Replica, ref: str = "main", token: str | None = None) -> list[Artifact]:
    async def work(hub: GitForge) -> list[Artifact]:
        found = await hub.refs(MODEL, REPO)
        (commit,) = (each.commit for each in found.revisions if each.ref == ref)
        pages = await every(hub.list_files(MODEL, REPO, commit, ref))
        assert all(page.certain and not page.problems for page in pages)
        return [artifact for page in pages for artifact in page.artifacts]

    return done(replica, work, token)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_pointers_state_each_file_of_every_ref_and_no_byte_of_it_is_read(
    site: GitForgeSite,
) -> None:
    with served(site) as replica:
        there = done(replica, lambda hub: hub.repository(MODEL, REPO))
        found = refs(replica)
        assert found.problems == ()
        assert [each.ref for each in found.revisions] == ["main", "dev", "refs/pull/7/head", "v1"]
        assert found.revisions[0].commit == there.sha
        main = {a.path: a for a in files(replica)}
        assert set(main) == {"a/lora.safetensors", "b/c/plain.bin"}
        lora, plain = main["a/lora.safetensors"], main["b/c/plain.bin"]
        assert (lora.sha256, lora.size, lora.lfs, lora.revision) == (
            sha(DATA),
            len(DATA),
            True,
            there.sha,
        )
        # What git keeps itself has git's digest, and was not sent.
        assert (plain.sha256, plain.size, plain.lfs) == (None, None, False)
        assert (plain.git_oid or b"").hex() == blob_oid(PLAIN)
        for ref, data in (("dev", OTHER), ("v1", DATA), ("refs/pull/7/head", OTHER)):
            assert [a.sha256 for a in files(replica, ref)] == [sha(data)]
        assert {e.host for e in replica.journal.entries} == {"hub"}
        assert replica.journal.requests["batch"] == 0


def test_the_branch_that_head_is_is_main_whatever_it_is_called(tmp_path: Path) -> None:
    site = GitForgeSite(tmp_path)
    site.put(REPO, {"refs/heads/trunk": {"a": site.large(DATA)}, "refs/heads/main": {"b": PLAIN}})
    at = tmp_path / f"{REPO}.git"
    subprocess.run(["git", "-C", at, "symbolic-ref", "HEAD", "refs/heads/trunk"], check=True)
    with served(site) as replica:
        assert [each.ref for each in refs(replica).revisions] == ["main", "refs/heads/main"]
        assert [a.path for a in files(replica)] == ["a"]


def test_a_repository_of_many_folders_and_alike_files_is_listed_whole(tmp_path: Path) -> None:
    """So many that git sends changes of folders instead of folders."""
    site = GitForgeSite(tmp_path)
    inside = {f"{n % 7}/{n % 31}/file-{n:05}.bin": site.large(b"%d" % n * 300) for n in range(3000)}
    site.put(REPO, {"refs/heads/main": inside})
    again = {**inside, "one-more.bin": site.large(DATA)}
    site.put(REPO, {"refs/heads/main": again})
    at = tmp_path / f"{REPO}.git"
    subprocess.run(["git", "-C", at, "gc", "-q", "--aggressive"], check=True, env=os.environ)
    with served(site) as replica:
        found = files(replica)
    assert len(found) == len({a.path for a in found}) == 3001
    assert {a.sha256 for a in found} == {sha(b"%d" % n * 300) for n in range(3000)} | {sha(DATA)}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_file_is_read_where_the_forge_says_that_it_is(
    site: GitForgeSite, elsewhere: bool
) -> None:
    site.elsewhere = elsewhere
    with served(site) as replica:
        (file,) = (a for a in files(replica) if a.lfs)

        async def work(hub: GitForge) -> tuple[bytes, bytes]:
            whole = b"".join(await every(hub.stream(file, len(DATA))))
            return await hub.read(file, Range(100, 50)), whole

        assert done(replica, work) == (DATA[100:150], DATA)
        assert replica.journal.requests["batch"] == 2
        if elsewhere:
            # What the forge says to say there goes there, and nothing that a person gave.
            assert len(replica.journal.authorizations["cdn"]) == 1
            assert replica.journal.authorizations["hub"] == set()


def test_what_a_person_gave_goes_to_the_forge_alone(site: GitForgeSite) -> None:
    site.access, site.elsewhere = "Basic c2FtcGxlOnNlY3JldA==", True
    with served(site) as replica:
        with pytest.raises(HubAuth):
            files(replica)
        (file,) = (a for a in files(replica, token="sample:secret") if a.lfs)
        assert done(replica, lambda hub: hub.read(file, Range(0, 4)), "sample:secret") == DATA[:4]
        assert site.access not in replica.journal.authorizations["cdn"]


def test_a_file_that_the_forge_does_not_have_is_missing(site: GitForgeSite) -> None:
    with served(site) as replica:
        (file, *_) = (a for a in files(replica) if a.lfs)
        (plain,) = (a for a in files(replica) if not a.lfs)
        site.stored.clear()
        for each in (file, plain):
            with pytest.raises(HubMissing):
                done(replica, lambda hub, each=each: hub.read(each, Range(0, 1)))  # type: ignore[misc]


@pytest.mark.parametrize(
    "spoiled",
    [
        [],
        {"objects": []},
        {"objects": [{"oid": "0" * 64}]},
        {"objects": [7]},
        {"action": {"download": {"href": 7}}},
        {"action": {"download": {"href": "file:///etc/passwd"}}},
        {"action": {"download": {"href": "http://a:b@127.0.0.1/"}}},
        {"action": {}},
    ],
)
def test_a_batch_that_says_something_else_is_one_error(site: GitForgeSite, spoiled: Any) -> None:
    def spoil(route: str, value: Any) -> Any:
        if isinstance(spoiled, dict) and "action" in spoiled:
            value["objects"][0]["actions"] = spoiled["action"]
            return value
        return spoiled

    with served(site) as replica:
        (file,) = (a for a in files(replica) if a.lfs)
        site.spoil = spoil
        with pytest.raises(HubGarbage) as told:
            done(replica, lambda hub: hub.read(file, Range(0, 1)))
    assert sha(DATA).hex() not in str(told.value)


def test_a_forge_that_cannot_leave_out_large_files_is_not_asked_for_any(
    site: GitForgeSite,
) -> None:
    site.put(REPO, {}, **{"uploadpack.allowFilter": "false"})
    with served(site) as replica:
        with pytest.raises(HubRefused, match="cannot leave out large files"):
            files(replica)
        assert replica.journal.requests["pack"] == 1  # for its refs


def test_what_is_not_there_is_missing(site: GitForgeSite) -> None:
    site.put("account-1/empty", {})
    with served(site) as replica:
        for repo in ("account-1/nothing", "../../etc", "bare", "a/b/../c"):
            with pytest.raises(HubMissing):
                done(replica, lambda hub, repo=repo: hub.repository(MODEL, repo))  # type: ignore[misc]
        empty = done(replica, lambda hub: hub.repository(MODEL, "account-1/empty"))
        assert empty.sha is None
        with pytest.raises(HubError):

            async def of_no_commit(hub: GitForge) -> None:
                await every(hub.list_files(MODEL, REPO, "0" * 40, "main"))

            done(replica, of_no_commit)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.GARBAGE),
        Fault(Kind.ERROR, status=200),
        Fault(Kind.TRUNCATED),
        Fault(Kind.WRONG_BYTES),
        Fault(Kind.INFLATED),
        Fault(Kind.ELSEWHERE),
    ],
    ids=lambda fault: fault.kind.name.lower(),
)
@pytest.mark.parametrize("after", [0, 1])
def test_what_is_no_answer_of_git_is_one_error(
    site: GitForgeSite, fault: Fault, after: int
) -> None:
    with served(site) as replica:
        replica.faults.add(replace(fault, route="pack", after=after))
        with pytest.raises((HubGarbage, HubBusy)):
            files(replica)


# -- packs -----------------------------------------------------------------------------------------


def test_changes_are_applied_whichever_comes_first() -> None:
    base = b"the first text, and more of it"
    change = bytes([len(base), 9, 0x90, 4, 5]) + b"third"  # the first four, then five of its own
    made = b"the third"
    by_name = packed(7, change, between=name_of(b"blob", base))
    found = git_pack.objects(pack_of(by_name, packed(3, base)))
    assert found[name_of(b"blob", made)] == (b"blob", made)
    first = packed(3, base)
    by_place = packed(6, change, between=bytes([len(first)]))
    found = git_pack.objects(pack_of(first, by_place))
    assert found[name_of(b"blob", made)] == (b"blob", made)


ABC = name_of(b"blob", b"abc")


@pytest.mark.parametrize(
    "pack",
    [
        b"",
        b"PACK",
        pack_of(packed(3, b"x"))[:-1] + b"\0",
        pack_of(packed(3, b"x"), count=2),
        pack_of(packed(3, b"x"), count=2_000_000),
        pack_of(packed(3, b"x" * 50, size=49)),
        pack_of(packed(3, b"x" * 50, size=51)),
        pack_of(packed(3, b"x", size=1 << 40)),
        pack_of(packed(5, b"x")),
        pack_of(b"\xff" * 40),
        pack_of(b"\x31not packed at all"),
        pack_of(packed(6, b"x", between=b"\xff" * 30)),
        pack_of(packed(3, b"abc"), packed(7, b"\x03\x05\0", between=ABC)),
        pack_of(packed(3, b"abc"), packed(7, b"\x03\x05\x91\x09\x05", between=ABC)),
        pack_of(packed(3, b"abc"), packed(7, b"\x09\x01\x90\x01", between=ABC)),
        pack_of(packed(3, b"abc"), packed(7, b"\x03\x05", between=ABC)),
        pack_of(packed(3, b"abc"), packed(7, b"\xff", between=ABC)),
    ],
)
def test_what_is_no_pack_is_one_error(pack: bytes) -> None:
    with pytest.raises(HubGarbage):
        git_pack.objects(pack)


def test_a_pack_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_pack, "MOST_BYTES", 10_000)
    git_pack.objects(pack_of(packed(3, bytes(9_000))))
    for pack in (
        pack_of(packed(3, bytes(11_000))),
        pack_of(packed(3, bytes(6_000)), packed(3, bytes(6_001))),
        pack_of(
            packed(3, b"a" * 100),
            packed(7, b"\x64\xa0\x9c\x01", between=name_of(b"blob", b"a" * 100)),
        ),
    ):
        with pytest.raises(HubGarbage, match="unpacked"):
            git_pack.objects(pack)


def test_folders_that_name_each_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_pack, "MOST_ENTRIES", 1_000)
    data, found = b"100644 a\0" + bytes(20), {}
    for _ in range(30):
        oid = name_of(b"tree", data)
        found[oid] = (b"tree", data)
        data = b"40000 a\0" + oid + b"40000 b\0" + oid
    commit = b"tree " + oid.hex().encode() + b"\n"
    found[name_of(b"commit", commit)] = (b"commit", commit)
    with pytest.raises(HubGarbage, match="more than 1,000 files and folders"):
        list(git_pack.files(found, name_of(b"commit", commit).hex()))
    for broken in (b"", b"tree x\n", b"tree " + b"0" * 40 + b"\n"):
        found[name_of(b"commit", broken)] = (b"commit", broken)
        with pytest.raises(HubGarbage, match="does not hold"):
            list(git_pack.files(found, name_of(b"commit", broken).hex()))


def test_refs_that_cannot_be_read_are_counted() -> None:
    def line(text: str) -> bytes:
        return b"%04x%s" % (len(text) + 4, text.encode())

    oid = "1" * 40
    told = line(f"{oid} refs/heads/a\n") + line("nonsense\n") + line(f"{oid}\n") + b"0000"
    found, head, unread = git_wire.refs(told)
    assert ([each.name for each in found], head, unread) == (["refs/heads/a"], None, 2)
    for answer in (b"zzzz", b"00ff", b"0009ERR x"):
        with pytest.raises(HubGarbage):
            git_wire.refs(answer)
    with pytest.raises(HubGarbage, match="version 2"):
        git_wire.capabilities(line("version 1\n"))
    with pytest.raises(HubGarbage):
        git_wire.pack(line("shallow-info\n") + b"0001")
    with pytest.raises(HubGarbage, match="broke off"):
        git_wire.pack(line("packfile\n") + line("\3no\n"))


def test_it_is_there_where_somebody_sets_it() -> None:
    at = {"RESEEN_HUB_FORGE_ENDPOINT": "https://forge.example", "RESEEN_HUB_FORGE_KIND": "git"}
    hub = meant.hub_named("forge", Settings.from_environment(at))
    assert (hub.quota, kinds.stored_name(hub)) == (RateLimit(2, 1.0), "git+forge.example")
    for given, repo in (
        ("a/b", "a/b"),
        ("a/b.git", "a/b"),
        ("https://forge.example/a/b/tree/main/x", "a/b"),
        ("https://forge.example/a/b/c/-/tree/main", "a/b/c"),
        ("https://forge.example/a/b/c.git", "a/b/c"),
    ):
        assert meant.repository_named(given, hub).repo == repo
    pages = GitAddresses("forge.example")
    assert pages.file(MODEL, "a/b", "c" * 40, "x") == f"https://forge.example/a/b/commit/{'c' * 40}"
    assert pages.account("a") == "https://forge.example/a"
    assert pages.named("https://elsewhere.example/a/b") is None
