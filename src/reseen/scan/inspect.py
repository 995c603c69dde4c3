"""What reading decides about one artifact.

What comes in: an artifact, the matches by what the hub declares of it, how far to go. What goes
out: a `ArtifactResult`. One sequence decides:

    declared match ----> as `Options.confirm` says: nothing, the header, all bytes
    no match ----------> the header, if the size could hold a removal's tensors,
                         then all bytes, if data size or layout equals a removal's;
                         else, if removals have sketches and it looks like weights,
                         the header, and as much as `scan.screen` needs
    claim doubtful ----> as no match
    doubtful statement -> as no match; all bytes, if a declared match were to be read in full: of
                         the hub's two digests, or of the claim's, one is false

What was read before counts: `wants_reading` asks only for what that leaves open. Bytes pass through
and are forgotten. What is read is bounded by the file's declared size, by a budget that one visit
shares, and by one that the scan shares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

from reseen.errors import (
    FileError,
    HubAuth,
    HubBusy,
    HubError,
    HubGarbage,
    HubMissing,
    Malformed,
    bulkhead,
)
from reseen.files.source import Range, Reader
from reseen.files.system_limits import time_for
from reseen.files.tensors import Listing
from reseen.fingerprints.digests import BLOCK, Fingerprinter, Inside, look_inside
from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import WEAK
from reseen.hubs.hub import Hub, drive
from reseen.match.evidence import merge
from reseen.match.ladder import DOUBT, Header, header_agrees
from reseen.match.registry_index import RegistryIndex
from reseen.observed.artifacts import ENDED, Inspection
from reseen.observed.readings import UNREAD, ReadSoFar, file_of
from reseen.records import (
    Artifact,
    Confirmed,
    Container,
    DigestKind,
    Fingerprint,
    JudgedBy,
    Match,
    Problem,
    Rung,
)
from reseen.registry import never_read
from reseen.registry.never_read import SKIPPED, ended, forbids
from reseen.scan import read_result
from reseen.scan.budget import SPENT, Budget, Kind
from reseen.scan.context import ReadContext
from reseen.scan.outage import STORAGE_AWAY
from reseen.scan.read_result import (
    AWAY,
    LIMIT,
    NO_SIZE,
    OTHERWISE,
    ReadResult,
    blind_to,
    too_large,
    where,
    with_trouble,
)
from reseen.scan.target import Confirm, Options
from reseen.updates.peft import PeftConfig
from reseen.updates.plan import plan

T = TypeVar("T")

SMALLEST = 4 << 10
"""Bytes below which no adapter has modules enough to be recognised by."""
SMALLEST_ROWS = 1 << 10
"""Bytes below which nothing is looked into where a removal is an embedding: of one row."""
OTHER_ENDINGS = tuple(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "webp", "gif", "svg", "mp4", "webm", "mp3", "wav", "flac", "ogg"),
        *("md", "txt", "json", "jsonl", "csv", "tsv", "parquet", "arrow", "yaml", "yml", "toml"),
        *("py", "ipynb", "js", "ts", "css", "html", "xml", "pdf", "tex", "gitattributes"),
        *("7z", "rar", "gz", "tar", "tgz", "bz2", "xz", "zst"),
    )
)
"""Names of pictures, sound, text, tables, code and archives (a zip excepted, of which parts can be
read): most of a hub's files. Hashes find a removal under any name; its altered copies are not
looked for under these, and that is counted."""
BY_NAME = "files named as no weights: not read for altered copies"
GATED = "files behind a gate: not read for altered copies"
DOWNLOADS = "files whose reading may count as a download: not read, as the settings say"
SIZES = "files of a hub that states no sizes: not read"
WHOLE = "files of a hub that hands out no parts of files: not read but to confirm them in full"


@dataclass(frozen=True, slots=True)
class ArtifactResult:
    """One artifact, with all that was found out about it."""

    artifact: Artifact
    matches: tuple[Match, ...] = ()
    """Above the hint rung: each becomes a sighting. Its evidence holds the hints as well."""
    hints: tuple[Match, ...] = ()
    """Removals with nothing but hints: never a sighting."""
    confirmed: Confirmed = Confirmed.NONE
    """How far the hub's claim about the file was checked."""
    inspection: Inspection | None = None
    judged: JudgedBy | None = None
    """By what was read of it, and what was not; None: reading it was not tried."""
    doubted: bool = False
    """The hub states one digest of a claim, and not another: that claim gives it nothing."""
    parts: tuple[Artifact, ...] = ()
    """The files that it consists of, where it is a model in several."""


def wants_reading(
    artifact: Artifact,
    matches: tuple[Match, ...],
    before: ReadSoFar,
    known: RegistryIndex,
    options: Options,
) -> bool:
    """Is there anything that this artifact's bytes could still decide? `before`: what they told."""
    if options.confirm is Confirm.NONE or artifact.size == 0 or is_read(before, known):
        return False
    if artifact.member:
        return False  # it is read with its archive, or not at all
    if forbids(known, artifact):
        return False
    if options.whole:
        return True
    if before.full and before.near:
        return options.edited  # layers of a checkpoint
    if before.full:
        before = replace(UNREAD, claims=before.claims)
    header = before.container is not None
    if options.confirm is Confirm.FULL and known.doubts(artifact):
        return True
    if matches:
        unchecked = not header or Confirmed.NONE in before.claims
        if options.confirm is Confirm.FULL or unchecked:
            return True
        if not _is_doubted(artifact, matches, before, known):
            return False
    if not options.edited:
        return False
    if before.unrecorded and before.claims and not matches and known.sketched:
        return True  # it stands on its weights, and what of it was not read nobody can say
    if header and (before.data_size is not None or before.layout is not None):
        if known.could_hold(artifact.size, before.data_size, before.layout):
            return True
    elif not header and known.could_hold(artifact.size):
        return True
    if is_plausible(artifact, known) and artifact.path.lower().endswith(".zip"):
        return not before.looked  # what is in it may be an exact copy, too
    if not known.sketched or not is_plausible(artifact, known) or is_named_otherwise(artifact):
        return False
    if not before.looked or before.near:
        return True
    return bool(before.modules) and bool(known.could_match(before.modules))


def is_read(before: ReadSoFar, known: RegistryIndex) -> bool:
    """Was all read that may be? A reading that ended at the digests, for the class of its file,
    was; but not when that class was taken back."""
    return (
        before.full
        and not before.near
        and (not before.ended or any(known.is_never_read(*each) for each in before.ended))
    )


def _is_doubted(
    artifact: Artifact, matches: tuple[Match, ...], before: ReadSoFar, known: RegistryIndex
) -> bool:
    """Does what was read of the header disagree with the hub's claim?"""
    header = Header(before.container, before.data_size, before.layout, before.problem)
    return not all(header_agrees(known.claims(match), artifact.size, header) for match in matches)


def is_plausible(artifact: Artifact, known: RegistryIndex) -> bool:
    """Is it large enough for weights that can be recognised?"""
    return artifact.size is not None and artifact.size >= smallest(known.has_rows)


def smallest(has_rows: bool) -> int:
    """Bytes from which a file is worth a look. `has_rows`: a removal is an embedding."""
    return SMALLEST_ROWS if has_rows else SMALLEST


def is_named_otherwise(artifact: Artifact) -> bool:
    """Does its name say that it is no file of weights?"""
    return artifact.path.lower().endswith(OTHER_ENDINGS)


async def read(context: ReadContext, artifact: Artifact, matches: tuple[Match, ...]) -> ReadResult:
    """Read as much of an artifact as decides something. A hub's error is a problem, not raised."""
    hub, known, options, budget = context.hub, context.known, context.options, context.budget
    if forbids(known, artifact):
        return ReadResult(skipped=SKIPPED, unread=read_result.CLASS)
    if budget.refused:
        return ReadResult(unread=read_result.GATED)
    if budget.scan.left <= 0:
        return ReadResult(skipped=SPENT, left=True, unread=LIMIT)
    size = artifact.size
    if not hub.abilities.reads:
        return ReadResult(skipped=DOWNLOADS, left=True, unread=read_result.FORBIDDEN)
    if not hub.abilities.sizes:
        return ReadResult(skipped=SIZES, unread=NO_SIZE)
    if size is None:
        unstated = Problem(where(artifact), "not read: the hub does not state its size")
        return ReadResult(problem=unstated, unread=NO_SIZE)
    if not context.storage.may_ask():
        return ReadResult(skipped=STORAGE_AWAY, left=True, unread=AWAY)
    inspection: Inspection | None = None
    confirmed = Confirmed.NONE
    ranges = hub.abilities.ranges
    in_full = options.confirm is Confirm.FULL and (bool(matches) or known.doubts(artifact))
    if not ranges and not in_full:
        return ReadResult(skipped=WHOLE, unread=read_result.NO_PARTS)
    inside: Inside | None = None
    try:
        if ranges:
            inside = await drive(hub, artifact, _counted(look_inside(size), budget))
            context.storage.answered()
            inspection = inspection_of(inside)
            if _lacks_layers(context, artifact):
                judged = replace(inspection, judged_by=(Rung.BYTES, Rung.TENSORS))
                return await _screen(context, artifact, inside, ReadResult(judged))
            if matches:
                confirmed, served = await _check_header(hub, artifact, matches, known, inside)
                inspection = replace(inspection, problem=served or inspection.problem)
            if not in_full and not _wants_all(matches, confirmed, known, options, artifact, inside):
                if matches and confirmed is not Confirmed.DOUBTFUL:
                    return ReadResult(inspection, confirmed)
                told = ReadResult(inspection, confirmed, listing=_kept(context, artifact, inside))
                return await _screen(context, artifact, inside, told)
        if size > min(options.max_artifact_bytes, budget.left):
            limited = too_large(artifact, size)
            return ReadResult(inspection, confirmed, limited, unread=LIMIT)
        if size > budget.scan.left:
            return ReadResult(inspection, confirmed, skipped=SPENT, left=True, unread=LIMIT)
        config = None if inside is None else await _config(hub, artifact, inside, budget)
        budget.spend(size, Kind.WHOLE)
        # What the hub states of it is computed too, so that it is known whether that is true.
        also = options.also.union(each.kind for each in artifact.others)
        came = await _read_all(hub, artifact, inside, config, also)
        fingerprint = ended(known, came)
    except HubAuth as e:
        budget.refused = True
        if not matches:
            return ReadResult(inspection, confirmed, skipped=GATED, unread=read_result.GATED)
        problem = Problem(where(artifact), f"files cannot be read: {e}", e.remedy)
        return ReadResult(inspection, confirmed, problem, unread=read_result.GATED)
    except (HubGarbage, Malformed) as e:
        # What is served is not what the hub said is there.
        problem = Problem(where(artifact), str(e), None)
        if not matches:
            return ReadResult(inspection, confirmed, problem, unread=OTHERWISE)
        doubt = Inspection(Container.UNKNOWN) if inspection is None else inspection
        inspection = replace(doubt, problem=f"{DOUBT}{e}")
        return ReadResult(inspection, Confirmed.DOUBTFUL, problem, unread=OTHERWISE)
    except HubError as e:
        problem = Problem(where(artifact), str(e), e.remedy)
        busy, missing = isinstance(e, HubBusy), isinstance(e, HubMissing)
        told = ReadResult(inspection, confirmed, problem, busy=busy, missing=missing)
        return replace(told, unread=None if missing else AWAY)
    whole = await asyncio.to_thread(read_in_full, artifact, confirmed, fingerprint, known)
    if inside is not None:
        whole = replace(whole, listing=_kept(context, artifact, inside))
    return await _layers(context, artifact, inside, whole) if options.edited else whole


def read_in_full(
    artifact: Artifact,
    confirmed: Confirmed,
    fingerprint: Fingerprint,
    known: RegistryIndex,
) -> ReadResult:
    """What all bytes of an artifact tell. Their digests stand, whatever comparing weights meets."""
    inspection = inspection_of(fingerprint)
    checked = check_bytes(artifact, confirmed, fingerprint)
    if fingerprint.sketch is None and fingerprint.rows is None:
        blind = blind_to(artifact.path, fingerprint.container, fingerprint.blind)
        return ReadResult(inspection, checked, blind=blind)
    try:
        with bulkhead():
            if fingerprint.sketch is not None:
                from reseen.scan.screen import architecture_of

                inspection = replace(inspection, architecture=architecture_of(fingerprint.sketch))
            copies = known.copies(fingerprint, known.match_digests(fingerprint))
            return ReadResult(inspection, checked, copies=copies, blind=fingerprint.blind)
    except FileError as e:
        by = tuple(rung for rung in inspection.judged_by if rung is not Rung.WEIGHTS)
        told = replace(inspection, judged_by=by)
        return with_trouble(ReadResult(told, checked, blind=fingerprint.blind), e)


def concluded(
    artifact: Artifact, matches: tuple[Match, ...], known: RegistryIndex, what: ReadResult
) -> tuple[ArtifactResult, ReadResult]:
    """As `conclude`, and what reading told; where that fails both stand, with the trouble."""
    found = matches
    try:
        with bulkhead():
            found = merge(matches, what.copies) if what.copies else matches
            return conclude(artifact, matches, known, what), what
    except FileError as e:
        what = with_trouble(what, e)
        told = ArtifactResult(
            artifact,
            found,
            confirmed=what.confirmed,
            inspection=what.inspection,
            judged=what.judged,
        )
        return told, what


def conclude(
    artifact: Artifact, matches: tuple[Match, ...], known: RegistryIndex, what: ReadResult
) -> ArtifactResult:
    """Put what the hub declares, what reading told, and the leads together."""
    leads = known.hints(artifact)
    if what.inspection is not None:
        leads = merge(leads, known.hints_inside(what.inspection.embedded))
        if what.inspection.fingerprint is not None:
            leads = merge(leads, known.match_digests(what.inspection.fingerprint))
    every = merge(matches, leads, what.copies) if leads or what.copies else matches
    return ArtifactResult(
        artifact=artifact,
        matches=tuple(match for match in every if match.rung > Rung.HINT),
        hints=tuple(match for match in every if match.rung == Rung.HINT),
        confirmed=what.confirmed,
        inspection=what.inspection,
        judged=what.judged,
        doubted=known.doubts(artifact),
    )


# -- the steps -----------------------------------------------------------------------------------


def _lacks_layers(context: ReadContext, artifact: Artifact) -> bool:
    """Was every byte of it read, and are layers left of the checkpoint that it is?"""
    before = context.before.get(file_of(artifact), UNREAD)
    return before.full and before.near


def _kept(context: ReadContext, artifact: Artifact, inside: Inside) -> Listing | None:
    return inside.listing if artifact.path in context.of_several else None


async def _layers(
    context: ReadContext, artifact: Artifact, inside: Inside | None, so_far: ReadResult
) -> ReadResult:
    """The same with some layers of a checkpoint, of which all bytes went by; but not of a file of
    the class that is never read. What all bytes told stands, whatever this meets."""
    read = so_far.inspection
    if inside is None or inside.listing is None or read is None or read.problem is not None:
        return so_far
    if read.sketch is not None or read.rows is not None or forbids(context.known, artifact):
        return so_far
    from reseen.scan.checkpoint import read_checkpoint  # numpy, as above

    try:
        with bulkhead():
            listing, clock = inside.listing, time_for(artifact.size or 0)
            return await read_checkpoint(context, artifact, listing, so_far, clock)
    except HubError:
        return replace(so_far, inspection=replace(read, near=True), unread=AWAY, left=True)
    except FileError as e:
        return with_trouble(so_far, e)


def _counted(reader: Reader[T], budget: Budget) -> Reader[T]:
    """The same reader, its bytes counted."""
    wanted = next(reader)
    while True:
        data = yield wanted
        budget.spend(len(data), Kind.HEADERS)
        try:
            wanted = reader.send(data)
        except StopIteration as stop:
            result: T = stop.value
            return result


async def _check_header(
    hub: Hub, artifact: Artifact, matches: tuple[Match, ...], known: RegistryIndex, inside: Inside
) -> tuple[Confirmed, str | None]:
    """Does the header agree with the claim that this is a removal's file; and what is wrong with
    how the file is served, if anything is."""
    assert artifact.size is not None
    header = Header(inside.container, inside.data_size, inside.layout, inside.problem)
    for match in matches:
        if not header_agrees(known.claims(match), artifact.size, header):
            return Confirmed.DOUBTFUL, None
    # The last byte is there, and none after it: the file has the size that was stated.
    end = await hub.read(artifact, Range(artifact.size - 1, 2))
    if len(end) == 1:
        return Confirmed.HEADER, None
    return Confirmed.DOUBTFUL, f"{DOUBT}it has another length"


def _wants_all(
    matches: tuple[Match, ...],
    confirmed: Confirmed,
    known: RegistryIndex,
    options: Options,
    artifact: Artifact,
    inside: Inside,
) -> bool:
    if options.whole:
        return True
    if matches and confirmed is not Confirmed.DOUBTFUL:
        return False
    if not options.edited or (inside.data_size is None and inside.layout is None):
        return False
    return known.could_hold(artifact.size, inside.data_size, inside.layout)


async def _screen(
    context: ReadContext, artifact: Artifact, inside: Inside, so_far: ReadResult
) -> ReadResult:
    """Is it an altered copy?"""
    if not context.known.sketched or not context.options.edited:
        return so_far
    from reseen.scan.screen import screen  # numpy, which a scan by hashes alone does not need

    screened: ReadResult = await screen(context, artifact, inside, so_far)
    return screened


async def _config(
    hub: Hub, artifact: Artifact, inside: Inside, budget: Budget
) -> PeftConfig | None:
    """What stands beside the file, where it may change what is read of it."""
    if inside.listing is None:
        return None
    made = await asyncio.to_thread(plan, inside.listing)
    if not made.asks_for_config:
        return None
    from reseen.scan.screen import config_beside

    return await config_beside(hub, artifact, budget)


async def _read_all(
    hub: Hub,
    artifact: Artifact,
    inside: Inside | None,
    config: PeftConfig | None,
    also: Collection[DigestKind],
) -> Fingerprint:
    """Every byte, through the hashes. Raises Malformed when there are more or fewer than stated."""
    size = artifact.size or 0
    fingerprinter, clock = Fingerprinter(size, inside, config, also=also), time_for(size)
    block = bytearray()
    async for chunk in hub.stream(artifact, size):
        block += chunk
        if len(block) >= BLOCK:
            # Hashing lets go of the interpreter; other visits go on meanwhile.
            await asyncio.to_thread(clock.run, fingerprinter.update, bytes(block))
            block.clear()
    fingerprinter.update(bytes(block))
    return await asyncio.to_thread(clock.run, fingerprinter.finish)


def check_bytes(artifact: Artifact, before: Confirmed, read: Fingerprint) -> Confirmed:
    """All bytes are known: is all that the hub states of them true?"""
    sha256 = read.digest(DigestKind.SHA256)
    assert sha256 is not None
    computed = [(said, read.digest(said.kind)) for said in artifact.declared]
    known = [(said, found) for said, found in computed if found is not None]
    # By weak ones only where nothing better is known: an ETag may be no MD5 at all.
    sure = [each for each in known if each[0].kind not in WEAK and not each[0].kind.is_short]
    true = [said == found for said, found in sure or [e for e in known if e[0].kind in WEAK]]
    pointer = artifact.git_oid if artifact.lfs or artifact.masked else None
    if pointer is not None and artifact.sha256 is None:
        true.append(pointer_oid(sha256.value, read.size) == pointer)
    if not true:
        return before  # a Xet hash alone: not computed here
    return Confirmed.BYTES if all(true) else Confirmed.CONTRADICTED


def inspection_of(inside: Inside | Fingerprint) -> Inspection:
    """What a header told, or all bytes."""
    header = Inspection(
        container=inside.container,
        data_size=inside.data_size,
        layout=inside.layout,
        embedded=inside.embedded,
        problem=inside.problem,
    )
    if isinstance(inside, Inside):
        return header
    return replace(
        header,
        problem=ENDED if inside.no_sketch == never_read.WHY else header.problem,
        full=True,
        digests=inside.digests,
        sketch=inside.sketch,
        further=inside.further_sketches,
        rows=inside.rows,
        architecture="",
        fingerprint=inside,
        judged_by=inside.judged.rungs,
    )
