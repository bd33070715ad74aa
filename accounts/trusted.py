"""Trusted people as pages show them, and what is done about them where something has to be opened first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from accounts import ages
from accounts.history import done_by, last_done_by
from accounts.models import (
    Basis,
    ComingOfAge,
    Countersignature,
    Ended,
    Freeze,
    Invitation,
    InvitationKind,
    Patient,
    ProxyGrant,
    Relationship,
    Scope,
    Trust,
    User,
)
from accounts.models.proxy import SAID_TO_PATIENT
from accounts.models.user import email_digest
from accounts.people import People
from accounts.refusals import InvitationOver, InvitedAlready, NotYourself
from accounts.topics import CategoryCode
from audit.recorder import record_read
from audit.seals import unseal, unseal_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from accounts.ages import Stretch
    from audit.context import Agent
    from audit.seen import SeenEntry

TRUST = "trusted-people"  # the purpose for which a second step is asked again before trust is given
RECKONED_AT_ONCE = 500
DEEDS_SHOWN = 60
ENDED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class TrustedPerson:
    """One trust as its patient, or the clinic, sees it. `state` is waiting, running, paused or ended."""

    ref: UUID
    name: str
    letters: str
    role: str
    state: str
    scopes: tuple[str, ...]
    scope_words: tuple[str, ...]
    topics: tuple[str, ...]
    topic_words: tuple[str, ...]
    since: datetime
    until: datetime | None
    agreed_until: datetime | None
    narrows_at: datetime | None
    ended_because: str
    last_used_at: datetime | None
    basis: str
    is_by_permission: bool
    email: str
    code_until: datetime | None
    # Who has to agree before its person can come: "patient", "clinic", or nobody any more.
    needs: str = ""
    may_agree: bool = False
    ground: str = ""
    document: str = ""
    pause_reason: str = ""
    former_number: str = ""  # of the joined record that she was trusted with, which is all she reaches


@dataclass(frozen=True, slots=True)
class Helped:
    """Somebody whom one helps, as the helper sees it."""

    ref: UUID
    patient: UUID
    name: str
    is_paused: bool
    scope_words: tuple[str, ...]
    topic_words: tuple[str, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What one trust lets somebody do, as the forms bring it."""

    scopes: Sequence[str]
    categories: Sequence[str] = ()
    ends_on: date | None = None

    @property
    def ends_at(self) -> datetime | None:
        """The last day counts whole: it is over when the next one begins where the clinic is."""
        if self.ends_on is None:
            return None
        zone = ZoneInfo(settings.CLINIC_TIME_ZONE)
        return datetime.combine(self.ends_on + timedelta(days=1), time.min, tzinfo=zone)


def trusted_by(patient: Patient, *, reader: User, for_staff: bool = False) -> tuple[TrustedPerson, ...]:
    """Everybody this patient trusts or has trusted, those of now first. For staff with ground, paper and pauses."""
    return _opened(list(_of(patient)), patient=patient, reader=reader, for_staff=for_staff)


def trusted_person(trust: Trust, *, reader: User) -> tuple[TrustedPerson, list[SeenEntry]]:
    """One of them, with what she saw and did lately."""
    rows = list(_of(trust.patient).filter(pk=trust.pk))
    (person,) = _opened(rows, patient=trust.patient.stays, reader=reader, for_staff=False)
    deeds = done_by(trust.patient, trust.proxy_id, most=DEEDS_SHOWN) if trust.proxy_id else []
    return person, deeds


def helped_by(user: User) -> tuple[Helped, ...]:
    """Whom this person helps, with names; those, too, whose trust in her is paused."""
    trusts = list(
        Trust.objects.standing().filter(proxy=user.pk).select_related("patient").order_by("accepted_at", "id")
    )
    grants = {grant.trust_id: grant for grant in ProxyGrant.objects.current().filter(trust__in=trusts)}
    paused = set(Freeze.objects.filter(trust__in=trusts, lifted_at=None).values_list("trust", flat=True))
    shown = [trust for trust in trusts if trust.pk in grants or trust.pk in paused]
    if not shown:
        return ()
    receipt = record_read(
        reader=user, shown=[trust.patient for trust in shown], category="patient", purpose="PATRQT"
    )
    names = unseal_all([(trust.patient, "name") for trust in shown], receipt=receipt)
    return tuple(
        Helped(
            ref=trust.pk,
            patient=trust.patient_id,
            name=str(name),
            is_paused=trust.pk not in grants,
            scope_words=_scope_words(grants[trust.pk].scopes) if trust.pk in grants else (),
            topic_words=_topic_words(grants[trust.pk].categories) if trust.pk in grants else (),
            until=grants[trust.pk].ends_at if trust.pk in grants else None,
        )
        for trust, name in zip(shown, names, strict=True)
    )


def invite(
    patient: Patient,
    *,
    by: User,
    name: str,
    email: str,
    relationship: str,
    agreed: Agreed,
    basis: str = Basis.PERMISSION,
    ground: str = "",
    document: str = "",
) -> tuple[Trust, str]:
    """Agree on a trust and invite its person: the trust, and the code that is shown once.

    Raises `InvitedAlready`, `NotYourself`, `PaperMissing`, `NotAChild`.
    """
    if patient.stays.user is not None and patient.stays.user.email_digest == email_digest(email):
        raise NotYourself
    waiting = Trust.objects.standing().filter(patient=patient, proxy=None)
    if waiting.filter(invitation__email_digest=email_digest(email)).exists():
        raise InvitedAlready
    birth_date = born(patient, by=by)
    with transaction.atomic():
        issued = _invitation_for(patient, by=by, name=name, email=email, birth_date=birth_date)
        trust = Trust.objects.offer(
            patient=patient,
            relationship=relationship,
            scopes=agreed.scopes,
            categories=agreed.categories,
            ends_at=agreed.ends_at,
            basis=basis,
            ground=ground,
            document=document,
            born=birth_date,
            name=name,
            email=email,
            invitation=issued.invitation,
            by=by,
        )
    return trust, issued.code


def invite_anew(trust: Trust, *, by: User) -> str:
    """Another code and another mail to the same person. Raises `TrustOver` when she has come, or it is ended."""
    patient = trust.patient
    receipt = record_read(reader=by, shown=[patient, trust], category="patient", purpose="PATRQT")
    birth_date = date.fromisoformat(unseal(patient, "birth_date", receipt=receipt))
    name, email = unseal_all([(trust, "name"), (trust, "email")], receipt=receipt)
    with transaction.atomic():
        issued = _invitation_for(patient, by=by, name=str(name), email=str(email), birth_date=birth_date)
        trust.invite_anew(by=by, invitation=issued.invitation)
    return issued.code


def _invitation_for(patient: Patient, *, by: User, name: str, email: str, birth_date: date) -> Any:
    return Invitation.objects.issue(
        kind=InvitationKind.TRUSTED,
        patient=patient,
        name=name,
        email=email,
        birth_date=birth_date.isoformat(),
        language=patient.language,
        by=by,
    )


@dataclass(frozen=True, slots=True)
class Named:
    ref: UUID
    name: str
    birth_date: date
    record_number: str


def named(patient: Patient, *, reader: User) -> Named:
    """Whose page it is, for staff."""
    receipt = record_read(reader=reader, shown=[patient], category="patient", purpose="HOPERAT")
    fields = ("name", "birth_date", "record_number")
    name, birth_date, number = unseal_all([(patient, field) for field in fields], receipt=receipt)
    return Named(patient.pk, str(name), date.fromisoformat(str(birth_date)), str(number))


def born(patient: Patient, *, by: Agent) -> date:
    """The patient's birth date, opened for what goes by it, and written down as read."""
    own = isinstance(by, User) and patient.is_own_of(by)
    receipt = record_read(
        reader=by, shown=[patient], category="patient", purpose="PATRQT" if own else "HOPERAT"
    )
    return date.fromisoformat(unseal(patient, "birth_date", receipt=receipt))


def catch_up(*, by: Agent) -> None:
    """Write down and tell what time has changed: narrower since a birthday, over, or under another age table."""
    for patient in Patient.objects.exclude(age_table__in=[ages.ADULT, ages.table().version])[
        :RECKONED_AT_ONCE
    ]:
        ComingOfAge.objects.reckon(patient=patient, born=born(patient, by=by), by=by)
    ComingOfAge.objects.open_due(by=by)
    for trust in Trust.objects.outdated().select_related("patient__joined_into"):
        trust.reckon(by=by, born=born(trust.patient.stays, by=by))
    for trust in Trust.objects.narrowed():
        trust.announce(by=by)
    for trust in Trust.objects.lapsed(timezone.now()):
        trust.finish(by=by)


def _of(patient: Patient) -> Any:
    """Their trusts, those of now first. Who never came is not remembered once it was stopped."""
    return (
        Trust.objects.filter(patient__in=Patient.objects.one_with(patient))
        .exclude(ended_at__isnull=False, proxy=None)
        .select_related("patient", "invitation__countersignature__patient__user")
        .prefetch_related(
            Prefetch("grants", ProxyGrant.objects.order_by("starts_at", "id")),
            Prefetch("freezes", Freeze.objects.filter(lifted_at=None)),
        )
        .order_by("-ended_at", "-offered_at", "-id")
    )


def _opened(
    rows: list[Trust], *, patient: Patient, reader: User, for_staff: bool
) -> tuple[TrustedPerson, ...]:
    moment = timezone.now()
    standing = [trust for trust in rows if _state(trust, moment) != "ended"]
    ended = [trust for trust in rows if _state(trust, moment) == "ended"][:ENDED_SHOWN]
    shown = standing + ended
    proxies = [trust.proxy_id for trust in shown if trust.proxy_id]
    people = People.load(proxies, patient_id=patient.pk, to_patient=not for_staff)
    freezes = [freeze for trust in shown for freeze in trust.freezes.all()] if for_staff else []
    former = list(
        {trust.patient_id: trust.patient for trust in shown if trust.patient_id != patient.pk}.values()
    )
    receipt = record_read(
        reader=reader,
        of=patient,
        shown=[patient, *former, *shown, *freezes],
        named=people.sealed_records(),
        category="trust",
        subtype="list",
    )
    names = people.opened(receipt)
    used = last_done_by(proxies, patient)
    opened_numbers = unseal_all([(row, "record_number") for row in former], receipt=receipt)
    numbers = {row.pk: str(number) for row, number in zip(former, opened_numbers, strict=True)}
    reasons = dict(
        zip(
            (freeze.trust_id for freeze in freezes),
            unseal_all([(freeze, "reason") for freeze in freezes], receipt=receipt),
            strict=True,
        )
    )
    opened = []
    for trust in shown:
        person = names.get(trust.proxy_id) if trust.proxy_id else None
        typed = _texts(trust, for_staff=for_staff, receipt=receipt)
        name = person.name if person is not None and person.is_known else typed["name"]
        state = _state(trust, moment)
        runs = [grant for grant in trust.grants.all() if grant.is_current(moment)]
        stands = Relationship(trust.relationship)
        opened.append(
            TrustedPerson(
                ref=trust.pk,
                name=name,
                letters="".join(word[0] for word in (name.split() or ["?"])[:2]).upper(),
                role=str(stands.label if for_staff else SAID_TO_PATIENT[stands]),
                state=state,
                scopes=tuple(trust.scopes),
                scope_words=_scope_words(runs[0].scopes if runs else trust.scopes),
                topics=tuple(trust.categories),
                topic_words=_topic_words(runs[0].categories if runs else trust.categories),
                since=trust.accepted_at or trust.offered_at,
                until=trust.ended_at or (runs[0].ends_at if runs else trust.ends_at),
                agreed_until=trust.ends_at,
                narrows_at=runs[0].ends_at if runs and _goes_on(trust, runs[0]) else None,
                ended_because=str(Ended(trust.ended_because).label) if trust.ended_because else "",
                last_used_at=used.get(trust.proxy_id) if trust.proxy_id else None,
                basis=str(Basis(trust.basis).label),
                is_by_permission=trust.basis == Basis.PERMISSION,
                email=typed["email"] if state == "waiting" else "",
                needs=_needs(trust) if state == "waiting" else "",
                may_agree=state == "waiting" and _may_agree(trust, reader),
                code_until=trust.invitation.until if trust.invitation and state == "waiting" else None,
                ground=typed["ground"],
                document=typed["document"],
                pause_reason=str(reasons.get(trust.pk, "")),
                former_number=numbers.get(trust.patient_id, ""),
            )
        )
    return tuple(opened)


def _state(trust: Trust, moment: datetime) -> str:
    if trust.ended_at is not None:
        return "ended"
    if trust.freezes.all():
        return "paused"
    if trust.proxy_id is None:
        return "waiting"
    left = [grant for grant in trust.grants.all() if grant.ends_at is None or grant.ends_at > moment]
    return "running" if left else "ended"


def _needs(trust: Trust) -> str:
    second = _second(trust)
    if second is None or second.is_signed:
        return ""
    return "patient" if second.is_for_the_patient() else "clinic"


def _second(trust: Trust) -> Countersignature | None:
    """What is asked of a second person, while it is not too late for it."""
    invitation = trust.invitation
    return invitation.second if invitation is not None and invitation.is_open else None


def _may_agree(trust: Trust, reader: User) -> bool:
    second = _second(trust)
    return second is not None and second.may_be_signed_by(reader)


def agree(trust: Trust, *, by: User) -> None:
    """Let the person come who was written down at the desk. Raises `NeedsAnother`, `InvitationOver`."""
    if trust.invitation is None or trust.invitation.second is None:
        raise InvitationOver
    trust.invitation.second.sign(by=by)


def _goes_on(trust: Trust, runs: ProxyGrant) -> bool:
    """Whether something narrower follows on what runs now."""
    return any(
        grant.starts_at == runs.ends_at and grant.ends_at != grant.starts_at for grant in trust.grants.all()
    )


def _texts(trust: Trust, *, for_staff: bool, receipt: Any) -> dict[str, str]:
    wanted = ["name", "email", *(["ground", "document"] if for_staff else [])]
    there = [field for field in wanted if getattr(trust, field) is not None]
    opened = unseal_all([(trust, field) for field in there], receipt=receipt)
    return dict.fromkeys(("name", "email", "ground", "document"), "") | {
        field: str(text) for field, text in zip(there, opened, strict=True)
    }


def last_day(ends_at: datetime | None) -> date | None:
    """The day that counts whole, as it was typed."""
    if ends_at is None:
        return None
    return (ends_at.astimezone(ZoneInfo(settings.CLINIC_TIME_ZONE)) - timedelta(seconds=1)).date()


def goes_by_age(patient: Patient) -> bool:
    """Whether what others may do for this patient narrows with age, and ends with childhood."""
    return patient.age_table != ages.ADULT


def in_words(agreed: Agreed | Stretch) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may be done, and about which topics; no topics: all."""
    return _scope_words(agreed.scopes), _topic_words(agreed.categories)


def _scope_words(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(Scope(scope).label) for scope in scopes)


def _topic_words(topics: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(CategoryCode(topic).label) for topic in topics)
