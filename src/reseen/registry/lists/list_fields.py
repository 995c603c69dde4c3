"""The fields that a list can say of a removed model, and how headings spell them.

Data: spellings in the languages in which lists come. They are compared without case, blanks and
punctuation, so "SHA-256", "sha256" and "Sha 256" are one.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache


class ListField(StrEnum):
    """What a column can say of a removed model. The value is its label for `--map`."""

    NAME = "name"
    LINK = "link"
    SITE = "site"
    MODEL_ID = "model-id"
    VERSION_ID = "version-id"
    FILE_NAME = "file-name"
    TRIGGER_WORDS = "trigger-words"
    SHA256 = "sha256"
    BLAKE3 = "blake3"
    XET = "xet"
    GIT_BLOB = "git-blob-sha1"
    DATA_SHA256 = "data-sha256"
    TENSORS_BLAKE3 = "tensors-blake3"
    AUTOV1 = "autov1"
    AUTOV2 = "autov2"
    AUTOV3 = "autov3"
    CRC32 = "crc32"
    MD5 = "md5"
    SHA1 = "sha1"
    CRC32C = "crc32c"
    CRC64_NVME = "crc64-nvme"
    HASH = "hash"
    """Some hash: which one is told by the length of each value."""
    ALGORITHM = "algorithm"
    """Which hash stands in the column of hashes."""
    SIZE = "size"
    SIZE_KB = "size-kb"
    REMOVED_ON = "removed-on"
    REASON = "reason"
    STATUS = "status"
    """What became of the model: one that was not removed, or stands again, is no removal."""
    KIND = "kind"
    """What the row's file is: one that is a preview or a configuration is no removal."""
    REINSTATED = "reinstated"
    """Whether, or when, the model was put back, or the removal found to be a mistake."""
    LIST = "list"
    CLASS = "class"
    """Of the removal: likeness, intimate imagery, child abuse imagery, other."""
    IGNORE = "ignore"
    """For `--map` alone: leave this column out."""


SPELLINGS: dict[ListField, tuple[str, ...]] = {
    ListField.NAME: (
        *("name", "model name", "model title", "model", "title", "display name"),
        *("nom", "nom du modele", "modele", "titre", "bezeichnung", "modellname", "modell"),
        *("titel", "nombre", "nombre del modelo", "modelo", "titulo"),
        *("название", "название модели", "имя", "имя модели", "модель", "名称", "模型", "模型名"),
        *("模型名称", "名稱", "モデル", "モデル名", "名前", "이름", "모델", "모델명", "모델 이름"),
        *("nome", "nome do modelo", "nome del modello", "modello", "naam", "nazwa"),
        *("model adi", "model adı"),
        *("اسم النموذج", "الاسم", "النموذج", "اسم الموديل", "שם", "שם המודל"),
    ),
    ListField.LINK: (
        *("link", "url", "uri", "href", "model link", "model url", "former link", "former url"),
        *("original link", "original url", "source link", "source url", "civitai link"),
        *("civitai url", "page", "model page", "page url", "permalink", "web address", "address"),
        *("download url", "download link", "lien", "lien d'origine", "ancien lien", "adresse"),
        *("lien du modele", "verweis", "ehemaliger link", "enlace", "enlace original"),
        *("enlace anterior", "vinculo", "direccion", "ссылка", "адрес", "链接", "模型链接", "地址"),
        *("連結", "鏈接", "リンク", "링크", "주소", "原始链接", "原链接", "endereco", "ligacao"),
        *("collegamento", "indirizzo", "adres", "bağlantı"),
        *("الرابط", "رابط", "الرابط الأصلي", "קישור"),
    ),
    ListField.SITE: (
        *("site", "host", "hub", "platform", "domain", "source site", "website"),
        *("plateforme", "plattform", "plataforma", "sitio"),
    ),
    ListField.MODEL_ID: ("model id", "civitai model id", "id of model", "parent model id"),
    ListField.VERSION_ID: ("version id", "model version id", "civitai version id", "model version"),
    ListField.FILE_NAME: (
        *("file name", "file", "file names", "model file", "original file name", "path"),
        *("file path", "fichier", "nom du fichier", "datei", "dateiname", "archivo"),
        *("nombre del archivo", "nombre de archivo", "fichero"),
    ),
    ListField.TRIGGER_WORDS: (
        *("trigger words", "trigger word", "trigger", "triggers", "trained words"),
        *("activation words", "activation text", "activation tags"),
    ),
    ListField.SHA256: (
        *("sha256", "sha2", "file sha256", "hash sha256", "lfs oid", "lfs sha256", "oid"),
        *("sha256 hash", "sha256 sum", "sha256 checksum", "sha256 file", "sha256 of file"),
        *("file sha256 hash", "sha256 digest", "full sha256", "checksum sha256", "checksumsha256"),
        *("x amz checksum sha256", "integrity", "empreinte sha256", "somme de controle sha256"),
        *("prufsumme sha256", "pruefsumme sha256", "sha256 prufsumme", "huella sha256"),
        *("suma de verificacion sha256", "suma de comprobacion sha256"),
        *("хеш sha256", "хэш sha256", "sha256 哈希", "哈希 sha256", "sha256 ハッシュ"),
        *("ハッシュ sha256", "sha256 해시", "해시 sha256"),
    ),
    ListField.BLAKE3: ("blake3", "file blake3", "hash blake3", "b3", "b3sum"),
    ListField.XET: ("xet", "xet hash"),
    ListField.GIT_BLOB: ("git blob sha1", "git blob", "git oid", "git sha1", "blob id", "git hash"),
    ListField.DATA_SHA256: (
        *("data sha256", "data section sha256", "sshs model hash", "addnet hash"),
        *("modelspec hash sha256",),
    ),
    ListField.TENSORS_BLAKE3: ("tensors blake3",),
    ListField.AUTOV1: ("autov1", "auto v1", "hash autov1"),
    ListField.AUTOV2: ("autov2", "auto v2", "hash autov2"),
    ListField.AUTOV3: ("autov3", "auto v3", "hash autov3"),
    ListField.CRC32: ("crc32", "crc", "hash crc32"),
    ListField.MD5: (
        *("md5", "file md5", "hash md5", "md5 hash", "md5sum", "md5 sum", "md5 checksum"),
        *("checksum md5", "content md5", "md5 digest", "somme md5", "md5 prufsumme"),
    ),
    ListField.SHA1: (
        *("sha1", "file sha1", "hash sha1", "sha1 hash", "sha1sum", "sha1 sum", "sha1 checksum"),
        *("checksum sha1", "checksumsha1", "x amz checksum sha1", "sha1 digest", "content sha1"),
    ),
    ListField.CRC32C: ("crc32c", "checksum crc32c", "checksumcrc32c", "x amz checksum crc32c"),
    ListField.CRC64_NVME: (
        *("crc64 nvme", "crc64nvme", "checksum crc64nvme", "checksumcrc64nvme"),
        *("x amz checksum crc64nvme",),
    ),
    ListField.HASH: (
        *("hash", "file hash", "model hash", "checksum", "digest", "short hash", "hashes"),
        *("empreinte", "somme de controle", "prufsumme", "pruefsumme", "hashwert", "huella"),
        *("suma de verificacion", "suma de comprobacion", "хеш", "хэш", "хеш файла", "хэш файла"),
        *("soma sha256", "somma di controllo", "impronta", "controlesom", "بصمة الملف", "بصمة"),
        *("контрольная сумма", "контрольная сумма файла"),
        *("哈希", "哈希值", "文件哈希", "哈希碼", "ハッシュ", "ハッシュ値"),
        *("ファイルハッシュ", "해시", "해시값", "파일 해시"),
    ),
    ListField.ALGORITHM: ("algorithm", "hash algorithm", "hash type", "digest algorithm"),
    ListField.SIZE: (
        *("size", "file size", "bytes", "size bytes", "size in bytes", "length"),
        *("taille", "taille en octets", "octets", "grosse", "groesse", "dateigrosse"),
        *("grosse in bytes", "tamano", "tamano en bytes"),
    ),
    ListField.SIZE_KB: (
        *("size kb", "size kib", "file size kb", "size in kb"),
        *("taille ko", "grosse kb", "tamano kb"),
    ),
    ListField.REMOVED_ON: (
        *("removed on", "removed", "removed at", "removal date", "date removed", "date of removal"),
        *("takedown date", "taken down", "taken down on", "deleted at", "deleted", "deletion date"),
        *("deleted on", "date", "supprime le", "retire le", "date de suppression"),
        *("date de retrait", "geloscht am", "entfernt am", "loschdatum", "datum"),
        *("eliminado el", "retirado el", "fecha de eliminacion", "fecha de retirada", "fecha"),
    ),
    ListField.REASON: (
        *("reason", "removal reason", "reason of removal", "why", "violation", "policy"),
        *("takedown reason", "category", "motif", "raison", "grund", "begrundung"),
        *("motivo", "razon"),
    ),
    ListField.STATUS: (
        *("status", "state", "decision", "outcome", "verdict", "resolution", "action"),
        *("action taken", "moderation status", "current status", "removal status"),
        *("is removed", "is deleted", "to ids", "statut", "etat", "decision prise"),
        *("entscheidung", "event", "event type"),
        *("massnahme", "estado", "resultado de la revision", "статус", "состояние", "решение"),
        *("moderator decision", "moderation decision", "final decision", "review decision"),
        *("review result", "stage", "section", "section column", "close code", "closure code"),
        *("state reason", "resolution code", "disposition", "ruling", "labels", "label", "tags"),
        *("ergebnis", "beschluss", "bearbeitungsstand", "resultat", "suite donnee", "resolucion"),
        *("situacion", "situacao", "decisao", "resultado", "stato", "esito", "decisione"),
        *("besluit", "uitkomst", "stan", "decyzja", "durum", "karar", "решение модератора", "итог"),
        *("状态", "狀態", "处理结果", "結果", "状態", "ステータス", "対応", "상태", "처리 결과"),
        *("判定", "審査結果", "対応状況", "対応結果", "处理状态", "審核結果", "审核结果", "판정"),
        *("결정", "الحالة", "القرار", "النتيجة"),
    ),
    ListField.KIND: ("type", "kind", "file type", "file kind", "asset type", "asset kind", "role"),
    ListField.REINSTATED: (
        *("reinstated", "reinstated on", "reinstated at", "restored", "restored on", "restored at"),
        *("revoked", "false positive", "is false positive", "whitelisted", "allowlisted", "kept"),
        *("retabli le", "faux positif", "wiederhergestellt am"),
        *("fehlalarm", "restaurado el", "falso positivo"),
    ),
    ListField.LIST: ("list", "list name", "name of list", "source list", "batch"),
    ListField.CLASS: ("class", "removal class", "classification"),
}
"""The usual spellings. A column of any other name has to be given by `--map`."""

REJECT_COLUMNS = ("rejected row", "rejected because")
"""What the file of rejected rows has beside the list's own columns; left out when read again."""

KNOWING = frozenset(
    {
        ListField.LINK,
        ListField.MODEL_ID,
        ListField.VERSION_ID,
        ListField.HASH,
        ListField.SHA256,
        ListField.BLAKE3,
    }
    | {
        ListField.XET,
        ListField.GIT_BLOB,
        ListField.DATA_SHA256,
        ListField.TENSORS_BLAKE3,
        ListField.CRC32,
        ListField.MD5,
        ListField.SHA1,
        ListField.CRC32C,
        ListField.CRC64_NVME,
    }
    | {ListField.AUTOV1, ListField.AUTOV2, ListField.AUTOV3}
)
"""Fields by which a model can be known again: a list needs a column of one of them."""

HASHES = frozenset(
    {ListField.HASH, ListField.SHA256, ListField.BLAKE3, ListField.XET, ListField.GIT_BLOB}
    | {ListField.DATA_SHA256, ListField.TENSORS_BLAKE3, ListField.CRC32}
    | {ListField.MD5, ListField.SHA1, ListField.CRC32C, ListField.CRC64_NVME}
    | {ListField.AUTOV1, ListField.AUTOV2, ListField.AUTOV3}
)

_DROP = re.compile(r"[\W_]+")


def plain_heading(heading: str) -> str:
    """A heading without what does not tell two apart: case, blanks, punctuation, accents."""
    return _kept_plain(heading) if len(heading) <= _USUAL else _plain(heading)


_USUAL = 80
"""Characters of a heading that is kept with its plain form: keys of entries come often."""


def _plain(heading: str) -> str:
    if not heading.isascii():
        parts = unicodedata.normalize("NFD", heading)
        heading = "".join(c for c in parts if not unicodedata.combining(c))
    return _DROP.sub("", heading).casefold()


_kept_plain = lru_cache(maxsize=2_048)(_plain)


BY_SPELLING = {plain_heading(s): field for field, all_ in SPELLINGS.items() for s in all_} | {
    plain_heading(s): ListField.IGNORE for s in REJECT_COLUMNS
}


def spelled_as(heading: str) -> ListField | None:
    """The field that a heading is a usual spelling of."""
    return BY_SPELLING.get(plain_heading(heading))
