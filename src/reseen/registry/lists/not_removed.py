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
    *("базов", "превью", "изображ", "обложк", "автор", "база"),
)
"""As `_OTHERS`, in writings that are not Latin."""

_ENDINGS = re.compile(r"(?:sha2(?:56)?|hash|hashes|checksum|digest|url|link|id|ids)\Z")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_NOT_REMOVED = (
    *("not removed", "never removed", "not deleted", "reinstated", "re instated", "restored"),
    *("unbanned", "unblocked", "reactivated", "false positive", "false alarm", "kept", "keep"),
    *("no action", "no violation", "not violating", "not a violation", "allowed", "allowlisted"),
    *("whitelisted", "allow list", "allowlist", "white list", "whitelist", "cleared", "innocent"),
    *("appeal granted", "appeal accepted", "appeal successful", "overturned", "reversed"),
    *("removal reversed", "removal withdrawn", "mistake", "removed by mistake", "in error"),
    *("removed in error", "pending", "pending review", "under review", "in review"),
    *("restore", "reinstate", "unremoved", "undeleted", "undelete", "unban", "unblock"),
    *("stands again", "we keep these", "we keep the following", "we keep this"),
    *("appeal won", "appeal upheld", "do not remove", "please do not remove", "don t remove"),
    *("please don t remove", "not to be removed", "must not be removed"),
    *("won t do", "won t fix", "not planned", "declined", "cancelled", "canceled"),
    *("exonerated", "acquitted", "live again", "back online", "benign", "harmless"),
    *("ne pas supprimer", "a conserver", "sans suite", "remis en ligne", "remise en ligne"),
    *("nicht entfernen", "nicht loschen", "bitte nicht entfernen", "bitte nicht loschen"),
    *("wieder freigegeben", "wieder online", "wieder da", "zuruckgenommen"),
    *("no eliminar", "no retirar", "no borrar", "rehabilitado", "reactivado", "absuelto"),
    *("ripristinato", "mantenuto", "mantido", "przywrocony", "hersteld", "behouden"),
    *("retabli", "retablie", "restaure", "restauree", "conserve", "conservee", "faux positif"),
    *("fausse alerte", "aucune action", "non supprime", "en attente", "liste blanche"),
    *("wiederhergestellt", "behalten", "nicht entfernt", "nicht geloscht", "falsch positiv"),
    *("fehlalarm", "kein verstoss", "in prufung", "ausstehend", "erlaubt", "freigegeben"),
    *("restablecido", "restaurado", "conservado", "falso positivo", "sin accion", "permitido"),
    *("no eliminado", "pendiente", "en revision", "lista blanca"),
)
"""What a status, a sheet's name or a title says of models that were not removed, are not yet, or
stand again; compared as `_plain` makes it."""

_NOT_REMOVED_PARTS = (
    *("восстанов", "возвращ", "оставлен", "ложное", "ложная", "ошибочно", "не удал", "не нарушает"),
    *("на рассмотрении", "разрешен", "відновлен", "помилков"),
    *("恢复", "恢復", "复原", "保留", "误判", "誤判", "误报", "誤報", "未删除", "未刪除", "误删"),
    *("待审", "撤销删除", "白名单", "復元", "復活", "復旧", "誤検", "誤削除", "削除しない", "維持"),
    *("審査中", "복원", "복구", "오탐", "유지", "삭제 안", "삭제하지", "검토 중"),
)
"""As `_NOT_REMOVED`, in writings that are not Latin; anywhere in a short text."""
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
_OF_REMOVED = re.compile(
    r"\b(?:removed|removals|deleted|taken down|takedowns?|banned|blocked)\b", re.IGNORECASE
)
_NO_MODEL_NAMES = re.compile(
    r"\.(?:png|jpe?g|webp|gif|bmp|tiff?|svg|avif|heic|mp4|webm|mov|mkv|avi|mp3|wav|flac|ogg"
    r"|md|txt|rst|pdf|html?|css|jsonl?|ya?ml|toml|ini|cfg|xml|csv|tsv|log|py|ipynb|js|ts"
    r"|info|gitattributes|gitignore)\Z"
    r"|(?:\A|/)(?:readme|licen[cs]e|notice|changelog|makefile|dockerfile)\Z",
    re.IGNORECASE,
)

_FALSE = frozenset({"no", "n", "false", "f", "0", "non", "nein", "falsch", "faux", "falso"})
"""What is written where it is asked whether something was removed."""


def _plain(text: str) -> str:
    """Words without case, accents and what stands between them."""
    text = unicodedata.normalize("NFKD", text[:200].casefold())
    return " ".join(re.findall(r"[a-z0-9]+", text.encode("ascii", "ignore").decode()))


_STANDING = frozenset(
    f"{spelled}{end}"
    for each in map(_plain, _NOT_REMOVED)
    for spelled in (each, each.replace(" ", ""))
    for end in ("", "s")
)
_LONGEST = max(each.count(" ") + 1 for each in _STANDING)
_EVENT = re.compile(r"[A-Za-z]{1,20}(?:[.:/][A-Za-z]{1,20}){0,3}[.:/]([A-Za-z]{1,20})\Z")
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
        if any(part in whole for part in _NOT_REMOVED_PARTS):
            return True
    if (event := _EVENT.match(text)) and says_not_removed(event[1]):
        return True
    plain = _plain(text)
    words = plain.split(" ")
    begun = (" ".join(words[:count]) for count in range(1, min(len(words), _LONGEST) + 1))
    return any(each in _STANDING for each in begun) and _GONE.isdisjoint(words)


def still_standing(title: str, before: bool) -> bool:
    """Whether the lines below a title are of models that were not removed: since one that said so
    (`before`), until one that tells of removed ones."""
    title = title.strip(_AROUND_TITLES)
    return says_not_removed(title) or (before and _OF_REMOVED.search(title) is None)


def is_another_kind(text: str | None) -> bool:
    """Whether what a list calls the kind of a file is another than a model ("preview")."""
    plain = _plain(text or "")
    first = plain.partition(" ")[0]
    return not _OTHER_KINDS.isdisjoint({plain, plain.removesuffix("s"), first})


def is_no_model_name(name: str) -> bool:
    """Whether a file's name is of a picture, a text or a configuration: what has that hash is in
    many places, and nobody's removed model."""
    return _NO_MODEL_NAMES.search(name.strip().replace("\\", "/")) is not None


def says_no(value: object) -> bool:
    """Whether a value answers "no" to the question whether a model was removed."""
    return value is False or (isinstance(value, str) and value.strip().casefold() in _FALSE)
