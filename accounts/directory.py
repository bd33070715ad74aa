"""How the audit trail's pages learn who the people in it are. Registered when the app starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.utils.translation import gettext as _

from accounts.models import Patient, Practitioner, RoleGrant, User
from accounts.models.role import Role
from audit import directory
from audit.prepared import Prepared
from audit.seals import open_directory_all

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from django.db.models import Model, QuerySet

_roles = ArraySubquery(RoleGrant.objects.filter(user=OuterRef("pk")).order_by("role").values("role"))


def people(ids: Collection[UUID]) -> Mapping[UUID, directory.PersonLabel]:
    """Staff by name; patients and trusted people by a mark that tells them apart and names no one."""
    users = _people(ids=list(ids)) if ids else []
    staff = [user for user in users if _plate(user) is not None]
    labels = {label.id: label for label in _labels(staff)}
    for user in users:
        if user.pk not in labels:
            mark = user.pk.hex[-6:]
            is_patient = getattr(user, "patient", None) is not None
            name = _("Patient account %(mark)s") if is_patient else _("Trusted person %(mark)s")
            role = _("patient") if is_patient else _("trusted person")
            labels[user.pk] = directory.PersonLabel(user.pk, name % {"mark": mark}, role)
    return labels


def staff() -> Sequence[directory.PersonLabel]:
    users = _all_staff()
    return sorted(_labels(users), key=lambda label: label.name.casefold())


def patients(ids: Collection[UUID]) -> Mapping[UUID, Model]:
    return {patient.pk: patient for patient in _patients(ids=list(ids))} if ids else {}


def find_patient(record_number: str) -> UUID | None:
    patient = Patient.objects.by_record_number(record_number)
    return patient.pk if patient is not None else None


def _everybody() -> QuerySet[User]:
    users = User.objects.select_related("practitioner", "patient").annotate(held_roles=_roles)
    return users.defer("password", "email")


_people = Prepared(lambda *, ids: _everybody().filter(pk__in=ids))
_all_staff = Prepared(lambda: _everybody().filter(practitioner__isnull=False))
# The trail's pages open the number and nothing else.
_patients = Prepared(lambda *, ids: Patient.objects.filter(pk__in=ids).only("record_number"))


def _plate(user: User) -> Practitioner | None:
    plate: Practitioner | None = getattr(user, "practitioner", None)
    return plate


def _labels(users: list[User]) -> list[directory.PersonLabel]:
    plates = [plate for user in users if (plate := _plate(user)) is not None]
    names = open_directory_all([(plate, "name") for plate in plates])
    return [
        directory.PersonLabel(
            plate.user_id,
            " ".join(filter(None, [plate.title, str(name)])),
            ", ".join(str(Role(role).label) for role in user.held_roles),  # type: ignore[attr-defined]
        )
        for user, plate, name in zip(users, plates, names, strict=True)
    ]


def records_of(patient: UUID) -> Collection[UUID]:
    """Also one that is on nobody's record is asked for by itself."""
    rows = Patient.objects.filter(Q(pk=patient) | Q(joined_records=patient) | Q(joined_into=patient))
    together = set(rows.values_list("pk", flat=True)) | {patient}
    siblings = Patient.objects.filter(joined_into__in=together).values_list("pk", flat=True)
    return together | set(siblings)


directory.register(
    people=people, staff=staff, patients=patients, find_patient=find_patient, records_of=records_of
)
