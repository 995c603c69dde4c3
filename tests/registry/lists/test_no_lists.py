"""Files in which a list stands in lines that are no rows: one clear word, and nothing is taken."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from pathlib import Path

import pytest

from reseen.errors import ListError
from reseen.registry.imports import ImportOptions, read_list

OPTIONS = ImportOptions(keep_rejects=False)
DIGESTS = [sha256(b"dumped %d" % number).hexdigest() for number in range(3)]
LINK = "https://civitai.com/models/1011?modelVersionId=2011&utm_source=mail&utm_medium=newsletter"


def mail(encoding: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["Subject"], made["From"], made["To"] = "Removed", "a@example.org", "b@example.org"
    made.set_content("".join(f"{each}  x {LINK}\n" for each in DIGESTS), cte=encoding)
    return bytes(made)


NO_LISTS = {
    "mail": mail("quoted-printable"),
    "mail in base64": mail("base64"),
}


@pytest.mark.parametrize("kind", NO_LISTS)
def test_a_mail_is_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(NO_LISTS[kind])
    with pytest.raises(ListError, match=r"^this is a mail and no list$") as no:
        read_list(path, OPTIONS)
    assert no.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "From: a@example.org\nSubject: removed\n\n{}\n",
        "name,sha256\nCOPY of a model,{}\nINSERT,INTO\n",
        "-- removed, from a dump\n{}\n",
    ],
)
def test_plain_text_that_only_begins_so_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text.format(DIGESTS[0]))
    (draft,) = read_list(path, OPTIONS).drafts
    assert [each.hex for each in draft.digests] == DIGESTS[:1]
