"""People as pages show them: a name, a role in words, a side. Loaded in one statement, opened under a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, Exists, OuterRef, QuerySet, Subquery, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import (
    CareRelationship,
    Patient,
    Practitioner,
    ProxyGrant,
    RelatedPerson,
    RoleGrant,
    User,
)
from accounts.models.proxy import SAID_TO_PATIENT, Relationship
from accounts.models.role import Role
from audit.prepared import Prepared
from audit.seals import open_directory_all, unseal_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from django.db import models

    from audit.recorder import Receipt

Side = Literal["staff", "patient", "proxy", "system"]


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID | None
    name: str
    given_name: str
    initials: str
    role_words: str
    side: Side
    relationship: str = ""  # a proxy's, as others say it: "daughter"
    leads_care: bool = False  # the patient's own clinician in one of her teams

    def __str__(self) -> str:
        return self.name

    @property
    def is_known(self) -> bool:
        """Somebody with a name on file, and not the portal or a stranger."""
        return self.side != "system"


def the_portal() -> Person:
    """Whatever the portal did by itself."""
    return Person(None, _("The portal"), _("The portal"), "", _("automatic"), "system")


def somebody(user_id: UUID) -> Person:
    """A person of whom there is no name on file."""
    return Person(user_id, _("Somebody"), _("Somebody"), "?", "", "system")


def _with_names(ids: list[UUID]) -> QuerySet[User]:
    held = RoleGrant.objects.filter(user=OuterRef("pk")).order_by("role")
    users = User.objects.filter(pk__in=ids).select_related("practitioner", "patient", "relatedperson")
    return users.defer("password", "email").annotate(held_roles=ArraySubquery(held.values("role")))


@Prepared
def _users(*, ids: list[UUID]) -> QuerySet[User]:
    nothing = Value(None, output_field=CharField())
    return _with_names(ids).annotate(stands_to_patient=nothing, leads_care=Value(False))


@Prepared
def _users_of(*, ids: list[UUID], patient: UUID, at: datetime) -> QuerySet[User]:
    person = OuterRef("pk")
    # Also a grant or a role that has ended says who somebody was when she wrote or read.
    grants = ProxyGrant.objects.filter(proxy=person, patient=patient).order_by("-starts_at")
    leads = CareRelationship.objects.current(at).filter(lead=person, patient=patient)
    return _with_names(ids).annotate(
        stands_to_patient=Subquery(grants.values("relationship")[:1]), leads_care=Exists(leads)
    )


class People:
    """The rows behind some people. Their names stay sealed until a receipt that covers them is at hand.

        people = People.load(ids, patient_id=thread.patient_id)
        receipt = record_read(reader=reader, shown=messages, named=people.sealed_records(), …)
        names = people.opened(receipt)

    `patient_id` says whose page it is: how a proxy stands to that patient, and who leads her care. With
    `to_patient=False` the words are for others to read: "daughter" instead of "your daughter". A clinic may keep the
    names of its staff from patients (`SHOW_STAFF_NAMES`): then they read what somebody is, and not who.
    """

    def __init__(self, users: list[User], *, to_patient: bool) -> None:
        self._users = users
        self._to_patient = to_patient

    @classmethod
    def load(
        cls, user_ids: Iterable[UUID | None], *, patient_id: UUID | None = None, to_patient: bool = True
    ) -> People:
        ids = {user_id for user_id in user_ids if user_id is not None}
        if not ids:
            return cls([], to_patient=to_patient)
        if patient_id is None:
            return cls(_users(ids=list(ids)), to_patient=to_patient)
        users = _users_of(ids=list(ids), patient=patient_id, at=timezone.now())
        return cls(users, to_patient=to_patient)

    def sealed_records(self) -> list[models.Model]:
        """The rows that a receipt has to cover before `opened` can open their names."""
        return [record for user in self._users if (record := _sealed_name_of(user)) is not None]

    def opened(self, receipt: Receipt | None = None) -> dict[UUID, Person]:
        """Everybody by user id. Without a receipt this works for staff alone."""
        staff = [(user, row) for user in self._users if (row := _related(user, "practitioner")) is not None]
        others = [(user, row) for user in self._users if (row := _sealed_name_of(user)) is not None]
        names: dict[UUID, str] = {}
        for (user, row), name in zip(
            staff, open_directory_all([(row, "name") for user, row in staff]), strict=True
        ):
            names[user.pk] = f"{row.title} {name}" if row.title else name
        if others:
            if receipt is None:
                raise TypeError("The names of patients and trusted people open only under a receipt.")
            opened = unseal_all([(row, "name") for user, row in others], receipt=receipt)
            names.update({user.pk: str(name) for (user, row), name in zip(others, opened, strict=True)})
        return {user.pk: self._person(user, names.get(user.pk, "")) for user in self._users}

    def _person(self, user: Any, name: str) -> Person:
        if not name:
            return somebody(user.pk)
        practitioner = _related(user, "practitioner")
        bare = name.removeprefix(f"{practitioner.title} ") if practitioner is not None else name
        words = bare.split()
        side: Side = (
            "staff" if practitioner else "patient" if isinstance(_sealed_name_of(user), Patient) else "proxy"
        )
        if user.stands_to_patient and side != "staff":
            # Somebody may be a patient here and help another: on the other's page she is the helper.
            side = "proxy"
        is_kept_back = self._to_patient and side == "staff" and not settings.SHOW_STAFF_NAMES
        if is_kept_back:
            name = _("Care team")
        return Person(
            id=user.pk,
            name=name,
            # A physician is called by title and surname, everybody else by the first name.
            given_name=name
            if is_kept_back
            else f"{practitioner.title} {words[-1]}"
            if practitioner and practitioner.title
            else words[0],
            initials="" if is_kept_back else "".join(word[0] for word in (words[0], *words[1:][-1:])).upper(),
            role_words=self._role_words(user, side),
            side=side,
            relationship=str(Relationship(user.stands_to_patient).label) if user.stands_to_patient else "",
            leads_care=user.leads_care,
        )

    def _role_words(self, user: Any, side: Side) -> str:
        if side == "patient":
            return _("patient")
        if side == "proxy":
            if not user.stands_to_patient:
                return _("trusted person")
            stands = Relationship(user.stands_to_patient)
            return str(SAID_TO_PATIENT[stands] if self._to_patient else stands.label)
        if user.leads_care and self._to_patient:
            return _("your main doctor") if Role.PHYSICIAN in user.held_roles else _("your main nurse")
        return ", ".join(str(Role(role).label) for role in user.held_roles)


def _related(user: User, name: str) -> Any:
    """The row on the other side of a one-to-one relation, which may be missing. It was loaded with the person."""
    return getattr(user, name, None)


def _sealed_name_of(user: User) -> Patient | RelatedPerson | None:
    """The row that holds a person's sealed name, unless she is known by the clinic's directory."""
    if isinstance(_related(user, "practitioner"), Practitioner):
        return None
    record: Patient | RelatedPerson | None = _related(user, "patient") or _related(user, "relatedperson")
    return record
