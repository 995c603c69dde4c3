"""The nouns: every value that one room hands to another, as a frozen dataclass.

Nothing here does anything. A room takes these in and gives these out; the words are the
ones of the design (removal, artifact, digest, match, sighting), and nothing else is called so.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias


class Rung(IntEnum):
    """Where a match stands on the ladder of evidence. Higher is stronger; all are kept.

    Two values below zero are no rungs (`on_ladder` is false): a sighting that left the ladder.
    """

    UNSUPPORTED = -20
    """Nothing in force supports it any more (its claim left, what was learned was taken back):
    kept as history."""
    REFUTED = -10
    """A hub's claim that reading proved false, and nothing else is left."""
    HINT = 10
    """Order the queue; never enough alone."""
    COMPONENT = 20
    """Inside a merge: its column space, or a part of the weights that nothing else explains."""
    WEIGHTS = 30
    """Similar updates: cosine, p-value, modules that agree."""
    POINTER = 40
    """The git oid of the LFS pointer equals the one computed from (sha256, size)."""
    DECLARED = 50
    """The hub states the digest; the uploader could have lied. Also an MD5 or SHA-1, whoever
    computed it: two files can be made that share one."""
    TENSORS = 60
    """The data section, or the multiset of tensors, of bytes that we read."""
    BYTES = 70
    """SHA-256 or BLAKE3 of bytes that we read."""

    @property
    def label(self) -> str:
        return self.name.lower()

    @property
    def on_ladder(self) -> bool:
        return self > 0

    @classmethod
    def of(cls, label: str) -> Rung:
        """The rung by its label. Raises KeyError for an unknown one."""
        return cls[label.upper()]


LADDER: tuple[Rung, ...] = tuple(sorted((rung for rung in Rung if rung.on_ladder), reverse=True))
"""The rungs, strongest first: without what left the ladder."""


class DigestKind(IntEnum):
    """Which exact hash a digest is. The number is what the store keeps: never change one."""

    SHA256 = 1
    """Whole file; also the LFS oid."""
    BLAKE3 = 2
    """Whole file."""
    CRC32 = 3
    """Whole file; 4 bytes, a hint."""
    XET = 4
    """Xet's Merkle root; imported and declared, never computed here."""
    GIT_BLOB = 5
    """SHA-1 of "blob N\\0" and the file: what git calls a small file."""
    DATA_SHA256 = 6
    """SHA-256 of the data section of a safetensors file (all bytes after the header)."""
    TENSORS_BLAKE3 = 7
    """Name- and order-free multiset of tensors; see docs/how-it-works.md."""
    AUTOV1 = 8
    """First 8 hex of the SHA-256 of 64 KiB at 0x100000; a hint."""
    AUTOV2 = 9
    """First 10 hex of SHA-256; a hint."""
    AUTOV3 = 10
    """First 12 hex of the data section's SHA-256, as files declare it of themselves; a hint."""
    MD5 = 11
    """Whole file, as stores of objects state it: two files can be made that share it."""
    SHA1 = 12
    """Whole file; the same of it."""
    CRC32C = 13
    """Whole file; 4 bytes, with the file's size a hint."""
    CRC64_NVME = 14
    """Whole file; 8 bytes, with the file's size a hint."""

    @property
    def label(self) -> str:
        return _DIGEST_LABELS[self]

    @property
    def length(self) -> int:
        """Bytes in a value of this kind."""
        return _DIGEST_LENGTHS[self]

    @property
    def is_short(self) -> bool:
        """Too short to prove anything: matches stay on the hint rung."""
        return self.length < 16

    @classmethod
    def of(cls, label: str) -> DigestKind:
        """The kind by its label. Raises KeyError for an unknown one."""
        return _DIGEST_KINDS[label]


_DIGEST_LABELS = {
    DigestKind.SHA256: "sha256",
    DigestKind.BLAKE3: "blake3",
    DigestKind.CRC32: "crc32",
    DigestKind.XET: "xet",
    DigestKind.GIT_BLOB: "git-blob-sha1",
    DigestKind.DATA_SHA256: "data-sha256",
    DigestKind.TENSORS_BLAKE3: "tensors-blake3",
    DigestKind.AUTOV1: "autov1",
    DigestKind.AUTOV2: "autov2",
    DigestKind.AUTOV3: "autov3",
    DigestKind.MD5: "md5",
    DigestKind.SHA1: "sha1",
    DigestKind.CRC32C: "crc32c",
    DigestKind.CRC64_NVME: "crc64-nvme",
}
_DIGEST_KINDS = {label: kind for kind, label in _DIGEST_LABELS.items()}
_DIGEST_LENGTHS = {
    DigestKind.SHA256: 32,
    DigestKind.BLAKE3: 32,
    DigestKind.CRC32: 4,
    DigestKind.XET: 32,
    DigestKind.GIT_BLOB: 20,
    DigestKind.DATA_SHA256: 32,
    DigestKind.TENSORS_BLAKE3: 32,
    DigestKind.AUTOV1: 4,
    DigestKind.AUTOV2: 5,
    DigestKind.AUTOV3: 6,
    DigestKind.MD5: 16,
    DigestKind.SHA1: 20,
    DigestKind.CRC32C: 4,
    DigestKind.CRC64_NVME: 8,
}


@dataclass(frozen=True, slots=True)
class Digest:
    """One exact hash of a file or of its tensors."""

    kind: DigestKind
    value: bytes
    """`kind.length` bytes, most significant first."""

    def __post_init__(self) -> None:
        if len(self.value) != _DIGEST_LENGTHS[self.kind]:
            raise ValueError(f"a {self.kind.label} has {self.kind.length} bytes")

    @property
    def hex(self) -> str:
        return self.value.hex()

    def __str__(self) -> str:
        return f"{self.kind.label}:{self.hex}"


class Container(StrEnum):
    """What a file is, judged by its bytes and never by its name."""

    SAFETENSORS = "safetensors"
    TORCH_ZIP = "torch-zip"
    TORCH_LEGACY = "torch-legacy"
    TORCHSCRIPT = "torchscript"
    PICKLE = "pickle"
    GGUF = "gguf"
    ONNX = "onnx"
    ZIP = "zip"
    NPZ = "npz"
    DDUF = "dduf"
    TAR = "tar"
    SEVEN_ZIP = "7z"
    RAR = "rar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"
    PNG = "png"
    WEBP = "webp"
    LFS_POINTER = "lfs-pointer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """Something of a file that was not read, so that no answer speaks of it."""

    code: str
    """In a word, for programs: `numpy`, `tlora`, `malformed` ..."""
    reason: str
    """In words."""
    count: int = 1
    """Tensors or modules; 1 for the file as a whole."""

    def __str__(self) -> str:
        return self.reason if self.count == 1 else f"{self.reason} ({self.count:,})"


TOO_FEW = "too-few-layers"
"""The code of a file with so few that its weights alone do not judge it."""
UPDATES_NOTHING = "updates-nothing"
"""The code of an adapter that changes no weight, or by next to nothing."""
NEAR_TABLE = "near-table"
"""The code of an embedding of which no row can be told from strangers'."""
NEAR_TABLE_IN_PART = "near-table-in-part"
"""The same of some of its rows: by the others it is known."""


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """Which rungs could judge one file, and what of it was not read: the same value wherever a file
    is told of (`check`, scan, gate, report)."""

    rungs: tuple[Rung, ...]
    """Strongest first."""
    not_read: tuple[BlindSpot, ...] = ()
    """Empty: "no match" speaks of all that is in it."""

    @property
    def by_weights(self) -> bool:
        """Could an altered copy be recognised?"""
        return Rung.WEIGHTS in self.rungs

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(rung.label for rung in self.rungs)

    @property
    def nothing(self) -> tuple[str, ...]:
        """That the file changes nothing, in words: it was read, and nothing is there to compare."""
        return tuple(spot.reason for spot in self.not_read if spot.code == UPDATES_NOTHING)

    @property
    def fields(self) -> dict[str, object]:
        """As documented JSON."""
        return {
            "judged_by": list(self.labels),
            "not_read": [
                {"code": spot.code, "reason": spot.reason, "count": spot.count}
                for spot in self.not_read
            ],
        }

    def __str__(self) -> str:
        """In words: " by bytes and tensors; not read: ..."; nothing where all was read."""
        if not self.not_read:
            return ""
        told = [f" by {' and '.join(self.labels) or 'nothing'}", *self.nothing]
        left = [str(spot) for spot in self.not_read if spot.code != UPDATES_NOTHING]
        return "; ".join([*told, f"not read: {'; '.join(left)}"] if left else told)


@dataclass(frozen=True, slots=True)
class LfsPointer:
    """What a Git LFS pointer states of the file that it stands for."""

    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one file is known by: the outcome of one streaming pass over its bytes."""

    size: int
    """Bytes in the file."""
    container: Container
    digests: tuple[Digest, ...]
    """Computed from the bytes; short ones too. Ordered by kind."""
    embedded: tuple[Digest, ...] = ()
    """What the file says of itself in its metadata: never more than a hint."""
    data_size: int | None = None
    """Bytes in the data section, for a container that has one."""
    layout: bytes | None = None
    """32 bytes: the multiset of (dtype, shape), free of names and order."""
    problem: str | None = None
    """Why the container could not be read, when it could not; the file's digests still hold."""
    sketch: bytes | None = None
    """The similarity fingerprint in its published byte layout, when there is one."""
    no_sketch: str | None = None
    """Why there is no sketch, when there is none."""
    other_sketches: tuple[bytes, ...] = ()
    """Those under other names, where its layers had others before: they are compared too, for what
    was removed then has no other."""
    further_sketches: tuple[bytes, ...] = ()
    """Those of further adapters in it: of a file that holds several, each is known alone."""
    rows: bytes | None = None
    """What the rows of its embeddings are known by, in their published byte layout."""
    weights: bytes | None = None
    """Of an upload that is a checkpoint: the sketch of some layers (`fingerprints.weight_sketch`).
    """
    pointer: LfsPointer | None = None
    """It is no model file but the text that git keeps instead of one."""
    blind: tuple[BlindSpot, ...] = ()
    """What of it was not read. Empty: "no match" speaks of all that is in it."""
    members: tuple[Member, ...] = ()
    """The files in it, where it is an archive: each is judged for itself."""
    shards: tuple[tuple[Digest, ...], ...] = ()
    """Digests of each file whose index it is: what is told of tensors and layers is theirs."""

    @property
    def shards_by_sha256(self) -> tuple[bytes, ...]:
        return tuple(d.value for some in self.shards for d in some if d.kind is DigestKind.SHA256)

    @property
    def sketches(self) -> tuple[bytes, ...]:
        """All under which it is compared."""
        own = () if self.sketch is None else (self.sketch,)
        return (*own, *self.other_sketches, *self.further_sketches)

    @property
    def within(self) -> tuple[tuple[str, Fingerprint], ...]:
        """The files in it, and in archives in it, each by its place: "!member", "!inner!member"."""
        found: list[tuple[str, Fingerprint]] = []
        for member in self.members:
            place = f"!{member.path}"
            found.append((place, member.fingerprint))
            found += ((place + inner, read) for inner, read in member.fingerprint.within)
        return tuple(found)

    @property
    def is_archive_alone(self) -> bool:
        """It holds other files, and no tensors beside these, as a torch file may."""
        is_torch = self.container in (Container.TORCH_ZIP, Container.TORCHSCRIPT)
        return bool(self.members) and not is_torch

    @property
    def is_damaged(self) -> bool:
        """It is a model file of which what is in it could not be listed."""
        return self.problem is not None and self.container is not Container.UNKNOWN

    @property
    def judged(self) -> JudgedBy:
        """The rungs on which this file can be recognised, and what of it was not read."""
        kinds = {digest.kind for digest in self.digests}
        rungs = [Rung.BYTES] if kinds & {DigestKind.SHA256, DigestKind.BLAKE3} else []
        if kinds & {DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3}:
            rungs.append(Rung.TENSORS)
        unsure = {spot.code for spot in self.blind}
        by_layers = self.sketch is not None and TOO_FEW not in unsure
        by_layers = by_layers or self.weights is not None
        if by_layers or (self.rows is not None and NEAR_TABLE not in unsure):
            rungs.append(Rung.WEIGHTS)
        return JudgedBy(tuple(rungs), self.blind)

    def digest(self, kind: DigestKind) -> Digest | None:
        return next((d for d in self.digests if d.kind is kind), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    path: str
    """Within the archive, printable. It can hold a name: keep out of logs."""
    fingerprint: Fingerprint


Figure: TypeAlias = float | int | str | Sequence[Sequence[str | float | int | None]]
"""One of the figures behind evidence: a number, a word, or rows of them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason why an artifact is taken for a removal."""

    rung: Rung
    kind: str
    """What was compared: a digest kind's label, "sketch", "filename", "path", "link" ..."""
    value: str
    """The hex, or figures in words. Never a sealed value."""
    why: str
    """One sentence for a person."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """For the weights rung: cosine, p_value, agreeing, relation, calibration. For the component
    rung: by, share or cosine, margin, p_value, decoys, modules, weight, and block by block `blocks`
    (`observed.merge_parts`) and `explained`; of two files that add up, together_with, how, and
    those of the weights rung. For bytes,
    `size_is_false`: a list gives the file with this digest another size."""

    @property
    def order(self) -> tuple[int, int, str]:
        """Of several reasons, the strongest first; of digests, the SHA-256 that lists and hubs
        know."""
        return -self.rung, _KNOWN_FIRST.get(self.kind, len(_KNOWN_FIRST)), self.kind

    @property
    def likeness(self) -> float | None:
        """The cosine, or how much of the removal's columns is inside; None where neither was
        measured."""
        told = self.figures.get("cosine", self.figures.get("share"))
        return float(told) if isinstance(told, float | int) else None


_KNOWN_FIRST = {kind.label: number for number, kind in enumerate(DigestKind)}


@dataclass(frozen=True, slots=True)
class Match:
    """An artifact, or a local file, recognised as a removal."""

    removal: str
    """The removal's opaque id."""
    evidence: tuple[Evidence, ...]
    """At least one; highest rung first."""

    @property
    def rung(self) -> Rung:
        return max(e.rung for e in self.evidence)

    @property
    def why(self) -> str:
        """The sentence of the strongest evidence."""
        return max(self.evidence, key=lambda e: e.rung).why


@dataclass(frozen=True, slots=True, repr=False)
class Names:
    """What a list says of a removal. Sealed at rest, and silent when printed."""

    name: str | None = None
    trigger_words: tuple[str, ...] = ()
    url: str | None = None
    model_id: str | None = None
    version_id: str | None = None
    file_names: tuple[str, ...] = ()
    reason: str | None = None

    def __repr__(self) -> str:
        return "Names(sealed)"


class RemovalClass(IntEnum):
    """Why a model was removed. Higher is stricter; the number is what the store keeps."""

    OTHER = 0
    LIKENESS = 1
    """It imitates a real person."""
    INTIMATE = 2
    """Intimate imagery."""
    CHILD_ABUSE = 3
    """Capable of child abuse imagery: never read at hubs, digests only."""
    CHILD_ABUSE_VOUCHED = 4
    """The same, said by a list that is entitled to say it, or settled by two people: what the gate
    blocks for. What removals are, never what a claim says."""

    @property
    def label(self) -> str:
        return _CLASS_LABELS[self]

    @property
    def never_read(self) -> bool:
        """Of its files nothing is read at hubs, sketched or learned: digests only."""
        return self >= RemovalClass.CHILD_ABUSE

    @property
    def vouched(self) -> bool:
        return self is RemovalClass.CHILD_ABUSE_VOUCHED

    @classmethod
    def of(cls, label: str) -> RemovalClass:
        """The class by its label. Raises KeyError for an unknown one."""
        return _CLASSES[label]


_CLASS_LABELS = {
    RemovalClass.OTHER: "other",
    RemovalClass.LIKENESS: "likeness",
    RemovalClass.INTIMATE: "intimate-imagery",
    RemovalClass.CHILD_ABUSE: "child-abuse-imagery",
}
_CLASSES = {label: cls for cls, label in _CLASS_LABELS.items()}
_CLASS_LABELS[RemovalClass.CHILD_ABUSE_VOUCHED] = _CLASS_LABELS[RemovalClass.CHILD_ABUSE]
SAID_CLASSES = tuple(_CLASSES.values())
"""Those that a claim can say."""


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """One file of a removal, as it is put in."""

    digests: tuple[Digest, ...]
    size: int | None = None
    container: Container | None = None
    data_size: int | None = None
    layout: bytes | None = None
    sketch: bytes | None = None
    rows: bytes | None = None
    further: tuple[bytes, ...] = ()
    """Sketches of further adapters in it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one row of one list says of a removal, or what was learned from bytes that were read."""

    number: int
    """Within its removal, from 1 on: "rm-4f7k2q9d/2" names a claim."""
    list: str | None
    """Of which list the row is; None for what was learned."""
    in_force: bool
    digests: tuple[Digest, ...] = ()
    never_read: tuple[DigestKind, ...] = ()
    """Kinds of digests that are known and not handed out: of the class that is never read they go
    to an authority alone (`reseen registry export-class`). Nor is `layout` or a sketch."""
    size: int | None = None
    container: Container | None = None
    data_size: int | None = None
    layout: bytes | None = None
    sketch: bytes | None = None
    site: str | None = None
    """Host name it was removed from, e.g. "civitai.com"."""
    removed_on: date | None = None
    cls: RemovalClass | None = None
    added_at: datetime | None = None
    withdrawn_at: datetime | None = None
    contradicted: bool = False
    """A file, as it was read or as a hub states it, has one of its digests and not another; nobody
    has looked at it yet."""
    rests_on: tuple[int, ...] = ()
    """For what was learned: the numbers of the claims with which the reading agreed."""
    class_only: bool = False
    """Somebody here says a class, and nothing else."""
    class_settled: bool | None = None
    """Two people settled that the class it says counts, or (False) that it is false."""

    @property
    def learned(self) -> bool:
        return self.list is None


@dataclass(frozen=True, slots=True)
class Removal:
    """A model that a platform took down, as shown by default: nothing sealed is in it."""

    id: str
    """Short and opaque, e.g. "rm-4f7k2q9d"."""
    added_at: datetime
    withdrawn_at: datetime | None = None
    """None: at least one claim is in force."""
    cls: RemovalClass = RemovalClass.OTHER
    """The strictest of its claims in force; where none is, of all that there were."""
    claims: tuple[Claim, ...] = ()
    """All, those that are not in force too."""

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists whose claims about it are in force; of a withdrawn removal, all."""
        told = [c for c in self.claims if c.list is not None and not c.class_only]
        counted = [c for c in told if c.in_force] or told
        return tuple(dict.fromkeys(c.list for c in counted if c.list is not None))

    @property
    def list(self) -> str:
        """The first list that says it."""
        return next(iter(self.lists), "")

    @property
    def site(self) -> str | None:
        return next((c.site for c in self._counted if c.site is not None), None)

    @property
    def removed_on(self) -> date | None:
        return next((c.removed_on for c in self._counted if c.removed_on is not None), None)

    @property
    def files(self) -> tuple[Claim, ...]:
        """The claims that say something of a file."""
        return tuple(
            c
            for c in self._counted
            if c.digests or c.never_read or c.size is not None or c.sketch is not None
        )

    def true_size(self, claim: Claim) -> int | None:
        """The size of bytes that were read, where they are the claim's and it gives another."""
        if claim.size is None:
            return None
        for other in self.claims:
            rests = claim.number in other.rests_on and other.size is not None
            if rests and other.size != claim.size:
                return other.size
        return None

    @property
    def _counted(self) -> tuple[Claim, ...]:
        return tuple(c for c in self.claims if c.in_force) or self.claims


class RepoType(StrEnum):
    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository as a hub lists it."""

    hub: str
    """What the store calls the hub: its host ("huggingface.co"), "folder", or kind and host."""
    type: RepoType
    id: str
    """ "owner/name"."""
    sha: str | None = None
    """The version that was listed, as the hub calls it (a commit); the walk is pinned to it."""
    created_at: datetime | None = None
    modified_at: datetime | None = None
    downloads: int | None = None
    likes: int | None = None
    gated: bool = False
    disabled: bool = False
    private: bool = False
    """Not known to be open to strangers."""
    seen_as: bytes | None = None
    """Of a private one: with which token it was seen, as 16 bytes that do not tell the token. Whom
    the hub shows it to with another is not known by that."""
    used_storage: int | None = None
    """Bytes, where the hub says."""
    own_id: str | None = None
    """What the hub itself calls it (`_id`): a rename does not change it, and two repositories that
    had one name after the other differ in it."""
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """File names as the listing gave them (it gives no hashes)."""

    @property
    def author(self) -> str:
        return account_of(self.id)


def commit_key(commit: str) -> str:
    """The same for one commit, however much of its name was given: some hubs cut names of 64 digits
    to git's usual 40, and some only now and then."""
    return commit[:40] if len(commit) == 64 else commit


def account_of(repo: str) -> str:
    """Who holds a repository: "owner" of "owner/name"; an old one without an owner holds itself.
    Empty for a folder on this machine ("/home/..."): it is nobody's account."""
    return repo.partition("/")[0]


@dataclass(frozen=True, slots=True)
class HistoryCommit:
    """What a history says of a commit, beside its name."""

    title: str
    """Foreign text, which may hold a name."""
    at: datetime


PROPOSAL = "refs/pr/"
"""How the ref begins of what somebody proposed to a repository: that may have been anybody."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One model file as it stands at a hub, and what the hub declares of it."""

    hub: str
    type: RepoType
    repo: str
    revision: str
    """The version of the repository at which it was seen: a commit, or the hub's word for it."""
    ref: str | None
    """The ref that was walked ("main", "refs/pr/3", a tag); None for history."""
    path: str
    size: int | None
    sha256: bytes | None = None
    """The LFS oid, where the hub shows it: declared by the uploader."""
    xet: bytes | None = None
    git_oid: bytes | None = None
    """Git's name for the blob; of the pointer, for an LFS file."""
    masked: bool = False
    """The hub hides the hash (gated repository)."""
    lfs: bool = False
    on_pointer: bool = False
    """On this disk lies a Git LFS pointer, not the file: SHA-256 and size are what it states."""
    member: bool = False
    """It is a file in an archive: `path` is that of both (`member_path`), and the hub states
    nothing of it. `git_oid` is a mark of the archive's content, and no name that git knows."""
    others: tuple[Digest, ...] = ()
    """Digests of other kinds that a store of objects states (MD5, SHA-1, CRCs), ordered by kind."""

    @property
    def declared(self) -> tuple[Digest, ...]:
        """The digests of the file that the hub states. Git's name for an LFS pointer is none: it
        names other bytes."""
        found = [(DigestKind.SHA256, self.sha256), (DigestKind.XET, self.xet)]
        of_git = self.git_oid is not None and len(self.git_oid) == DigestKind.GIT_BLOB.length
        if of_git and not (self.lfs or self.masked or self.member):
            found.append((DigestKind.GIT_BLOB, self.git_oid))
        own = tuple(Digest(kind, value) for kind, value in found if value is not None)
        return own + self.others

    @property
    def content(self) -> bytes | None:
        """What the hub calls these bytes, the same wherever it keeps them; None: nothing."""
        return self.git_oid or self.sha256 or self.xet or self._by_others

    @property
    def _by_others(self) -> bytes | None:
        """A mark of what else is stated: of 16 bytes, so that nobody takes it for git's name."""
        told = "\n".join(map(str, self.others)).encode()
        return hashlib.blake2b(told, digest_size=16).digest() if self.others else None


FOLDER = "folder"
"""What the store calls a folder on disk: a hub without addresses."""


def member_path(archive: str, place: str) -> str:
    """The path of a file in an archive, of the archive's and its place there ("!member")."""
    escaped = archive.replace("%", "%25").replace("!", "%21") if "!" in archive else archive
    return escaped + place


def in_parts(name: str, count: int) -> str:
    """The place of a model in several files, at the first of them."""
    return f"!{name} (in {count} files)"


def is_in_parts(path: str) -> bool:
    """Is it the path of one?"""
    return _IN_PARTS.search(path) is not None


_IN_PARTS = re.compile(r"![^!/]+ \(in \d{1,6} files\)$", re.ASCII)


def archive_path(path: str) -> str:
    """And back: the path of the archive."""
    archive = path.partition("!")[0]
    return archive.replace("%21", "!").replace("%25", "%") if "%21" in archive else archive


class Confirmed(StrEnum):
    """How far a sighting's claim was checked by reading."""

    NONE = "none"
    HEADER = "header"
    """The container's header agrees with the claim."""
    DOUBTFUL = "doubtful"
    """The header disagrees with the claim: perhaps a lie about the hash."""
    BYTES = "bytes"
    """Every byte was read, and the digest is what was declared."""
    CONTRADICTED = "contradicted"
    """Every byte was read, and the digest is another: the hub's claim is false."""


class SightingState(StrEnum):
    LIVE = "live"
    GONE = "gone"
    DISABLED = "disabled"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A match as recorded: one removal at one hub, repository, path and content."""

    id: str
    """Short and opaque, e.g. "sg-..."; the same place and content always get the same."""
    removal: str
    hub: str
    type: RepoType
    repo: str
    revision: str
    ref: str | None
    path: str
    rung: Rung
    evidence: tuple[Evidence, ...]
    why: str
    state: SightingState
    confirmed: Confirmed
    first_seen: datetime
    last_seen: datetime
    size: int | None = None
    declared_sha256: str | None = None
    downloads: int | None = None
    likes: int | None = None
    repo_created_at: datetime | None = None
    withdrawn: bool = False
    """The removal was withdrawn after this sighting: it no longer counts."""
    hidden_since: datetime | None = None
    """When a stranger was first refused there without a reason (401), and ever since."""
    never_read: bool = False
    """Of the class of which digests go to an authority alone: none is in here."""
    judged_by: tuple[Rung, ...] = ()
    """The rungs that could judge the file, strongest first."""
    not_read: tuple[str, ...] = ()
    """Codes of what of the file was not read (`BlindSpot.code`)."""
    member: bool = False
    """It is a file in an archive, and `path` that of both."""

    @property
    def file_path(self) -> str:
        """The file that the hub has there: the archive, of a file in one."""
        return archive_path(self.path) if self.member else self.path

    @property
    def account(self) -> str:
        """Who holds the repository; empty for a folder on this machine, which nobody's account
        holds."""
        return account_of(self.repo)

    @property
    def state_note(self) -> str:
        """What else is known of the state, in words; mostly nothing."""
        if self.hidden_since is None:
            return ""
        day = f"{self.hidden_since:%Y-%m-%d %H:%M} UTC"
        if self.state is SightingState.GONE:
            return f"deleted or made private: refused to whoever has no token since {day}"
        if self.state is SightingState.UNREACHABLE:
            return f"deleted or made private, perhaps: first refused without a token {day}"
        return ""

    @property
    def counts(self) -> bool:
        """Its removal is in force, and it stands on the ladder."""
        return self.rung.on_ladder and not self.withdrawn

    @property
    def hash_is_false(self) -> bool:
        """Reading proved that what the hub states of this file is false."""
        return self.confirmed is Confirmed.CONTRADICTED or any(
            e.rung is Rung.REFUTED for e in self.evidence
        )

    @property
    def standing(self) -> tuple[Evidence, ...]:
        """The evidence that still holds: without the hub's word where that is false; nothing where
        nothing supports it any more."""
        if self.rung is Rung.UNSUPPORTED:
            return ()
        false = (Rung.DECLARED, Rung.POINTER) if self.hash_is_false else ()
        return tuple(e for e in self.evidence if e.rung.on_ladder and e.rung not in false)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be looked at, with the reason: a value, never only a log line."""

    where: str
    """Hub and repository, or the file's place in the input. May hold a name: keep out of logs."""
    reason: str
    remedy: str | None = None
    counted: str | None = None
    """What it is counted as where a scan is told of, if not as what it was met with."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a scan covered, and what it did not."""

    listed: int = 0
    """Repositories listed."""
    walked: int = 0
    """Repositories whose files were listed."""
    unchanged: int = 0
    """Left alone: walked before at the same commit."""
    artifacts: int = 0
    bytes_read: int = 0
    """Bytes read from artifacts (headers, modules, whole files)."""
    bytes_by: Mapping[str, int] = field(default_factory=dict)
    """The same by what they were read for: headers, probes (the few modules that are searched),
    whole (all modules, or all bytes)."""
    requests: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of repositories or artifacts not looked at."""
    blind: Mapping[str, int] = field(default_factory=dict)
    """What of files that it read was not read, as code and reason with a blank between -> files."""

    def __or__(self, later: Coverage) -> Coverage:
        """What two covered, one after the other."""
        return Coverage(
            listed=self.listed + later.listed,
            walked=self.walked + later.walked,
            unchanged=self.unchanged + later.unchanged,
            artifacts=self.artifacts + later.artifacts,
            bytes_read=self.bytes_read + later.bytes_read,
            bytes_by=Counter(self.bytes_by) + Counter(later.bytes_by),
            requests=self.requests + later.requests,
            skipped=Counter(self.skipped) + Counter(later.skipped),
            blind=Counter(self.blind) + Counter(later.blind),
        )


class Advice(StrEnum):
    """What a hub is advised to do with an upload. The host decides, and answers for it."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"

    @property
    def strength(self) -> int:
        """Of several, the strongest counts."""
        return _STRENGTH[self]


_STRENGTH = {Advice.ALLOW: 0, Advice.HOLD: 1, Advice.BLOCK: 2}
