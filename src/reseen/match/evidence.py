"""What was compared, in words: from a digest that agrees to evidence, and evidence to matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from reseen.fingerprints.kinds import EMBEDDED, LADDER, PROVE
from reseen.observed import merge_parts
from reseen.observed.merge_parts import PartBlock
from reseen.records import DigestKind, Evidence, Figure, Match, Rung

if TYPE_CHECKING:
    from reseen.match.compare import Comparison
    from reseen.match.parts import MergePart
    from reseen.match.rows import RowsComparison

BY_ORDER, RECIPE, OTHER_PART = "sketch-by-order", "sketch-recipe", "sketch-other-part"
MIXED = "sketch-mixed"
"""The kinds of a lead by weights."""
BY_WEIGHTS = frozenset({BY_ORDER, RECIPE, OTHER_PART, MIXED})
WHY_A_LEAD = {
    BY_ORDER: "similar weights; uncertain: their order alone says which layer is which",
    RECIPE: "similar weights; uncertain: files of this recipe resemble each other",
    OTHER_PART: "similar weights; uncertain: it may be another part of a removal that is a merge",
    MIXED: "similar weights; uncertain: its layers are spread over several adapters in the file",
}
_LEADS = {"BY_ORDER": BY_ORDER, "RECIPE": RECIPE, "OTHER_PART": OTHER_PART, "MIXED": MIXED}
"""By the name of the relation."""
NAMED_BY_DIGEST, FILE_NAME, PATH = "filename-sha256", "filename", "path"
BY_NAME = frozenset({NAMED_BY_DIGEST, FILE_NAME, PATH})
"""The kinds of a hint by how a file is called."""
_EMBEDDED = "embedded-{}"
BY_EMBEDDED = frozenset(_EMBEDDED.format(kind.label) for kind in EMBEDDED)
"""The kinds of a hint by what a file states of itself."""
PART = "sketch-part"
"""The kind of what shows that a removal is inside a merge."""
CHECKPOINT = "sketch-checkpoint"
"""The kind of what shows that a removal is inside a checkpoint."""
SUM = "sketch-sum"
"""The kind of what shows that two files add up to a removal."""
ROWS = "sketch-rows"
"""The kind of what embeddings tell."""


@dataclass(frozen=True, slots=True)
class PartStrengths:
    """How strong a part is, block by block."""

    blocks: tuple[PartBlock, ...]
    explained: float | None
    """How much of the file's numbers all its parts explain together."""

    @property
    def figures(self) -> dict[str, Figure]:
        """As evidence keeps them; nothing where there are none."""
        if not self.blocks:
            return {}
        made: dict[str, Figure] = {merge_parts.BLOCKS: merge_parts.kept(self.blocks)}
        if self.explained is not None:
            made[merge_parts.EXPLAINED] = round(self.explained, 4)
        return made


NO_STRENGTHS = PartStrengths((), None)

_DECLARED = {
    DigestKind.SHA256: "The hub states this file's SHA-256, and it is the removed file's.",
    DigestKind.XET: "The hub states this file's Xet hash, and it is the removed file's.",
    DigestKind.GIT_BLOB: "Git's name for this file (its blob SHA-1) is the removed file's.",
    DigestKind.SHA1: "The hub states this file's SHA-1, and it is the removed file's. Two files "
    "can be made that share one.",
    DigestKind.MD5: "The hub states this file's MD5, and it is the removed file's. Two files can "
    "be made that share one.",
}

_READ = {
    DigestKind.SHA256: "Every byte was read, and the SHA-256 is the removed file's.",
    DigestKind.BLAKE3: "Every byte was read, and the BLAKE3 is the removed file's.",
    DigestKind.GIT_BLOB: "Every byte was read, and git's SHA-1 is the removed file's.",
    DigestKind.DATA_SHA256: "All weights, in their order, are the removed file's; only the header "
    "may differ.",
    DigestKind.TENSORS_BLAKE3: "Every tensor is one of the removed file's and none is missing; "
    "names or order may differ.",
    DigestKind.SHA1: "Every byte was read, and the SHA-1 is the removed file's. Two files can be "
    "made that share one.",
    DigestKind.MD5: "Every byte was read, and the MD5 is the removed file's. Two files can be made "
    "that share one.",
}


def declared(kind: DigestKind, value: bytes) -> Evidence:
    """The hub states a long digest that is the removal's."""
    return Evidence(Rung.DECLARED, kind.label, value.hex(), _DECLARED[kind])


def on_disk(kind: DigestKind, value: bytes) -> Evidence:
    """The file stands here, and its digest was computed from its bytes: no hub states it."""
    why = (
        f"This file stands on a disk here: its {kind.label} was computed from its bytes, and it is "
        "the removed file's."
    )
    return Evidence(Rung.DECLARED, kind.label, value.hex(), why)


def pointed(kind: DigestKind, value: bytes) -> Evidence:
    """A Git LFS pointer states a file's SHA-256, and the file itself is not here."""
    why = (
        f"The {kind.label} that this Git LFS pointer states is the removed file's. It is not the "
        "file itself: run git lfs pull to read the file."
    )
    return Evidence(Rung.DECLARED, kind.label, value.hex(), why)


def stated(kind: DigestKind, value: bytes) -> Evidence:
    """Somebody states a long digest of a file, and nobody here read it."""
    why = f"The {kind.label} that was stated for this file is the removed file's."
    return Evidence(LADDER[kind].stated, kind.label, value.hex(), why)


def vouched(kind: DigestKind, value: bytes) -> Evidence:
    """Somebody who is trusted computed a digest from a file's bytes. A kind that is computed
    nowhere stays stated."""
    if kind not in PROVE:
        return stated(kind, value)
    why = f"The {kind.label} that was computed from this file's bytes is the removed file's."
    return Evidence(LADDER[kind].read, kind.label, value.hex(), why)


def pointer(oid: bytes) -> Evidence:
    """The git oid of a hidden file's LFS pointer is that of the removal's SHA-256 and size."""
    why = (
        "The hub hides the hash; the Git LFS pointer id equals the one computed from the removed "
        "file's SHA-256 and size."
    )
    return Evidence(Rung.POINTER, "pointer", oid.hex(), why)


def read(kind: DigestKind, value: bytes) -> Evidence:
    """A digest that was computed from bytes that we read is the removal's."""
    return Evidence(LADDER[kind].read, kind.label, value.hex(), _READ[kind])


def weights(found: Comparison) -> Evidence:
    """All modules that a file shares with the removal were compared, and it is a copy."""
    figures: dict[str, Figure] = {
        **found.parts,
        "cosine": round(found.cosine, 4),
        "mean": round(found.mean, 4),
        "p_value": found.p_value,
        "agreeing": round(found.agreeing, 4),
        "relation": found.relation.value,
        "calibration": found.calibration,
        "modules": found.modules,
        "coverage": round(found.coverage, 4),
        "scale": round(found.scale, 4),
    }
    return Evidence(Rung.WEIGHTS, "sketch", f"cosine {found.cosine:.3f}", found.why, figures)


def of_rows(found: RowsComparison) -> Evidence:
    """The rows of the removal's embeddings are in a file."""
    figures: dict[str, Figure] = {
        "cosine": round(found.cosine, 4),
        "rows_agreeing": found.agreeing,
        "rows": found.rows,
        "relation": found.relation.value,
        "scale": round(found.scale, 4),
    }
    return Evidence(Rung.WEIGHTS, ROWS, f"cosine {found.cosine:.3f}", found.why, figures)


def component(part: MergePart, sketch: str, in_blocks: PartStrengths = NO_STRENGTHS) -> Evidence:
    """A removal is inside a file, as a part of a merge. `sketch`: the name of its sketch."""
    by = part.by
    assert by is not None
    told = part.figures[by]
    figures: dict[str, Figure] = {
        "by": by.value,
        "share" if by.value == "columns" else "cosine": round(told.value, 4),
        "p_value": told.p_value,
        "decoys": told.decoys,
        "modules": told.modules,
    }
    if told.margin is not None:
        figures["margin"] = round(told.margin, 4)
    if part.weight is not None:
        figures["weight"] = round(part.weight, 4)
    return Evidence(Rung.COMPONENT, PART, sketch, part.why, {**figures, **in_blocks.figures})


def sum_of_two(found: Comparison, how: str, other: str, sketch: str) -> Evidence:
    """A file and another of its account add up to the removal. `how`: at which strengths; `other`:
    the sighting of the other file, which says where it stands; `sketch`: the name of the removal's
    sketch."""
    why = (
        f"This file and that of the sighting {other} add up to the removal, {how}: cosine "
        f"{found.cosine:.3f}, p {found.p_value:.1g} ({found.calibration}), {found.agreeing:.0%} of "
        f"{found.modules} modules agree. What is known is of the two together: neither is like the "
        "removal by itself."
    )
    figures = {"together_with": other, "how": how, **weights(found).figures}
    return Evidence(Rung.COMPONENT, SUM, sketch, why, figures)


def lead(found: Comparison) -> Evidence:
    """Like it, where the order of the layers is all that says which is which, where files of its
    recipe resemble each other, where the likeness may be another part's, or where its layers are
    spread over several adapters: a lead."""
    return replace(weights(found), rung=Rung.HINT, kind=_LEADS[found.relation.name])


def of_likeness(found: Comparison) -> Evidence | None:
    """What a likeness says; None where it is none of a copy."""
    if found.is_copy:
        return weights(found)
    return lead(found) if found.is_lead else None


def size_is_false(proof: Evidence) -> Evidence:
    """The same, where the list gives the removed file another size: bytes that were read are not
    outweighed by that."""
    return replace(
        proof,
        why=f"{proof.why} The size that a list gives is false.",
        figures={**proof.figures, "size_is_false": True},
    )


def never_read(stated: Evidence) -> Evidence:
    """The same, of the class that is never read."""
    return replace(stated, why=f"{stated.why} Not read: of its class only digests are compared.")


def refuted(stated: Evidence) -> Evidence:
    """What a hub states, where every byte was read and has another digest: a kind that is
    computed."""
    what = {
        "pointer": "git's name for this hidden file's pointer",
        DigestKind.SHA256.label: "the SHA-256 that the hub states",
        DigestKind.GIT_BLOB.label: "git's name for this file",
        DigestKind.SHA1.label: "the SHA-1 that the hub states",
        DigestKind.MD5.label: "the MD5 that the hub states",
    }[stated.kind]
    why = (
        f"Every byte was read, and {what} is the removed file's and not this file's: "
        "the hub's statement is false."
    )
    return Evidence(Rung.REFUTED, stated.kind, stated.value, why)


def contradiction() -> Evidence:
    """A file has one of a claim's digests of the whole file, and not another."""
    why = (
        "One of the digests that the list gives for the removed file is this file's and another is "
        "not: one of them is false, and a person has to look at it."
    )
    return Evidence(Rung.REFUTED, "contradiction", "", why)


def short(kind: DigestKind, value: bytes) -> Evidence:
    """A short hash agrees with what the hub states or with bytes that we read."""
    sizes = " and the sizes agree" if LADDER[kind].with_size else " agrees"
    why = f"The {kind.label}{sizes}; it is too short to prove anything."
    return Evidence(Rung.HINT, kind.label, value.hex(), why)


def embedded(kind: DigestKind, value: bytes) -> Evidence:
    """The file says of itself that it has a digest of the removal's."""
    why = f"The file's metadata states the removal's {kind.label}; anyone can write that."
    return Evidence(Rung.HINT, _EMBEDDED.format(kind.label), value.hex(), why)


def file_named_by_digest(value: bytes) -> Evidence:
    """The file is named by the removal's SHA-256."""
    why = "The file is named by the removed file's SHA-256."
    return Evidence(Rung.HINT, NAMED_BY_DIGEST, value.hex(), why)


def file_name() -> Evidence:
    """The file has the removed file's name. The value stays out: it is sealed."""
    return Evidence(Rung.HINT, FILE_NAME, "equal", "The file has the removed file's name.")


def path_ids() -> Evidence:
    """The path holds the removal's model and version id, or names a file by its version id."""
    why = "The path holds the removed model's numbers at its former site."
    return Evidence(Rung.HINT, PATH, "equal", why)


def gather(found: Iterable[tuple[str, Evidence]]) -> tuple[Match, ...]:
    """One match a removal, strongest first; its evidence strongest first, without repetition."""
    by_removal: dict[str, dict[tuple[Rung, str], Evidence]] = {}
    for removal, evidence in found:
        by_removal.setdefault(removal, {}).setdefault((evidence.rung, evidence.kind), evidence)
    matches = [
        Match(removal, tuple(sorted(some.values(), key=attrgetter("order"))))
        for removal, some in by_removal.items()
    ]
    return tuple(sorted(matches, key=lambda match: (-match.rung, match.removal)))


def merge(*groups: tuple[Match, ...]) -> tuple[Match, ...]:
    """Matches found in different ways, as one match a removal."""
    return gather((match.removal, e) for group in groups for match in group for e in match.evidence)
