"""Read what people drop: each file by its content, not by its name. A private key is looked for before anything else."""

import base64
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from certificates.authentication.chain import MAX_PRESENTED_CHAIN
from certificates.authentication.matching import first_name, fitting_scheme
from certificates.x509.private_keys import private_key_kind
from certificates.x509.reading import MAX_UPLOAD_BYTES as MAX_CERTIFICATE_FILE
from certificates.x509.reading import Certificate, DecodingError, read_client_upload
from namespaces.client_files.found_rows import (
    CA_CERTIFICATE,
    MAX_BYTES,
    MAX_ROWS,
    PRIVATE_KEY,
    FoundRow,
    UnreadableFileError,
    too_many_rows,
)
from namespaces.client_files.tables import read_json, read_table

ReadWorkbook = Callable[[bytes, str], list[FoundRow]]
MAX_MEMBERS = 10_000
LONGEST_NAME = 200
_SKIPPED = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_KEY_SENTENCE = "Contains a private key; nothing of it was kept."
_CA_SENTENCE = "A CA certificate, not one of a client."
_NO_WORKBOOKS = UnreadableFileError("workbook", "Excel workbooks cannot be read here. Save the sheet as CSV.")


def read_files(files: Sequence[tuple[str, bytes]], read_workbook: ReadWorkbook | None = None) -> list[FoundRow]:
    """Return the clients of several files, in their order. A file that cannot be read is one row with the reason.

    Args:
        files: names and contents; together at most `MAX_BYTES`.
        read_workbook: reads an .xlsx file, which is work for a process of its own.

    Raises UnreadableFileError when there are too many bytes or rows.
    """
    if sum(len(data) for _, data in files) > MAX_BYTES:
        raise _too_large()
    found: list[FoundRow] = []
    for name, data in files:
        source = printable(name)
        try:
            found += _read_file(source, data, read_workbook)
        except UnreadableFileError as problem:
            if problem.code in {"too-large", "too-many-rows"}:
                raise
            found.append(FoundRow(source, problem=problem.code, sentence=problem.sentence))
        if len(found) > MAX_ROWS:
            raise too_many_rows()
    return found


def printable(name: str) -> str:
    """Return the name of a file as it is kept and shown: shortened, with ? for what cannot be seen."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:LONGEST_NAME])


def _read_file(source: str, data: bytes, read_workbook: ReadWorkbook | None) -> list[FoundRow]:
    if not data.strip():
        raise UnreadableFileError("empty", "This file is empty.")
    if data.startswith(b"PK\x03\x04"):
        return _read_archive(source, data, read_workbook)
    return _read_plain(source, data)


def _read_plain(source: str, data: bytes) -> list[FoundRow]:
    if private_key_kind(data):
        return [FoundRow(source, problem=PRIVATE_KEY, sentence=_KEY_SENTENCE)]
    head = data[:4000].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    if head[:1] in (b"{", b"[") and b"BEGIN CERTIFICATE" not in data:
        return read_json(data, source)
    if data[:1] != b"0" and _is_table(data):
        return read_table(data, source)
    if len(data) > MAX_CERTIFICATE_FILE:
        raise UnreadableFileError("not-a-certificate", "This file is larger than 1 MB, so it is not a certificate.")
    try:
        chain = read_client_upload(data)
    except DecodingError as error:
        if error.code == PRIVATE_KEY:
            return [FoundRow(source, problem=PRIVATE_KEY, sentence=_KEY_SENTENCE)]
        raise UnreadableFileError(error.code, error.sentence) from None
    if chain[0].is_ca:
        return [FoundRow(source, problem=CA_CERTIFICATE, sentence=_CA_SENTENCE)]
    return [FoundRow(source, certificate=facts_of(chain[0], chain[1:MAX_PRESENTED_CHAIN], source))]


def _is_table(data: bytes) -> bool:
    """Return whether the text has cells: a certificate has neither separators nor a heading in its first line."""
    line = next((line for line in data[:8000].replace(b"\x00", b"").splitlines() if line.strip()), b"")
    if b"-----BEGIN" in line or b"-----BEGIN CERTIFICATE" in data[:8000]:
        return False
    return any(mark in line for mark in (b",", b";", b"\t", b"|")) or b"name" in line.lower()[:200]


def facts_of(certificate: Certificate, chain: Sequence[Certificate], source: str) -> dict[str, Any]:
    """Return what an import needs to know of a client's certificate, as JSON."""
    name = first_name(certificate)
    is_alone = certificate.is_self_issued
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "issuer_name": _common_name(certificate.issuer),
        "thumbprint": certificate.thumbprint_sha256,
        "not_after": certificate.not_after.isoformat(),
        "name": name,
        "scheme": (not is_alone and fitting_scheme(certificate, name)) or "ThumbprintMatch",
        "stem": source.rpartition("/")[2].rpartition(".")[0] or source.rpartition("/")[2],
        "presented": [base64.b64encode(each.der).decode() for each in (certificate, *chain)],
    }


def _common_name(name: str) -> str:
    """Return the common name in an RFC 4514 name, else the whole name."""
    found = re.search(r"(?:^|,)CN=((?:\\.|[^\\,+])+)", name)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else name


def _read_archive(source: str, data: bytes, read_workbook: ReadWorkbook | None) -> list[FoundRow]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UnreadableFileError("broken-archive", "This archive is damaged.") from None
    with archive:
        names = archive.namelist()
        if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
            if read_workbook is None:
                raise _NO_WORKBOOKS
            return read_workbook(data, source)
        if len(names) > MAX_MEMBERS:
            raise too_many_rows()
        found: list[FoundRow] = []
        for name, member in _members(archive):
            found += _read_member(printable(f"{source}/{name}"), member)
    if not found:
        raise UnreadableFileError("no-rows", "This archive has no files.")
    return found


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes | UnreadableFileError]]:
    """Yield the files of an archive with their contents; never more than `MAX_BYTES` are unpacked in all."""
    unpacked = 0
    for info in archive.infolist():
        name = info.filename
        if info.is_dir() or any(part in name for part in _SKIPPED):
            continue
        if info.flag_bits & 1:
            yield name, UnreadableFileError("encrypted", "It is encrypted. Bring an archive without a password.")
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            yield name, UnreadableFileError("link", "It is a link, not a file.")
            continue
        try:
            with archive.open(info) as member:
                content = member.read(MAX_BYTES + 1 - unpacked)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError):
            yield name, UnreadableFileError("broken-archive", "It is damaged in the archive.")
            continue
        unpacked += len(content)
        if unpacked > MAX_BYTES:
            raise _too_large()
        yield name, content


def _read_member(source: str, content: bytes | UnreadableFileError) -> list[FoundRow]:
    try:
        if isinstance(content, UnreadableFileError):
            raise content
        if not content.strip():
            raise UnreadableFileError("empty", "This file is empty.")
        if content.startswith(b"PK\x03\x04"):
            raise UnreadableFileError("zip", "It is an archive inside an archive. Unpack it first.")
        return _read_plain(source, content)
    except UnreadableFileError as problem:
        if problem.code in {"too-large", "too-many-rows"}:
            raise
        return [FoundRow(source, problem=problem.code, sentence=problem.sentence)]


def _too_large() -> UnreadableFileError:
    return UnreadableFileError(
        "too-large", f"The files are larger than {MAX_BYTES // 1_000_000} MB, also when unpacked."
    )
