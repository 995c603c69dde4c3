"""Words by which a list says that something in it is not a removed file.

What comes in: a heading, or a value of a status. What goes out: whether the column is of another
thing than the file (its base model, its preview, its uploader), and whether the row is of a model
that was not removed or stands again. Who is taken for removed by mistake is accused wherever the
file stands, so these words count in the languages in which lists come; a word that could mean
either is none of them.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache

from reseen.registry.lists.status_words import (
    REMOVED_PARTS,
    SETTLED,
    STANDING,
    STANDING_ALONE,
    STANDING_PARTS,
    UNSETTLED,
    UNSETTLED_PARTS,
)

_OTHERS = frozenset(
    {
        *("base", "basemodel", "vae", "image", "images", "img", "cover", "dataset", "encoder"),
        *("user", "users", "owner", "author", "account", "email", "ip", "ticket", "issue", "case"),
        *("report", "reporter", "evidence", "screenshot", "screenshots", "photo", "icon", "avatar"),
        *("imagen", "imagenes", "portada", "autor", "cuenta", "usuario", "padre"),  # Spanish
        *("auteur", "compte", "utilisateur", "apercu", "capture"),  # French
        *("basis", "bild", "bilder", "konto", "nutzer", "urheber", "melder", "beleg"),  # German
        *("dependency", "dependencies", "requires", "requirement", "requirements", "vaes"),
        *("pohja", "pohjamalli", "kuva", "bazowy", "immagine", "imagem", "afbeelding"),
        *("infohash", "btih", "torrent", "commit"),  # 40 digits too, and of no file
        *("based", "derived", "finetuned", "basiert", "basato", "basado", "baseado"),
    }
)
"""Whole words of headings that tell of another thing than the removed file."""

_STEMS = (
    *("parent", "preview", "thumb", "upload", "creator", "poster", "profile", "basemodel"),
    *("basismodell", "basemodell", "grundmodell", "ausgangsmodell", "vorschau", "benutzer"),
    *("hochlade", "vignette", "miniatur", "createur", "creador", "perfil", "profil"),
    *("pohjamalli", "esikatselu", "basismodel", "voorbeeld", "anteprima"),
)
"""As `_OTHERS`, of words that begin so: German joins them, and so do keys of programs."""

_PARTS = (
    *(
        "底模",
        "基模",
        "基础",
        "基礎",
        "预览",
        "預覽",
        "封面",
        "图片",
        "圖片",
        "作者",
        "上传",
        "上傳",
    ),
    *("ベース", "プレビュー", "サムネ", "画像", "投稿者", "作成者"),
    *("베이스", "기본모델", "기본 모델", "미리보기", "이미지", "작성자"),
    *("базов", "превью", "изображ", "обложк", "автор", "база", "исходной модел", "родител"),
    *("الأساس", "الاساس", "معاينة", "صورة", "الناشر"),
)
"""As `_OTHERS`, in writings that are not Latin."""

_ENDINGS = re.compile(r"(?:sha2(?:56)?|hash|hashes|checksum|digest|url|link|id|ids)\Z")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_LONGEST_STATUS = 40

_OTHER_KINDS = frozenset(
    {
        *("preview", "image", "picture", "photo", "thumbnail", "cover", "screenshot", "video"),
        *("avatar", "icon", "poster", "vae", "base", "config", "configuration", "dataset"),
        *("training data", "text encoder", "readme", "license", "licence", "documentation"),
        *("example image", "sample image", "sample", "text", "audio", "metadata"),
        *("apercu", "vorschau", "bild", "imagen", "vista previa", "basismodell"),
    }
)
"""What an entry of files says that it is, where it is not the model itself."""

_AROUND_TITLES = "#/;-*=_:|>[]() \t"
_NO_MODEL_NAMES = re.compile(
    r"\.(?:png|jpe?g|webp|gif|bmp|tiff?|svg|avif|heic|mp4|webm|mov|mkv|avi|mp3|wav|flac|ogg"
    r"|md|txt|rst|pdf|html?|css|jsonl?|ya?ml|toml|ini|cfg|xml|csv|tsv|log|py|ipynb|js|ts"
    r"|info|gitattributes|gitignore)\Z"
    r"|(?:\A|/)(?:readme|licen[cs]e|notice|changelog|makefile|dockerfile)\Z",
    re.IGNORECASE,
)

_PUBLIC_NAMES = re.compile(
    r"(?:\A|/)(?:(?:sd_xl_(?:base|refiner|turbo)_1\.0|v1-5-pruned|sd-v1-[1-5]|v2-1_(?:512|768)"
    r"|512-base|768-v|sd3(?:\.5)?_(?:medium|large)|flux1-(?:dev|schnell)|t5xxl|umt5[_-]xxl"
    r"|animefull|vae-ft-(?:mse|ema)|kl-f8-anime|sdxl[._-]vae)[\w.-]*"
    r"|ae|clip_[glh]|[\w.-]+\.vae)\.(?:safetensors|ckpt|pt|pth|bin|gguf|sft)\Z",
    re.IGNORECASE,
)
"""Names under which public base models and their parts lie beside others' models."""

_FALSE = frozenset({"no", "n", "false", "f", "0", "non", "nein", "falsch", "faux", "falso"})
"""What is written where it is asked whether something was removed."""


def _plain(text: str) -> str:
    """Words without case, accents and what stands between them."""
    text = unicodedata.normalize("NFKD", text[:200].casefold())
    return " ".join(re.findall(r"[a-z0-9]+", text.encode("ascii", "ignore").decode()))


_STANDING = frozenset(
    f"{spelled}{end}"
    for each in map(_plain, STANDING)
    for spelled in (each, each.replace(" ", ""))
    for end in ("", "s")
)
_LONGEST = max(each.count(" ") + 1 for each in _STANDING)
_EVENT = re.compile(r"[A-Za-z]{1,20}(?:[.:/][A-Za-z]{1,20}){0,3}[.:/]([A-Za-z]{1,20})\Z")
_FIRST = frozenset(each.partition(" ")[0] for each in _STANDING)
_FIRST_WORD = re.compile(r"[^\W_]+")
_PARTED = re.compile(r"[–—;:()\[\]|\n]|,\s|\s-\s")
_SEVERAL = re.compile(r"[;,|\n()\[\]–—]|\s-\s")
_WHO = re.compile(
    r"\A(?:please|we|i|it|they|these|this|those|he|she|the models?)\s+"
    r"(?:(?:was|were|have|has|had|are|is|been|be|got)\s+){0,2}",
    re.IGNORECASE,
)
_GONE = frozenset({"again", "later", "down", "then"})
"""Words behind which a status says that it did not stay so ("restored, then removed")."""


_PEOPLE = (
    *("user", "owner", "author", "account", "email", "ip", "ticket", "issue", "case", "report"),
    *("evidence", "upload", "creator", "poster", "profil", "autor", "cuenta", "usuario", "auteur"),
    *("compte", "utilisateur", "konto", "nutzer", "benutzer", "urheber", "melder", "beleg"),
    *("hochlade", "createur", "creador", "perfil"),
)
"""How those of these words begin that tell of people and cases: under them lists keep the models
of each ({"uploads": [...]})."""


def is_of_other_files(key: str) -> bool:
    """Whether an array's name tells of other files than the model's (previews, a base model)."""
    words = [word.casefold() for word in _WORDS.findall(key[:200])]
    return is_of_another(key) and not any(word.startswith(_PEOPLE) for word in words)


def is_of_another(heading: str) -> bool:
    """Whether a heading tells of another thing than the removed file: what stands below it is then
    taken for nothing by its looks."""
    text = unicodedata.normalize("NFKD", heading[:200])
    if not text.isascii():
        whole = unicodedata.normalize("NFKC", text).casefold()
        if any(part in whole for part in _PARTS):
            return True
        text = text.encode("ascii", "ignore").decode()
    for word in _WORDS.findall(text):
        plain = word.casefold()
        if plain in _OTHERS or _ENDINGS.sub("", plain) in _OTHERS or plain.startswith(_STEMS):
            return True
    return False


def says_not_removed(text: str | None) -> bool:
    """Whether a status, a title or a sheet's name says that models were not removed, or stand
    again: it is one of the known ways to say it, or begins so ("reinstated after appeal"). Of the
    name of an event, its last part counts too ("model.restored")."""
    text = text or ""
    if not text.isascii() and len(text) <= _LONGEST_STATUS:
        whole = unicodedata.normalize("NFKC", text).casefold()
        if any(part in whole for part in STANDING_PARTS):
            return True
    first = _FIRST_WORD.search(text, 0, 200)
    if first is None:
        return False
    if first[0].isascii() and first[0].lower() not in _FIRST:  # nearly all
        event = _EVENT.match(text)
        return event is not None and says_not_removed(event[1])
    words = _plain(text).split(" ")
    begun = (" ".join(words[:count]) for count in range(1, min(len(words), _LONGEST) + 1))
    return any(each in _STANDING for each in begun) and _GONE.isdisjoint(words)


class TitleSays(IntEnum):
    """What a title says of the models below it."""

    NO = 0
    """Nothing, or that they were removed."""
    UNSETTLED = 1
    """That they were not removed, or not yet: elsewhere they may have been."""
    YES = 2
    """That they stand, or stand again."""


def title_stands(title: str) -> TitleSays:
    """As `says_not_removed`, of a title: any part of it may say so ("Appeals - back up"), but for
    those behind one that tells of removed models ("Removed; pending: none")."""
    if _plain(title) in STANDING_ALONE:
        return TitleSays.YES
    for part in _PARTED.split(title[:200]):
        part = part.strip(_AROUND_TITLES)
        for said in (part, _WHO.sub("", part)):
            if says_not_removed(said):
                return TitleSays.UNSETTLED if is_unsettled(said) else TitleSays.YES
        if says_removed(part):
            return TitleSays.NO
    return TitleSays.NO


def is_unsettled(text: str | None) -> bool:
    """Whether what says that a model was not removed tells of a case alone (pending, declined)."""
    text = (text or "")[:_LONGEST_STATUS]
    if not text.isascii():
        whole = unicodedata.normalize("NFKC", text).casefold()
        if any(part in whole for part in UNSETTLED_PARTS):
            return True
    return _plain(text).startswith(UNSETTLED)


@lru_cache(maxsize=128)
def status_stands(text: str | None) -> bool:
    """As `says_not_removed`, of a status, a label or several: any of them may say so."""
    if text is None or says_not_removed(text):
        return text is not None
    return any(map(says_not_removed, _SEVERAL.split(text[:200])[1:]))


def says_removed(text: str) -> bool:
    """Whether a status says that a model was removed."""
    text = text[:200].casefold()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text += unicodedata.normalize("NFC", "".join(c for c in parts if not _is_accent(c)))
    return any(part in text for part in REMOVED_PARTS) and not says_not_removed(text)


@lru_cache(maxsize=128)
def is_undecided(text: str | None) -> bool:
    """Whether a status is none of those that tell of a removed model: what it means then, where
    most others say that theirs was removed, nobody knows."""
    return text is not None and not says_removed(text) and _plain(text) not in SETTLED


def _is_accent(letter: str) -> bool:
    return unicodedata.combining(letter) > 0


def still_standing(title: str, before: TitleSays) -> TitleSays:
    """Whether the lines below a title are of models that were not removed: since one that said so
    (`before`), until one that tells of removed ones."""
    return title_stands(title) or (TitleSays.NO if before and says_removed(title) else before)


def is_another_kind(text: str | None) -> bool:
    """Whether what a list calls the kind of a file is another than a model ("preview")."""
    plain = _plain(text or "")
    first = plain.partition(" ")[0]
    return not _OTHER_KINDS.isdisjoint({plain, plain.removesuffix("s"), first})


def is_no_model_name(name: str) -> bool:
    """Whether a file's name is of a picture, a text, a configuration or a public base model: what
    has that hash is in many places, and nobody's removed model."""
    name = name.strip().replace("\\", "/")
    return bool(_NO_MODEL_NAMES.search(name) or _PUBLIC_NAMES.search(name))


def says_no(value: object) -> bool:
    """Whether a value answers "no" to the question whether a model was removed."""
    return value is False or (isinstance(value, str) and value.strip().casefold() in _FALSE)


_TICKS = frozenset(
    {*("x", "xx", "✓", "✔", "☑", "✅", "•", "*", "+", "1", "0", "y", "yes", "true", "t", "ja", "j")}
    | {*("oui", "o", "si", "s", "sim", "da", "да", "是", "はい", "예", "نعم", "evet", "tak")}
    | _FALSE
)
"""What stands in a column in which something is ticked or answered."""


def is_tick(value: object) -> bool:
    """Whether a value ticks something, or answers yes or no."""
    if isinstance(value, float) and value in (0, 1):
        return True
    text = unicodedata.normalize("NFKD", str(value).strip().casefold()[:8])
    return "".join(c for c in text if not _is_accent(c)) in _TICKS
