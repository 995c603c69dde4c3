"""The replica misbehaves as asked, and counts what it was asked."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from replica.faults import Fault, Kind
from replica.lists import write_csv
from replica.quota import Quota
from replica.sample import sample_world
from replica.server import Replica
from replica.world import World

from replica import git

LIST = "/api/models"
FILE = "/account-01/LORA/resolve/main/LORA.safetensors"


@pytest.fixture
def client(replica: Replica) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=replica.endpoint, follow_redirects=True, timeout=10) as client:
        yield client


def test_every_answer_tells_the_quota_and_the_last_is_429(world: World) -> None:
    now = [1000.0]
    quota = Quota({"api": 3, "resolvers": 2, "pages": 1}, window=60, clock=lambda: now[0])
    with Replica(world, quota=quota) as hub, httpx2.Client(base_url=hub.endpoint) as client:
        answers = [client.get(LIST) for _ in range(5)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
        assert [a.headers["RateLimit"] for a in answers][:4] == [
            '"api";r=2;t=60',
            '"api";r=1;t=60',
            '"api";r=0;t=60',
            '"api";r=0;t=60',
        ]
        assert answers[0].headers["RateLimit-Policy"] == '"fixed window";"api";q=3;w=60'
        assert quota.refused == 2
        assert client.head(FILE).headers["RateLimit"] == '"resolvers";r=1;t=60'
        mine = {"Authorization": "Bearer hf_sample"}
        assert client.get(LIST, headers=mine).status_code == 200
        now[0] += 61
        assert client.get(LIST).headers["RateLimit"] == '"api";r=2;t=59'


def test_a_fault_comes_as_often_as_asked(client: httpx2.Client, replica: Replica) -> None:
    busy = Fault(Kind.BUSY, route="list", times=2, seconds=7, after=1)
    with replica.faults.during(busy):
        codes = [client.get(LIST).status_code for _ in range(4)]
    assert codes == [200, 429, 429, 200]
    replica.faults.add(Fault(Kind.ERROR, status=503))
    assert client.get(LIST).status_code == 503
    replica.faults.clear()
    assert client.get(LIST).status_code == 200
    assert replica.journal.statuses == {200: 3, 429: 2, 503: 1}


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.HANG, Kind.TRUNCATED])
def test_a_connection_breaks(client: httpx2.Client, replica: Replica, kind: Kind) -> None:
    with replica.faults.during(Fault(kind, seconds=0.01)), pytest.raises(httpx2.TransportError):
        client.get(LIST)
    assert client.get(LIST).status_code == 200


def test_a_wrong_length_cuts_the_body(client: httpx2.Client, replica: Replica) -> None:
    # What is left over would reach the client on a connection that it may already use again.
    with replica.faults.during(Fault(Kind.SHORT_LENGTH)):
        answer = client.get(LIST, headers={"Connection": "close"})
    assert not answer.text.endswith("]")
    assert client.get(LIST).text.endswith("]")


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.WRONG_BYTES])
def test_what_is_no_json_says_that_it_is(
    client: httpx2.Client, replica: Replica, kind: Kind
) -> None:
    with replica.faults.during(Fault(kind)):
        answer = client.get(LIST)
    assert answer.headers["Content-Type"].startswith("application/json")
    with pytest.raises(ValueError):
        answer.json()


def test_ranges_are_honoured_refused_ignored_and_wrong(
    client: httpx2.Client, replica: Replica, world: World
) -> None:
    data = world.removal(1).data
    part = client.get(FILE, headers={"Range": "bytes=8-15"})
    assert (part.status_code, part.content) == (206, data[8:16])
    assert part.headers["Content-Range"] == f"bytes 8-15/{len(data)}"
    assert str(part.url).startswith(replica.cdn)
    assert client.get(FILE, headers={"Range": "bytes=-4"}).content == data[-4:]
    past = client.get(FILE, headers={"Range": f"bytes={len(data)}-"})
    assert (past.status_code, past.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    with replica.faults.during(Fault(Kind.NO_RANGE, route="cdn")):
        whole = client.get(FILE, headers={"Range": "bytes=8-15"})
    assert (whole.status_code, whole.content) == (200, data)
    with replica.faults.during(Fault(Kind.WRONG_RANGE, route="cdn")):
        wrong = client.get(FILE, headers={"Range": "bytes=8-15"})
    assert wrong.headers["Content-Range"] == f"bytes 9-16/{len(data) + 1}"


def test_an_endless_body_ends_with_the_patience_of_the_client(
    client: httpx2.Client, replica: Replica
) -> None:
    with replica.faults.during(Fault(Kind.ENDLESS)), client.stream("GET", LIST) as answer:
        taken = 0
        for piece in answer.iter_raw():
            taken += len(piece)
            if taken > 1 << 20:
                break
    assert client.get(LIST).status_code == 200


def test_a_cursor_can_loop_and_a_slow_body_arrives(client: httpx2.Client, replica: Replica) -> None:
    with replica.faults.during(Fault(Kind.LOOP, route="list")):
        first = client.get(LIST, params={"limit": 5})
        second = client.get(first.links["next"]["url"])
    assert first.json() == second.json()
    with replica.faults.during(Fault(Kind.SLOW, seconds=0.001)):
        assert len(client.get(LIST).json()) > 30


def test_a_page_can_send_the_caller_to_another_host(
    client: httpx2.Client, replica: Replica
) -> None:
    with replica.faults.during(Fault(Kind.ELSEWHERE, route="list")):
        client.get(LIST, headers={"Authorization": "Bearer hf_sample"})
    assert replica.journal.requests["cdn"] == 1
    assert replica.journal.authorizations == {"hub": {"Bearer hf_sample"}, "cdn": set()}


def test_the_hub_goes_away_and_comes_back(client: httpx2.Client, replica: Replica) -> None:
    assert client.get(LIST).status_code == 200
    with replica.away(), pytest.raises(httpx2.TransportError):
        client.get(LIST)
    assert client.get(LIST).status_code == 200


def test_many_callers_at_once_are_all_counted(replica: Replica) -> None:
    def ask() -> None:
        with httpx2.Client(base_url=replica.endpoint) as client:
            for _ in range(20):
                assert client.get("/api/models/account-01/LORA").status_code == 200

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replica.journal.requests["info"] == 80


def test_a_body_that_inflates_is_small_on_the_wire(client: httpx2.Client, replica: Replica) -> None:
    with replica.faults.during(Fault(Kind.INFLATED)), client.stream("GET", LIST) as answer:
        assert len(b"".join(answer.iter_raw())) < 1 << 17


def test_the_world_is_the_same_every_time_and_names_nobody(world: World, tmp_path: Path) -> None:
    again = sample_world()
    assert {k: r.refs for k, r in world.repositories.items()} == {
        k: r.refs for k, r in again.repositories.items()
    }
    write_csv(tmp_path / "list.csv", world.removals)
    lines = (tmp_path / "list.csv").read_text().splitlines()
    assert lines[0] == "Name,Link,SHA256,Size,Git blob SHA1"
    assert lines[7].startswith("Sample person 07,https://models.example/models/1007/")
    assert not any("person" in c.path or "person" in c.repo for c in world.cases)


def test_oids_are_what_git_says(world: World, tmp_path: Path) -> None:
    repo = world.repositories["model", "account-01/Test"]
    commit = repo.at("main")
    assert commit is not None

    def run(*command: str, data: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *command], cwd=tmp_path, input=data, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    run("init", "-q")
    for path, blob in commit.files.items():
        text = git.pointer_text(blob.sha256, blob.size) if blob.lfs else blob.read(0, blob.size)
        oid = run("hash-object", "-w", "--stdin", data=text)
        assert oid == blob.git_oid
        run("update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    tree = run("write-tree")
    assert tree == git.tree_oids({p: b.git_oid for p, b in commit.files.items()})[""]
