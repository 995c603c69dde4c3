"""The words by which values of other rooms are shown: marked here to be translated.

The rooms keep them as they stand in the store, in JSON and on the command line, in English. A page
shows one as `{{ state.value|fixed("notice") }}`: the second word is the context under which it is
marked here. A value without its word fails a test.
"""

from __future__ import annotations

from reseen.web.speech import NP_

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
    NP_("column", "ignore"),
    NP_("column", "nothing"),
)
"""What a column of a list is taken as; the names of digests are the same in every language."""
