"""What Civitai answers: lists of models, one model, where digests stand; addresses of pages."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.fuzz import chance
from tests.fuzz.cells import day, link
from tests.fuzz.chance import (
    JSON_WORDS,
    MARKER,
    digits,
    json_text,
    json_value,
    mutated,
    sum_of,
    word,
)
from tests.fuzz.play import Broken, FuzzedReader

from reseen.errors import HubError
from reseen.hubs import answers, civitai_answers
from reseen.hubs.civitai_addresses import CivitaiAddresses
from reseen.hubs.civitai_answers import Model
from reseen.observed.artifacts import commit_bytes
from reseen.records import RepoType

HASH = "9f3c71d2e58a40b6" * 4
HUB = "civitai+civitai.com"
_WORDS = (*JSON_WORDS, b'"id"', b'"files"')


@dataclass(frozen=True)
class Answered:
    body: bytes
    address: str


def _odd(rng: Random, usual: object, one_in: int = 8) -> object:
    return json_value(rng) if chance.chance(rng, one_in) else usual


def _file(rng: Random) -> object:
    sha256 = rng.choice((HASH, HASH.upper(), digits(rng, 64), HASH[:10]))
    return _odd(
        rng,
        {
            "id": _odd(rng, rng.randrange(1, 10**6)),
            "name": _odd(rng, rng.choice(("a.safetensors", "../x", "a/b", "a\\b", word(rng), ""))),
            "sizeKB": _odd(rng, rng.choice((4, 4.0, 4.0009765625, 1e300, -1, 3.3))),
            "hashes": _odd(rng, {"SHA256": _odd(rng, sha256), "AutoV2": HASH[:10].upper()}),
        },
    )


def _model(rng: Random) -> object:
    version = {
        "id": _odd(rng, rng.randrange(1, 10**6)),
        "publishedAt": _odd(rng, day(rng)),
        "files": _odd(rng, [_file(rng) for _ in range(rng.choice((0, 1, 3)))]),
    }
    creator = {"username": _odd(rng, rng.choice(("sample-account", None, "..", word(rng))))}
    return _odd(
        rng,
        {
            "id": _odd(rng, rng.choice((4711, 0, -1, 10**17, True))),
            "type": _odd(rng, "LORA"),
            "creator": _odd(rng, creator),
            "tags": _odd(rng, ["character", word(rng)]),
            "stats": _odd(rng, {"downloadCount": _odd(rng, 7)}),
            "modelVersions": _odd(rng, [_odd(rng, version) for _ in range(rng.choice((1, 2)))]),
        },
    )


def answer(rng: Random) -> Answered:
    kind = rng.randrange(3)
    value: object = _model(rng)
    if kind == 0:
        cursor = rng.choice(("made|100", 100, None, "", word(rng), "x" * 2000))
        metadata = _odd(rng, {"nextCursor": _odd(rng, cursor)})
        value = {"items": _odd(rng, [value, _model(rng)]), "metadata": metadata}
    elif kind == 1:
        entry = {"modelVersionId": 1, "modelId": _odd(rng, 4711), "hash": _odd(rng, HASH)}
        value = [_odd(rng, entry), _odd(rng, {**entry, "hash": digits(rng, 64)})]
    text = json_text(value, rng)
    body = text.encode("utf-8", "surrogatepass")
    places = (
        "https://civitai.com/models/12?modelVersionId=34",
        f"https://civitai.com/models/12/{word(rng)}?{word(rng)}",
        f"https://www.civitai.red/api/v1/models/{digits(rng, 6)}#{word(rng)}",
        link(rng),
    )
    return Answered(
        mutated(body, rng, _WORDS) if chance.chance(rng, 3) else body, rng.choice(places)
    )


def read_answer(given: Answered) -> object:
    named = CivitaiAddresses("civitai.com").named(given.address)
    if named is not None:
        CivitaiAddresses("civitai.com").repository(RepoType.MODEL, named.repo).encode("ascii")
    try:
        value = answers.parse(given.body)
    except HubError as error:
        return str(error)
    said: list[object] = [named is None]
    for take in (_listed, _present):
        try:
            said.append(take(value))
        except HubError as error:
            said.append(str(error))
    return [*said, _checked(civitai_answers.model(HUB, value))]


def _listed(value: object) -> object:
    cursor = civitai_answers.next_cursor(value)
    if cursor is not None:
        cursor.encode()
    read = [civitai_answers.model(HUB, each) for each in civitai_answers.items(value)]
    return [_checked(each) for each in read], cursor is None


def _present(value: object) -> object:
    found, strangers = civitai_answers.present(value, frozenset({bytes.fromhex(HASH)}))
    if found.keys() - {bytes.fromhex(HASH)}:
        raise Broken("what was not asked for is taken")
    return len(found), strangers


def _checked(read: object) -> object:
    """What of a model is told, and that all of it can be used."""
    if not isinstance(read, Model):
        return repr(read)
    for artifact in read.files.artifacts:
        if answers.why_unusable(artifact.path):
            raise Broken("a path that cannot be used")
        if artifact.sha256 is not None and len(artifact.sha256) != 32:
            raise Broken("a digest of another length")
        if artifact.size is not None and artifact.size < 0:
            raise Broken("a size below nothing")
        commit_bytes(artifact.revision)
    reasons = [problem.reason for problem in read.files.problems]
    if MARKER in "".join(reasons):
        raise Broken("a reason holds the input's words")
    return sum_of(read), reasons


READERS = (FuzzedReader("civitai-answer", answer, read_answer),)
