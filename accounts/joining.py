"""Joining by an invitation: who is not yet anybody shows a code and a birth date, gets a link, and chooses a password.

Every try is counted before it is looked at, for the code that was typed and for where it came from, whether there is
such an invitation or not. What does not fit gets one answer, after the same work (G20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from accounts import alarms, codes, limits, passwords
from accounts.models import CareTeam, ComingOfAge, Countersignature, Invitation, InvitationKind, Session, User
from accounts.models.invitation import code_digest
from accounts.models.joined import PORTER, name_in
from accounts.models.notification import NOTIFIER
from accounts.models.user import email_digest
from accounts.notices import invitation_words
from accounts.refusals import InvitationOver, InvitationRefused, LoginTaken, SignInToJoin, TooManyTries
from audit.recorder import record, record_read
from audit.seals import SealBroken, unseal

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from accounts.models.invitation import Issued
    from audit.context import Agent


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the page behind a link may know: which thing to ask for besides, and nothing of whom it is for."""

    asks_birth_date: bool


@dataclass(frozen=True, slots=True)
class Handed:
    """What whoever invites hands over: shown in one answer, and known to nobody afterwards."""

    code: str
    kind: str
    address: str
    until: datetime
    is_mailed: bool
    patient_id: UUID | None
    two_must_agree: bool
    link_asks_code: bool
    # A second person must agree, or she is told and has a day besides.
    needs_second: bool
    waits_a_day: bool


def to_hand_over(issued: Issued) -> Handed:
    invitation = issued.invitation
    return Handed(
        code=codes.spaced(issued.code),
        kind=invitation.kind,
        address=f"{settings.PORTAL_URL}{reverse('join')}",
        until=invitation.until,
        is_mailed=invitation.email is not None,
        patient_id=invitation.patient_id,
        two_must_agree=bool(invitation.roles),
        link_asks_code=not asks_birth_date(invitation),
        needs_second=invitation.second is not None,
        waits_a_day=invitation.second is not None and invitation.second.waits,
    )


def renew(invitation: Invitation, *, by: User) -> Issued:
    """The same once more for a member of staff, with a new code and a new link."""
    if invitation.used_at is not None or invitation.email is None:
        raise InvitationOver
    return Invitation.objects.issue(
        kind=InvitationKind.STAFF,
        by=by,
        email=_address_of(invitation, reader=by),
        language=invitation.language,
        name=name_in(invitation),
        title=invitation.title,
        roles=invitation.roles,
        teams=CareTeam.objects.filter(pk__in=invitation.teams),
        returning=invitation.user if invitation.taken_at is None else None,
    )


def welcome(token: str) -> Welcome | None:
    """What to ask by this link, or None where it opens nothing."""
    invitation = Invitation.objects.by_token(token)
    return Welcome(asks_birth_date(invitation)) if invitation is not None else None


def ask_for_link(*, code: str, birth_date: date, email: str) -> None:
    """The first page: the code from the clinic and her birth date. When they fit, a link goes to her e-mail.

    Whether somebody has an account with this e-mail is not looked at: the mail is the same, and so is the answer.
    """
    invitation = _shown(code, birth_date)
    limits.spend(("join-mail", str(invitation.pk)), ("reset-account", email_digest(email)))
    invitation.mail_to(email, by=PORTER)


def take(*, token: str, password: str, birth_date: date | None, code: str, browser: str) -> Session:
    """The page behind the link: a password, and the thing besides. Then she sets up her second step."""
    invitation = _behind(token, birth_date, code)
    passwords.check(password, user=User(email_digest=invitation.email_digest))
    email = _address_of(invitation)
    try:
        with transaction.atomic():
            user = invitation.take(email=email, password=password, by=PORTER)
            return Session.objects.begin(by=user, browser=browser)
    except LoginTaken as taken:
        raise SignInToJoin from taken


def redeem(session: Session, *, code: str, birth_date: date | None, token: str = "") -> None:
    """Somebody who is signed in joins with the account she has. Her other sessions end."""
    if token:
        invitation = _behind(token, birth_date, code)
    elif birth_date is not None:
        invitation = _shown(code, birth_date)
    else:
        raise InvitationRefused
    user = User.objects.get(pk=session.user_id)
    with transaction.atomic():
        invitation.redeem(by=user)
        session.restamp(user.security_stamp)


def stops(token: str) -> bool:
    """Whether this link, from the mail to an account that was, still stops an invitation."""
    return Countersignature.objects.by_token(token) is not None


def stop(token: str) -> None:
    """Whoever had the account says no. Raises `InvitationOver`."""
    found = Countersignature.objects.by_token(token)
    if found is None:
        raise InvitationOver
    found.stop(by=PORTER)


def send_mails(*, most: int) -> int:
    """Send the links that are due. How many were tried."""
    taken = Invitation.objects.take_mails(most=most)
    for invitation in taken:
        try:
            _mail(invitation).send()
        except (OSError, SealBroken, ValueError):
            # It comes back by itself, later each time.
            continue
        invitation.was_mailed()
    return len(taken)


def _shown(text: str, birth_date: date) -> Invitation:
    """The invitation that this code and this birth date belong to."""
    code = codes.invitation_code(text) or ""
    tries = ("join-code", code_digest(code)), ("join-address", limits.whence())
    _count(*tries)
    invitation = Invitation.objects.by_code(code)
    # Where there is none the same is computed for nothing: the time must not tell.
    birth_dates = _of_record(invitation, code)
    _count(birth_dates)
    checked = invitation or Invitation()
    fits = checked.was_born(birth_date.isoformat())
    if invitation is None or not fits:
        _failed(invitation)
        raise InvitationRefused
    limits.forget(birth_dates)
    _was_right(*tries)
    return invitation


def _of_record(invitation: Invitation | None, code: str) -> limits.Tries:
    """Birth dates tried for one record, however many invitations there are to it."""
    whose = code_digest(code) if invitation is None else str(invitation.patient_id or invitation.pk)
    return "join-record", whose


def _behind(token: str, birth_date: date | None, text: str) -> Invitation:
    """The invitation behind a link, when the thing besides is right, too."""
    invitation = Invitation.objects.by_token(token)
    if invitation is None:
        raise InvitationOver
    tries = ("join-code", invitation.code_digest), ("join-address", limits.whence())
    _count(*tries)
    if asks_birth_date(invitation):
        birth_dates = _of_record(invitation, "")
        _count(birth_dates)
        right = birth_date is not None and invitation.was_born(birth_date.isoformat())
        if right:
            limits.forget(birth_dates)
    else:
        right = invitation.has_code(codes.invitation_code(text) or "")
    if not right:
        _failed(invitation)
        raise InvitationRefused
    _was_right(*tries)
    return invitation


def _count(*tries: limits.Tries) -> None:
    try:
        limits.spend(*tries)
    except TooManyTries:
        _failed(None, reason="too-many-tries")
        raise


def _was_right(code: limits.Tries, place: limits.Tries) -> None:
    limits.forget(code)
    limits.give_back(place)


def _failed(invitation: Invitation | None, *, reason: str = "no-match") -> None:
    record(
        agent=AnonymousUser(),
        type="invitation",
        subtype="try",
        outcome="8" if reason == "too-many-tries" else "4",
        outcome_reason=reason,
        obj=invitation,
        category="sign-in",
    )
    # Nobody's login is known here: what counts is from where codes are tried.
    alarms.failed(login="", account=None)


def asks_birth_date(invitation: Invitation) -> bool:
    """Whether the link asks for her birth date. Of whoever is or was a child here her parents know it, and often her
    mail: her link asks for the code that was handed to her."""
    if invitation.kind != InvitationKind.PATIENT:
        return False
    return not ComingOfAge.objects.filter(patient=invitation.patient_id).exists()


def _address_of(invitation: Invitation, *, reader: Agent = PORTER) -> str:
    receipt = record_read(reader=reader, shown=[invitation], category="contact", purpose="HOPERAT")
    return unseal(invitation, "email", receipt=receipt)


def _mail(invitation: Invitation) -> EmailMessage:
    receipt = record_read(
        reader=NOTIFIER, shown=[invitation], category="contact", purpose="HOPERAT", subtype="send"
    )
    address = unseal(invitation, "email", receipt=receipt)
    path = reverse("join-by-link", args=[invitation.new_token()])
    with translation.override(invitation.language):
        subject, body = invitation_words(link=f"{settings.PORTAL_URL}{path}")
    return EmailMessage(
        subject=subject, body=body, to=[address], headers={"Auto-Submitted": "auto-generated"}
    )
