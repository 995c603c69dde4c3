"""Digests that name nothing: of no bytes, of an error page, all zeros, a form's placeholder.

In goes a digest, out comes the reason not to trust it, or None. A list that holds one of them
would match every file of a kind, so they are refused wherever digests come in.
"""

from __future__ import annotations

import hashlib
from functools import cache

from reseen.files.identify import CUT_OFF, is_cut_within_header
from reseen.fingerprints.git import blob_sha1
from reseen.records import Container, Digest, DigestKind, Fingerprint

_ERRORS = (
    *("Entry not found", "Not Found", "Not found", "not found", "File not found"),
    *("404 Not Found", "404: Not Found", "404 page not found", "Page not found"),
    *("Repository not found", "Repository Not Found", "Model not found", "Revision not found"),
    *("Invalid username or password.", "Access denied", "Access Denied", "access denied"),
    *("Access to this resource is disabled.", "Access to model is restricted."),
    *("Unauthorized", "unauthorized", "401 Unauthorized", "Forbidden", "forbidden"),
    *("403 Forbidden", "403: Forbidden", "Permission denied", "Bad Request", "400 Bad Request"),
    *("Internal Server Error", "500 Internal Server Error", "Bad Gateway", "502 Bad Gateway"),
    *("Service Unavailable", "503 Service Unavailable", "Gateway Timeout", "504 Gateway Timeout"),
    *("Gateway Time-out", "Too Many Requests", "429 Too Many Requests", "Rate limit exceeded"),
    *("error code: 1020", "error code: 1015", "error code: 1010", "error code: 502"),
    *("error code: 503", "error code: 504", "error code: 520", "error code: 522"),
    *("null", "undefined", "None", "{}", "[]", "error", "Error", "ERROR", "true", "false", "OK"),
    '{"error":"Not Found"}', '{"error":"Entry not found"}', '{"error":"Repository not found"}',
    '{"error":"Unauthorized"}', '{"error":"Invalid username or password."}',
    '{"error": "Not Found"}', '{"error": "Unauthorized"}', '{"message":"Not Found"}',
    '{"detail":"Not Found"}', '{"error":"No model with id"}', '{"error":"Model not found"}',
    '{"error":"Sorry, your model hub account has no access"}', '{"message":"Forbidden"}',
    '{"message":"Unauthorized"}', '{"detail":"Not authenticated"}', '{"error":"Forbidden"}',
    '{"error":"Unauthorized","message":"The creator of this asset requires you to be logged in to '
    'download it"}',
    "<html></html>", "<!DOCTYPE html>", " ",
)  # fmt: skip
"""What servers answer instead of a file; a download that is not looked at saves it as one."""
_ENDS = ("", "\n", "\r\n", ".", "!")
_BEGUN = (b'{"error"', b'{"message"', b'{"detail"', b"Access to ", b"We had to rate limit ")
"""How those begin in which a name stands, or a reason."""

_SHA256_OF_NOTHING = bytes.fromhex(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)
_BLAKE3_OF_NOTHING = bytes.fromhex(
    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
)
_MD5_OF_NOTHING = bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")
_SHA1_OF_NOTHING = bytes.fromhex("da39a3ee5e6b4b0d3255bfef95601890afd80709")
_GIT_BLOB_OF_NOTHING = bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")

_OF_NOTHING = {
    DigestKind.SHA256: (_SHA256_OF_NOTHING,),
    DigestKind.BLAKE3: (_BLAKE3_OF_NOTHING,),
    DigestKind.GIT_BLOB: (_GIT_BLOB_OF_NOTHING, _SHA1_OF_NOTHING),
    DigestKind.SHA1: (_SHA1_OF_NOTHING, _GIT_BLOB_OF_NOTHING),
    DigestKind.MD5: (_MD5_OF_NOTHING,),
    DigestKind.DATA_SHA256: (_SHA256_OF_NOTHING,),
    DigestKind.TENSORS_BLAKE3: (_BLAKE3_OF_NOTHING,),
    # A file of up to 1 MiB has nothing at 0x100000, where this one looks.
    DigestKind.AUTOV1: (_SHA256_OF_NOTHING[:4],),
    DigestKind.AUTOV2: (_SHA256_OF_NOTHING[:5],),
    # Trainers that hashed an empty buffer wrote it into their files (ostris/ai-toolkit#130).
    DigestKind.AUTOV3: (_SHA256_OF_NOTHING[:6],),
}

_PLACEHOLDERS = (
    bytes.fromhex("0123456789abcdef" * 4),
    bytes.fromhex("deadbeef" * 8),
    bytes.fromhex("123456789012345678901234567890"),
    bytes.fromhex("1234567890abcdef" * 4),
)

_STARTS = frozenset(
    value[:2] for value in (*_PLACEHOLDERS, *(v for values in _OF_NOTHING.values() for v in values))
)


def why_bogus(digest: Digest) -> str | None:
    """Why this digest names no file, in a sentence; None for one that may."""
    value = digest.value
    if value[:2] not in _starts() and value[0] != value[1]:
        return None  # nearly all: a list has hundreds of thousands
    if value in _of_errors().get(digest.kind, ()):
        return f"it is the {digest.kind.label} of an error message that was saved as a file"
    if value in _OF_NOTHING.get(digest.kind, ()):
        if digest.kind is DigestKind.AUTOV1:
            return "it is the AutoV1 of every file up to 1 MiB"
        return f"it is the {digest.kind.label} of nothing"
    if not any(value):
        return "it is all zeros"
    if len(set(value)) == 1:
        return "it repeats one byte"
    if any(p.startswith(value) for p in _PLACEHOLDERS):
        return "it is a placeholder"
    return None


@cache
def _of_errors() -> dict[DigestKind, frozenset[bytes]]:
    """The digests of `_ERRORS`, as they are saved."""
    from blake3 import blake3

    bodies = [(text + end).encode() for text in _ERRORS for end in _ENDS]
    sha256 = frozenset(hashlib.sha256(body).digest() for body in bodies)
    return {
        DigestKind.SHA256: sha256,
        DigestKind.AUTOV2: frozenset(value[:5] for value in sha256),
        DigestKind.BLAKE3: frozenset(blake3(body).digest() for body in bodies),
        DigestKind.GIT_BLOB: frozenset(map(blob_sha1, bodies)),
        DigestKind.SHA1: frozenset(
            hashlib.sha1(body, usedforsecurity=False).digest() for body in bodies
        ),
        DigestKind.MD5: frozenset(
            hashlib.md5(body, usedforsecurity=False).digest() for body in bodies
        ),
    }


@cache
def _starts() -> frozenset[bytes]:
    return _STARTS | {value[:2] for values in _of_errors().values() for value in values}


def why_no_model(head: bytes, fingerprint: Fingerprint) -> str | None:
    """Why a file, of which these are the first bytes, can hardly be a model, and what to do; None
    for one that may."""
    if is_markup(head):
        return "it is a web page and no model: sign in where it is from, and download it again"
    if fingerprint.container is Container.LFS_POINTER:
        return "it is a Git LFS pointer, and the model itself is not here: git lfs pull"
    if any(why_bogus(digest) for digest in fingerprint.digests if not digest.kind.is_short):
        return "it is an error message or nothing, saved as a file: download it again"
    if head[:64].lstrip().startswith(_BEGUN):
        return "it is an error message, saved as a file: download it again"
    if fingerprint.problem == CUT_OFF or is_cut_within_header(head, fingerprint.size):
        return CUT_OFF
    return None


def is_markup(head: bytes) -> bool:
    """Whether a file begins as a web page (or another XML document) does: no model's file does."""
    text = head[:1_024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script"))
