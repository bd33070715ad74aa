"""The seal on what may be seen. Everything a person wrote or that names a patient is kept behind it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from audit import cipher, keys
from audit.fields import VERSION, Kind, Sealed, SealedField
from audit.receipts import Receipt, label

__all__ = [
    "CLINIC_OWNER_ID",
    "UNREADABLE",
    "Kind",
    "NotRecorded",
    "SealBroken",
    "Sealed",
    "SealedField",
    "digest",
    "open_directory",
    "open_directory_all",
    "open_file_key",
    "open_secret",
    "seal",
    "unseal",
    "unseal_all",
]

# Owns what belongs to the clinic and to no patient: the names of its staff.
CLINIC_OWNER_ID = UUID("00000000-0000-4000-8000-0000000c1141")
# Shown instead of a text whose seal does not hold. Never another's text, never an error page.
UNREADABLE = _("This text cannot be shown. We have been told and will look into it.")

Pair = tuple[Model, str]


class NotRecorded(Exception):
    """Somebody tried to open a record whose reading is not written down."""

    def __init__(self, record: Model) -> None:
        super().__init__(label(record))


class SealBroken(Exception):
    """The text was changed, moved from another place, or its key is gone."""

    def __init__(self, record: Model, field: str) -> None:
        self.record, self.field = record, field
        super().__init__(f"{label(record)} {field}")


def seal(text: str, *, into: Model, field: str) -> Sealed:
    """Lock a text to its place: table, row, column, owner and key. Anywhere else it does not open."""
    _kind, place = _place(type(into), field)
    owner_id = owner_of(into)
    key = keys.active_for(owner_id)
    locked = key.cipher.lock(text.encode(), _bound(place, into, owner_id, key.id))
    return Sealed(bytes((VERSION,)) + key.id.bytes + locked)


def unseal(record: Model, field: str, *, receipt: Receipt) -> str:
    """Open one text that the receipt covers. A NULL is an empty text; no bytes at all are a broken seal."""
    kind, place = _place(type(record), field)
    if kind in (Kind.SECRET, Kind.FILE):
        raise TypeError(f"{field} is a key or a secret: no receipt opens it.")
    if not isinstance(receipt, Receipt) or not receipt.covers(record):
        raise NotRecorded(record)
    return _open(record, field, place)


def unseal_all(pairs: Sequence[Pair], *, receipt: Receipt) -> list[str]:
    """Open many texts, with at most one statement for their keys. A broken one becomes `UNREADABLE`."""
    _load_keys(pairs)
    return [_open_or_report(record, field, receipt) for record, field in pairs]


def open_directory(record: Model, field: str) -> str:
    """A staff name. It is on the door plate: reading it is not recorded."""
    kind, place = _place(type(record), field)
    if kind is not Kind.DIRECTORY:
        raise TypeError(f"{field} is not part of the directory.")
    return _open(record, field, place)


def open_directory_all(pairs: Sequence[Pair]) -> list[str]:
    """Staff names, with at most one statement for their keys. A broken one becomes `UNREADABLE`."""
    _load_keys(pairs)
    opened = []
    for record, field in pairs:
        try:
            opened.append(open_directory(record, field))
        except SealBroken as broken:
            opened.append(report(broken))
    return opened


def open_secret(record: Model, field: str) -> str:
    """What checks a second factor. It is compared, and never shown."""
    kind, place = _place(type(record), field)
    if kind is not Kind.SECRET:
        raise TypeError(f"{field} is not a secret.")
    return _open(record, field, place)


def open_file_key(record: Model, field: str) -> str:
    """The key of a file: for `audit.files`, which opens the file under a receipt and shows the key to nobody."""
    kind, place = _place(type(record), field)
    if kind is not Kind.FILE:
        raise TypeError(f"{field} is not the key of a file.")
    return _open(record, field, place)


def digest(value: str, *, purpose: str) -> str:
    """The same value always gives the same digest, and without our key nobody can tell which value it was.

    Folding case and spelling is the caller's. Its key is not the one that wraps data keys, so that it stays
    the same when those are changed.
    """
    return cipher.mac(keys.digest_key(purpose), value.encode())


def _open_or_report(record: Model, field: str, receipt: Receipt) -> str:
    try:
        return unseal(record, field, receipt=receipt)
    except SealBroken as broken:
        return report(broken)


def report(broken: SealBroken) -> str:
    """Write down that a seal did not hold; the words to show instead."""
    from audit import trail

    trail.write(
        type="security",
        subtype="seal-broken",
        action="R",
        outcome="8",
        outcome_reason="seal-broken",
        data_category="integrity",
        rows=[
            trail.Row(
                patient_id=getattr(broken.record, "patient_id", None),
                obj=broken.record,
                additional_data={"field": broken.field},
            )
        ],
    )
    return str(UNREADABLE)


def _open(record: Model, field: str, place: bytes) -> str:
    sealed = getattr(record, field)
    if sealed is None:
        return ""
    if not isinstance(sealed, Sealed):
        raise SealBroken(record, field)
    owner_id = owner_of(record)
    try:
        key = keys.get(UUID(bytes=sealed[1:17]))
        text = key.cipher.open(sealed[17:], _bound(place, record, owner_id, key.id))
        return text.decode()
    except (keys.UnknownKey, cipher.DoesNotOpen, UnicodeDecodeError):
        raise SealBroken(record, field) from None


def _load_keys(pairs: Sequence[Pair]) -> None:
    texts = (getattr(record, field) for record, field in pairs)
    keys.load({UUID(bytes=text[1:17]) for text in texts if isinstance(text, Sealed)})


@lru_cache(maxsize=512)
def _place(model: type[Model], field: str) -> tuple[Kind, bytes]:
    column = model._meta.get_field(field)
    if not isinstance(column, SealedField):
        raise TypeError(f"{model._meta.label}.{field} is not a sealed field.")
    return column.kind, f"{VERSION}|{column.model._meta.db_table}|{column.column}|".encode()


def _bound(place: bytes, record: Model, owner_id: UUID, key_id: UUID) -> bytes:
    row_id = record.pk
    if not isinstance(row_id, UUID):
        raise TypeError(f"{record._meta.label} has no UUID as its id, so nothing can be sealed to it.")
    return place + row_id.bytes + owner_id.bytes + key_id.bytes


def owner_of(record: Model) -> UUID:
    """For whom this record is sealed."""
    owner_id = getattr(record, "seal_owner_id", None)
    if not isinstance(owner_id, UUID):
        raise TypeError(f"{record._meta.label} does not say for whom it is sealed (seal_owner_id).")
    return owner_id
