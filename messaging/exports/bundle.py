"""A conversation as data: a FHIR R4 Bundle, written by hand. The same whoever saves it, in whatever language."""

from __future__ import annotations

import base64
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from messaging.exports.check import HMAC_SHA_256, SHA_256, receipt
from messaging.filing.kinds import MEDIA_TYPES, Kind

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from accounts.people import Person
    from messaging.opened.files import OpenFile
    from messaging.opened.messages import OpenMessage
    from messaging.opened.texts import OpenPatient
    from messaging.opened.transcripts import Closing


# The topics of this portal's conversations, as a system of codes. It never changes (ADR 53).
TOPICS = "urn:uuid:4b1f5c0e-7c3a-5d0b-9a65-0f6d2c1e8a47"


def bundle_of(
    *,
    ref: UUID,
    subject: str,
    topic: str,
    patient: OpenPatient,
    messages: tuple[OpenMessage, ...],
    closings: tuple[Closing, ...],
    last_at: datetime,
) -> dict[str, Any]:
    """Everything that both sides may read of it: who, what, when. Neither its fingerprint nor who asked for it."""
    people = {person.id: person for message in messages if (person := message.author) is not None}
    people |= {closing.by.id: closing.by for closing in closings}
    resources = [
        _patient(patient),
        *(_person(person, patient) for person in people.values() if person.side != "patient"),
        *(_communication(message, ref, subject, topic, patient) for message in messages),
        *(_task(closing, patient) for closing in closings),
    ]
    return {
        "resourceType": "Bundle",
        "id": str(ref),
        "type": "collection",
        "timestamp": moment(last_at),
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources],
    }


def as_file(bundle: dict[str, Any], *, fingerprint: str, mark: str) -> bytes:
    """The file to keep: the bundle with its fingerprint, and the clinic's mark on that."""
    whole = {
        **bundle,
        "identifier": {"system": SHA_256, "value": fingerprint},
        "meta": {"tag": [{"system": HMAC_SHA_256, "code": mark}]},
    }
    return (json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def receipt_of(message: OpenMessage, conversation: UUID) -> str:
    """What its writer can keep and show: that this text was sent then (`messaging/exports/check.py`)."""
    return receipt(
        conversation=str(conversation),
        message=str(message.ref),
        sent=moment(message.sent_at),
        body=message.body,
        files=[file.sha256 for file in message.files if file.sha256],
    )


def _patient(patient: OpenPatient) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Patient",
        "id": str(patient.ref),
        "identifier": [{"type": {"text": "record number"}, "value": patient.record_number}],
        "name": [{"text": patient.name}],
    }
    if patient.birth_date is not None:
        found["birthDate"] = patient.birth_date.isoformat()
    return found


def _person(person: Person, patient: OpenPatient) -> dict[str, Any]:
    found: dict[str, Any] = {"id": str(person.id), "name": [{"text": person.name}]}
    if person.side == "proxy":
        return {"resourceType": "RelatedPerson", **found, "patient": _to(patient.ref)}
    return {"resourceType": "Practitioner", **found}


def _communication(
    message: OpenMessage, ref: UUID, subject: str, topic: str, patient: OpenPatient
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Communication",
        "id": str(message.ref),
        "status": "completed",
        "category": [{"coding": [{"system": TOPICS, "code": topic}]}],
        "subject": _to(patient.ref),
        "topic": {"text": subject},
        "sent": moment(message.sent_at),
    }
    if message.author is None:
        # Its words are made for each reader; what it promised is the same for all.
        promise = f" A reply is planned by {moment(message.reply_due_at)}." if message.reply_due_at else ""
        return {**found, "payload": [{"contentString": f"Received by the portal.{promise}"}]}
    if message.corrects is not None:
        found["inResponseTo"] = [_to(message.corrects)]
    sender = patient.ref if message.author.side == "patient" else message.author.id
    if message.withdrawn_at is not None:
        # Taken back before anybody opened it: that it was, and none of its words.
        taken_back = {"status": "stopped", "statusReason": {"text": "taken back by its author"}}
        return {**found, **taken_back, "sender": {**_to(sender), "display": message.author.name}}
    return {
        **found,
        "identifier": [{"system": SHA_256, "value": receipt_of(message, ref)}],
        "sender": {**_to(sender), "display": message.author.name},
        "language": message.language,
        "payload": [
            {"contentString": message.body},
            *({"contentAttachment": _attachment(file)} for file in message.files),
        ],
    }


def _attachment(file: OpenFile) -> dict[str, Any]:
    """What the file is, whether anybody may have it by now or not. `hash` is SHA-1, as FHIR has it."""
    found: dict[str, Any] = {
        "title": file.name,
        "contentType": MEDIA_TYPES[Kind(file.kind)],
        "size": file.size,
    }
    if file.sha256:
        found["extension"] = [{"url": SHA_256, "valueString": file.sha256}]
    if file.sha1:
        found["hash"] = base64.b64encode(bytes.fromhex(file.sha1)).decode()
    return found


def _task(closing: Closing, patient: OpenPatient) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Task",
        "id": str(closing.ref),
        "status": "completed",
        "intent": "order",
        "code": {"text": "conversation finished"},
        "description": closing.outcome_code,
        "for": _to(patient.ref),
        "lastModified": moment(closing.at),
    }
    return {**found, "owner": {**_to(closing.by.id), "display": closing.by.name}} if closing.by.id else found


def _to(ref: UUID | None) -> dict[str, str]:
    return {"reference": f"urn:uuid:{ref}"}
