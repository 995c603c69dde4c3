"""The world of the tests and the demo: a few removals, every way they come back, and strangers.

Accounts are "account-03", people are "Sample person 07", and nobody is anybody.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from replica import git, made
from replica.world import EPOCH, Blob, Case, Removed, Repo, World, lfs, plain

STRANGERS = 24
"""Repositories that hold nothing removed."""
UPLOADER = "account-40"
"""Who put up many copies, in a world with `uploads`."""


def removed_adapter(number: int, seed: int = 7) -> Removed:
    """One removal: an adapter of a person who does not exist."""
    return _removed(number, made.adapter(seed * 1000 + number, title=_name(number)), "safetensors")


def sample_world(seed: int = 7, crowd: int = 0, uploads: int = 0) -> World:
    """The world with all cases. `crowd`: also a repository with this many files, among which
    there is one removal. `uploads`: also an account with this many repositories, each of them a
    copy. Whoever asks may change theirs: it is a copy of what each process makes once."""
    return deepcopy(_made_once(seed, crowd, uploads))


@cache
def _made_once(seed: int, crowd: int, uploads: int) -> World:
    world = World()
    world.removals += [removed_adapter(n, seed) for n in range(1, 13)]
    world.removals.append(_removed(13, made.torch_zip(seed * 1000 + 13), "pt"))
    world.removals.append(_removed(14, made.embedding(seed * 1000 + 14), "safetensors"))
    # One that never comes back.
    world.removals.append(removed_adapter(15, seed))
    # A larger one: its header cannot be had together with all of its bytes.
    large = made.adapter(seed * 1000 + 16, title=_name(16), rank=64)
    world.removals.append(_removed(16, large, "safetensors"))

    put = _Placing(world, seed)
    put.copies()
    put.edited()
    put.hidden()
    put.claims()
    put.other_kinds()
    put.strangers()
    put.altered()
    if crowd:
        put.crowd(crowd)
    put.uploads(uploads)
    return world


def _name(number: int) -> str:
    return f"Sample person {number:02}"


def _removed(number: int, data: bytes, extension: str) -> Removed:
    model, version = str(1000 + number), str(2000 + number)
    return Removed(
        number=number,
        name=_name(number),
        link=f"https://models.example/models/{model}/sample-person-{number:02}"
        f"?modelVersionId={version}",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        git_oid=git.blob_oid(data),
        file_name=f"sample_person_{number:02}_v1.{extension}",
        model_id=model,
        version_id=version,
        data=data,
    )


@dataclass(slots=True)
class _Placing:
    """Puts the removals of a world where they come back."""

    world: World
    seed: int
    made: int = 0

    def repo(self, id: str, type: str = "model", *, downloads: int = 0) -> Repo:
        """A new repository with nothing but an empty page, six hours after the last."""
        self.made += 1
        date = EPOCH + timedelta(hours=6 * self.made)
        repo = Repo(id, type, created=date, modified=date, downloads=downloads, likes=self.made % 5)
        repo.commit({".gitattributes": plain(_ATTRIBUTES), "README.md": plain(b"")}, "initial")
        return self.world.add(repo)

    def case(
        self,
        what: str,
        repo: Repo,
        path: str,
        removal: int,
        rung: str = "bytes",
        *,
        ref: str | None = "main",
        declared: bool = True,
    ) -> None:
        self.world.cases.append(Case(what, repo.type, repo.id, ref, path, removal, rung, declared))

    def data(self, number: int) -> bytes:
        return self.world.removal(number).data

    def copies(self) -> None:
        """One account, a batch uploader: generic names, empty pages."""
        for n, (id, path) in enumerate(
            (
                ("LORA", "LORA.safetensors"),
                ("test-model", "model.safetensors"),
                ("test-model-2", "1.safetensors"),
                ("Test", "loras/new/a.bin"),
            ),
            start=1,
        ):
            repo = self.repo(f"account-01/{id}", downloads=40 * n)
            repo.commit({path: lfs(self.data(n))})
            self.case("renamed copy", repo, path, n)
        repo = self.repo("account-02/backup", downloads=900)
        repo.commit({f"file-{n}.safetensors": lfs(self.data(n)) for n in (1, 5, 16)})
        for n in (1, 5, 16):
            self.case("renamed copy", repo, f"file-{n}.safetensors", n)

    def edited(self) -> None:
        """The same weights under another header: no declared hash helps."""
        repo = self.repo("account-03/my-lora", downloads=12)
        repo.commit({"lora.safetensors": lfs(made.header_edited(self.data(4)))})
        self.case("header edited", repo, "lora.safetensors", 4, "tensors", declared=False)

        repo = self.repo("account-03/my-lora-2")
        repo.commit({"lora.safetensors": lfs(made.reordered(self.data(5), self.seed))})
        self.case("tensors reordered", repo, "lora.safetensors", 5, "tensors", declared=False)

        repo = self.repo("account-04/converted")
        repo.commit({"c.safetensors": lfs(made.tensors_renamed(self.data(1)))})
        self.case("tensors renamed", repo, "c.safetensors", 1, "tensors", declared=False)

    def hidden(self) -> None:
        """Where a default clone does not look."""
        repo = self.repo("account-05/members-only", downloads=77)
        repo.gated = "auto"
        repo.commit({"m.safetensors": lfs(self.data(6))})
        self.case("gated", repo, "m.safetensors", 6, "pointer")

        repo = self.repo("account-06/empty")
        repo.commit({"p.safetensors": lfs(self.data(7))}, "Add p", ref="refs/pr/1")
        self.case("pull request", repo, "p.safetensors", 7, ref="refs/pr/1")

        repo = self.repo("account-07/cleaned-up")
        repo.commit({"old.safetensors": lfs(self.data(8))}, "Upload old")
        repo.commit({"old.safetensors": None}, "Delete old")
        self.case("deleted, in history", repo, "old.safetensors", 8, ref=None)

        repo = self.repo("account-08/branches")
        repo.commit({"b.safetensors": lfs(self.data(9))}, ref="refs/heads/backup")
        repo.refs["refs/tags/v1"] = repo.refs["refs/heads/backup"]
        self.case("another branch", repo, "b.safetensors", 9, ref="backup")

    def claims(self) -> None:
        """Names and hashes that say more, or less, than is true."""
        victim = self.world.removal(10)
        other = made.adapter(self.seed * 1000 + 500, title="Sample stranger 1")
        noise = made.of_size(500, victim.size)
        assert len(other) == victim.size
        repo = self.repo("account-09/framed", downloads=3)
        repo.commit({"innocent.safetensors": lfs(other, declared=victim.sha256)})
        self.case("hash lied about", repo, "innocent.safetensors", 10, "declared")
        repo = self.repo("account-09/framed-too")
        repo.commit({"noise.safetensors": lfs(noise, declared=victim.sha256)})
        self.case("hash lied about, no adapter", repo, "noise.safetensors", 10, "declared")

        first, second = self.world.removal(11), self.world.removal(12)
        repo = self.repo("account-10/mirror", downloads=310)
        path = f"{first.model_id}/{first.version_id}/{first.sha256}.safetensors"
        stranger = made.adapter(self.seed * 1000 + 501)
        repo.commit(
            {path: lfs(first.data), f"{second.sha256}.safetensors": lfs(stranger)}, "Mirror"
        )
        self.case("named by its hash", repo, path, 11)
        self.case(
            "named by another's hash",
            repo,
            f"{second.sha256}.safetensors",
            12,
            "hint",
            declared=False,
        )

    def other_kinds(self) -> None:
        """Datasets, spaces, other containers, plain git; and what cannot be looked at."""
        repo = self.repo("account-11/collection", "dataset")
        repo.commit({"data/00.bin": lfs(self.data(2))})
        self.case("dataset", repo, "data/00.bin", 2)

        repo = self.repo("account-12/playground", "space")
        repo.commit({"app.py": plain(b"print('hello')\n"), "w.safetensors": lfs(self.data(3))})
        self.case("space", repo, "w.safetensors", 3)

        repo = self.repo("account-13/archive", downloads=5)
        repo.commit({"a.pt": lfs(self.data(13))})
        self.case("another container", repo, "a.pt", 13)

        repo = self.repo("account-13/small")
        repo.commit({"e.safetensors": plain(self.data(14))})
        self.case("plain git", repo, "e.safetensors", 14)

        repo = self.repo("account-14/taken-down")
        repo.commit({"x.safetensors": lfs(self.data(1))})
        repo.disabled = True

        repo = self.repo("account-15/private")
        repo.commit({"x.safetensors": lfs(self.data(1))})
        repo.private = True

        repo = self.repo("account-15/nothing-yet")
        repo.refs.clear()
        repo.commits.clear()

    def strangers(self) -> None:
        """Most of a hub."""
        for n in range(STRANGERS):
            repo = self.repo(f"account-{20 + n // 3}/model-{n:02}", downloads=n * 7 % 60)
            rank = 4 if n % 4 == 0 else 2
            files: dict[str, Blob] = {
                "model.safetensors": lfs(made.adapter(self.seed * 1000 + 600 + n, rank=rank)),
                "config.json": plain(b'{"sample": %d}\n' % n),
            }
            if n % 5 == 0:
                files["extra/weights.bin"] = lfs(made.of_size(n, 3000 + n))
            if n == 7:
                files["broken.safetensors"] = lfs(made.broken(n))
            repo.tags = ("lora", "diffusers") if n % 2 else ("safetensors",)
            repo.commit(files)

    def altered(self) -> None:
        """Other numbers altogether: no hash of any kind helps."""
        repo = self.repo("account-16/for-diffusers", downloads=21)
        repo.commit({"model.safetensors": lfs(made.cast_and_renamed(self.data(1)))})
        self.case("cast and renamed", repo, "model.safetensors", 1, "weights", declared=False)

        repo = self.repo("account-16/stronger")
        stronger = made.scaled_and_resized(self.data(2), rank=2, scale=1.5)
        repo.commit({"x2.bin": lfs(stronger)})
        self.case("scaled and resized", repo, "x2.bin", 2, "weights", declared=False)

        repo = self.repo("account-17/no-te")
        repo.commit({"u.safetensors": lfs(made.text_encoder_dropped(self.data(3)))})
        self.case("text encoder dropped", repo, "u.safetensors", 3, "weights", declared=False)

    def crowd(self, files: int) -> None:
        """One removal among very many files."""
        repo = self.repo("account-30/many-files")
        blobs: dict[str, Blob] = {
            f"part-{n // 1000}/{n:05}.bin": lfs(b"sample %d" % n) for n in range(files - 1)
        }
        blobs["part-z/last.bin"] = lfs(self.data(3))
        repo.commit(blobs)
        self.case("among many files", repo, "part-z/last.bin", 3)

    def uploads(self, repositories: int) -> None:
        """An account that put up many, one a repository."""
        for n in range(repositories):
            repo = self.repo(f"{UPLOADER}/LORA-{n + 1:02}", downloads=11 * (n % 9))
            number = n % 12 + 1
            repo.commit({"model.safetensors": lfs(self.data(number))})
            self.case("one of many copies", repo, "model.safetensors", number)


_ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
