"""Coming in: a password, then a second step. Every try is counted, every outcome recorded, and refusals tell nothing.

These are the verbs of somebody who is not yet known, so the actor is found here and not passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_otp
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts import codes, limits
from accounts.models import AuthenticatorApp, RecoverySheet, Session, Strength, User
from accounts.models.session import End
from accounts.models.user import email_digest
from accounts.refusals import (
    CodeRefused,
    FactorNeedsProof,
    RecoveryCodeRefused,
    SignInRefused,
    TooManyTries,
)
from audit.recorder import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.limits import Tries
    from accounts.models.factor import PacedDevice

FACTORS = "factors"  # the purpose for which a second step is asked again before factors change


# First step


def open_with_password(
    *, email: str, password: str, browser: str, instead_of: Session | None = None
) -> Session:
    """A half signed-in session for whoever knows the password. The same refusal, in the same time, for all others."""
    account: Tries = ("password-account", email_digest(email))
    place: Tries = ("password-address", limits.whence())
    user = User.objects.by_email(email)
    try:
        limits.spend(account, place)
    except TooManyTries:
        _failed(user, "too-many-tries", step="password")
        raise
    if not _knows_password(user, password) or user is None or not user.is_active:
        _failed(user, "wrong-password", step="password")
        raise SignInRefused
    limits.forget(account)
    limits.give_back(place)
    with transaction.atomic():
        if instead_of is not None:
            instead_of.end(by=instead_of.user, reason=End.SIGNED_OUT)
        session = Session.objects.begin(by=user, browser=browser)
        record(agent=user, type="login", subtype="login", obj=session, detail={"step": "password"})
    return session


def _knows_password(user: User | None, password: str) -> bool:
    if user is None:
        # As much work as a real check: the time taken must not tell who has an account.
        User().set_password(password)
        return False
    return user.check_password(password)


# Second step


def enter_with_app(session: Session, *, app: AuthenticatorApp, code: str) -> None:
    """The rest of the way in. Until the recovery codes are saved the session stays where they are shown."""
    saved = RecoverySheet.objects.of(session.user) is not None
    strength = Strength.FULL if saved else Strength.ENROLLING
    _show_app_code(session, app, code, then=lambda: _strengthen(session, strength, app.kind))


def enter_with_recovery_code(session: Session, *, code: str) -> None:
    sheet = _saved_sheet(session)
    _show_recovery_code(session, sheet, code, then=lambda: _strengthen(session, Strength.FULL, sheet.kind))


def prove_again(session: Session, *, app: AuthenticatorApp, code: str, purpose: str) -> None:
    _show_app_code(session, app, code, then=lambda: _prove_again(session, app.kind, purpose))


def prove_again_with_recovery_code(session: Session, *, code: str, purpose: str) -> None:
    sheet = _saved_sheet(session)
    _show_recovery_code(session, sheet, code, then=lambda: _prove_again(session, sheet.kind, purpose))


def _saved_sheet(session: Session) -> RecoverySheet:
    sheet = RecoverySheet.objects.of(session.user)
    if sheet is None:
        raise RecoveryCodeRefused
    return sheet


def apps_of(user: User) -> list[AuthenticatorApp]:
    """The apps that open her door, oldest first."""
    return list(AuthenticatorApp.objects.proven(user))


# Setting up


def pending_app(session: Session) -> AuthenticatorApp:
    """The app being set up: shown to whoever has none yet, or has just shown the one she has."""
    user = session.user
    if apps_of(user) and not session.is_full:
        raise FactorNeedsProof
    pending = AuthenticatorApp.objects.filter(user=user, confirmed=False).first()
    return pending or AuthenticatorApp.objects.prepare(user=user, by=user)


def confirm_app(session: Session, *, code: str, name: str = "") -> None:
    """The app shows the right code, so it counts from now on. Other sessions of this person end."""
    user = session.user
    app = pending_app(session)

    def count_it() -> None:
        app.refresh_from_db()
        app.name = name
        app.save(update_fields=["name"])
        app.confirm(by=user)
        user.rights_changed()
        session.restamp(user.security_stamp)
        if not session.is_full:
            _strengthen(session, Strength.ENROLLING, app.kind)

    _show_app_code(session, app, code, then=count_it)


def remove_app(session: Session, app: AuthenticatorApp) -> None:
    with transaction.atomic():
        app.remove(by=session.user)
        session.user.rights_changed()
        session.restamp(session.user.security_stamp)


def new_recovery_codes(session: Session) -> list[str]:
    """Ten new codes as they are shown, once. The old ones hold until one of the new has been typed back."""
    _sheet, shown = RecoverySheet.objects.print_new(user=session.user, by=session.user)
    return [codes.spaced(code) for code in shown]


def confirm_recovery_codes(session: Session, *, code: str) -> None:
    user = session.user
    sheet = RecoverySheet.objects.filter(user=user, confirmed=False).first()
    if sheet is None:
        raise RecoveryCodeRefused

    def count_it() -> None:
        sheet.refresh_from_db()
        sheet.confirm(by=user)
        if not session.is_full:
            _strengthen(session, Strength.FULL, session.factor)

    _show_recovery_code(session, sheet, code, then=count_it)


# What all of these share


def _show_app_code(session: Session, app: AuthenticatorApp, text: str, *, then: Callable[[], None]) -> None:
    code = codes.app_code(text)
    if code is None:
        raise CodeRefused
    who = str(session.user_id)
    account: Tries = ("code-account", who)
    day: Tries = ("code-account-day", who)
    place: Tries = ("code-address", limits.whence())
    _show(session, app, code, account, day, place, then=then)
    limits.forget(account)
    limits.give_back(day, place)


def _show_recovery_code(
    session: Session, sheet: RecoverySheet, text: str, *, then: Callable[[], None]
) -> None:
    code = codes.recovery_code(text)
    if code is None:
        raise RecoveryCodeRefused
    # A bucket of their own: whoever guesses at the app must not shut the way back in for the one who lost it.
    account: Tries = ("recovery-account", str(session.user_id))
    try:
        _show(session, sheet, code, account, then=then)
    except CodeRefused as refused:
        raise RecoveryCodeRefused from refused
    limits.forget(account)


def _show(
    session: Session,
    device: AuthenticatorApp | RecoverySheet,
    code: str,
    *tries: Tries,
    then: Callable[[], None],
) -> None:
    """Count the try, let the library check it under a lock on the device's row, and do at once what it opens.

    The lock holds until that is done: whoever sends the same code again waits, and finds it used and its work done.
    """
    user = session.user
    agent = user if session.is_full else AnonymousUser()
    try:
        limits.spend(*tries)
        _must_not_wait(device)
    except TooManyTries:
        _failed(user, "too-many-tries", step=device.kind, device=device, agent=agent)
        raise
    with transaction.atomic():
        right = django_otp.verify_token(user, device.persistent_id, code) is not None
        if right:
            then()
    if not right:
        _failed(user, "wrong-code", step=device.kind, device=device, agent=agent)
        raise CodeRefused


def _must_not_wait(device: PacedDevice) -> None:
    until, wait = device.waiting()
    if until is not None:
        raise TooManyTries(until, wait)


def _strengthen(session: Session, strength: Strength, factor: str) -> None:
    user = session.user
    session.strengthen(by=user, strength=strength, factor=factor)
    record(agent=user, type="login", subtype="login", obj=session, detail={"step": factor})


def _prove_again(session: Session, factor: str, purpose: str) -> None:
    user = session.user
    session.prove_again(by=user, purpose=purpose, factor=factor)
    record(agent=user, type="login", subtype="step-up", obj=session, detail={"purpose": purpose})


def _failed(
    user: User | None,
    reason: str,
    *,
    step: str,
    agent: User | AnonymousUser | None = None,
    device: PacedDevice | None = None,
) -> None:
    """Write down a try that failed. Before both steps are done nobody is known to have made it."""
    tried = None
    if user is not None:
        # The account is the object. Whose record goes with it is not looked up: that would take longer for an
        # account that exists, and a failed sign-in is no look at a record.
        tried = User(pk=user.pk).primed(roles=frozenset(), patient_id=None, grants=(), verified=False)
    detail = {"step": step} | ({"device": str(device.pk)} if device is not None else {})
    record(
        agent=agent or AnonymousUser(),
        type="login",
        subtype="login",
        outcome="8" if reason == "too-many-tries" else "4",
        outcome_reason=reason,
        obj=tried,
        category="sign-in",
        detail=detail,
    )
