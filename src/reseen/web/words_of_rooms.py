"""The words by which values of other rooms are shown: marked here to be translated.

The rooms keep them as they stand in the store, in JSON and on the command line, in English. A page
shows one as `{{ state.value|fixed("notice") }}`: the second word is the context under which it is
marked here. A value without its word fails a test.
"""

from __future__ import annotations

from reseen.web.speech import N_, NP_

ROLES = (
    NP_("role", "reader"),
    NP_("role", "reviewer"),
    NP_("role", "lead"),
    NP_("role", "administrator"),
)
RUNGS = (
    NP_("rung", "bytes"),
    NP_("rung", "tensors"),
    NP_("rung", "declared"),
    NP_("rung", "pointer"),
    NP_("rung", "weights"),
    NP_("rung", "component"),
    NP_("rung", "hint"),
    NP_("rung", "refuted"),
    NP_("rung", "unsupported"),
    NP_("rung", "confirmed, and then refuted"),
)
NOTICES = (
    NP_("notice", "drafted"),
    NP_("notice", "sent"),
    NP_("notice", "acknowledged"),
    NP_("notice", "gone"),
    NP_("notice", "refused"),
    NP_("notice", "re-seen"),
    NP_("notice", "withdrawn"),
)
CLASSES = (
    NP_("class", "other"),
    NP_("class", "likeness"),
    NP_("class", "intimate-imagery"),
    NP_("class", "child-abuse-imagery"),
)
INNOCENTS = (
    NP_("innocent", "proposed"),
    NP_("innocent", "in use"),
    NP_("innocent", "out of use"),
)
FACTS = (
    NP_("fact", "size"),
    NP_("fact", "container"),
    NP_("fact", "bytes of weights"),
    NP_("fact", "shapes and types"),
    NP_("fact", "base model"),
)
"""Of two files beside each other."""
MODULES = (
    NP_("module", "negated"),
    NP_("module", "random"),
    NP_("module", "missing"),
)
JOBS = (
    NP_("job", "waiting"),
    NP_("job", "running"),
    NP_("job", "done"),
    NP_("job", "failed"),
    NP_("job", "stopped"),
)
LETTERS = (
    NP_("letter", "notice"),
    NP_("letter", "correction"),
    NP_("letter", "withdrawal"),
)
COLUMNS = (
    NP_("column", "name"),
    NP_("column", "link"),
    NP_("column", "site"),
    NP_("column", "model id"),
    NP_("column", "version id"),
    NP_("column", "file name"),
    NP_("column", "trigger words"),
    NP_("column", "hash"),
    NP_("column", "algorithm"),
    NP_("column", "size"),
    NP_("column", "size kb"),
    NP_("column", "removed on"),
    NP_("column", "reason"),
    NP_("column", "list"),
    NP_("column", "class"),
    NP_("column", "status"),
    NP_("column", "kind"),
    NP_("column", "reinstated"),
    NP_("column", "ignore"),
    NP_("column", "nothing"),
)
"""What a column of a list is taken as; the names of digests are the same in every language."""
SIGHTINGS = (
    NP_("sighting", "live"),
    NP_("sighting", "gone"),
    NP_("sighting", "disabled"),
    NP_("sighting", "unreachable"),
)
CASES = (
    NP_("case", "open"),
    NP_("case", "second"),
    NP_("case", "decided"),
)
CHECKED = (
    NP_("checked", "none"),
    NP_("checked", "header"),
    NP_("checked", "doubtful"),
    NP_("checked", "bytes"),
    NP_("checked", "contradicted"),
)
CHECKS = (
    NP_("check", "not checked"),
    NP_("check", "header agrees"),
    NP_("check", "header disagrees"),
    NP_("check", "all bytes read"),
    NP_("check", "bytes are others"),
)
"""What the states of checking mean."""
RUNG_MEANINGS = (
    N_("The SHA-256 or BLAKE3 of bytes that we read: the same file."),
    N_(
        "The data section, or the multiset of tensors, of bytes that we read: the same "
        "weights, with an edited header or in another order."
    ),
    N_("The hub states the digest. The uploader says so: confirm by reading before acting."),
    N_(
        "The hub hides the digest; git's name for the file's pointer equals the one computed "
        "from the removal's SHA-256 and size. As declared."
    ),
    N_("The weight updates are similar: cosine, its p-value, how many modules agree."),
    N_(
        "The removal is inside a merge: its columns, or weights that no other known model "
        "explains, stand out against decoys. Other models may be in the file as well. Or it "
        "and another file of its account add up to the removal: that is known of the two "
        "together."
    ),
    N_("Short hashes, names and links. Orders the queue; never enough alone."),
    N_(
        "Refuted: the hub states a hash of the removed file, every byte was read, and they "
        "are another file's. Off the ladder: not a copy, and no evidence."
    ),
    N_(
        "No longer supported: what it stood on was withdrawn or taken back. Off the ladder, "
        "kept as history."
    ),
)
PARTS_READ = (
    NP_("part read", "headers"),
    NP_("part read", "probes"),
    NP_("part read", "whole"),
)
REPOSITORIES = (
    NP_("type", "model"),
    NP_("type", "dataset"),
    NP_("type", "space"),
)
ADVICE = (
    NP_("advice", "allow"),
    NP_("advice", "hold"),
    NP_("advice", "block"),
)
FOUND_BY = (
    NP_("found by", "its name"),
    NP_("found by", "the name of one of its files"),
    NP_("found by", "its former link"),
    NP_("found by", "its model id"),
    NP_("found by", "its version id"),
    NP_("found by", "what its list says of it"),
    NP_("found by", "its version id, from the link"),
    NP_("found by", "its model id, from the link"),
    NP_("found by", "its model id, from the link, in another version or none that is known"),
)
NOT_SEARCHED = (
    N_("Names and links: reviewers may search by them, and it is recorded."),
    N_("Names and links: they are sealed, and the key is not here."),
    N_("Accounts without a case, and parts of names."),
)
WAYS = (
    NP_("way", "e-mail"),
    NP_("way", "form"),
    NP_("way", "letter"),
    NP_("way", "phone"),
    NP_("way", "text"),
    NP_("way", "json"),
    NP_("way", "other"),
    NP_("way", "smtp"),
    NP_("way", "mail"),
    NP_("way", "webhook"),
)
"""How a step of a notice was made, and how people are notified."""
