"""Coming in: a password, then a second step. Every try is counted, every outcome recorded, and refusals tell nothing.

These are the verbs of somebody who is not yet known, so the actor is found here and not passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_otp
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from accounts import alarms, codes, limits
from accounts.models import (
    AuthenticatorApp,
    FactorLoss,
    Invitation,
    KnownDevice,
    Notification,
    Passkey,
    PasskeyChallenge,
    RecoverySheet,
    Session,
    Strength,
    User,
)
from accounts.models.invitation import joins_as_keeper
from accounts.models.session import End
from accounts.models.user import email_digest
from accounts.notices import Notice
from accounts.passkeys import ENTER, Answer
from accounts.refusals import (
    CodeRefused,
    PasskeyNeeded,
    PasskeyRefused,
    RecoveryCodeRefused,
    SignInRefused,
    TooManyTries,
)
from audit.recorder import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.limits import Tries
    from accounts.models.factor import CountedDevice
    from accounts.passkeys import Site

FACTORS = "factors"  # the purpose for which a second step is asked again before factors change
NONE: tuple[Tries, ...] = ()
# After so many wrong codes in a day their owner is told.
WORTH_A_WARNING = 5


# First step


def open_with_password(
    *, email: str, password: str, browser: str, browser_key: str = "", instead_of: Session | None = None
) -> Session:
    """A half signed-in session for whoever knows the password. The same refusal, in the same time, for all others."""
    login = email_digest(email)
    known = KnownDevice.objects.by_key(browser_key, email_digest=login)
    account: Tries = ("password-device", str(known.pk)) if known else ("password-account", login)
    # A known browser has a count of its own: wrong tries of others in the same house do not count against it.
    place: tuple[Tries, ...] = () if known else (("password-address", limits.whence()),)
    user = User.objects.by_email(email)
    try:
        limits.spend(account, *place)
    except TooManyTries:
        _failed(user, "too-many-tries", step="password", login=login)
        raise
    if not knows_password(user, password) or user is None or not user.is_active:
        _failed(user, "wrong-password", step="password", login=login)
        raise SignInRefused
    limits.forget(account)
    limits.give_back(*place)
    with transaction.atomic():
        if instead_of is not None:
            instead_of.end(by=instead_of.user, reason=End.SIGNED_OUT)
        session = Session.objects.begin(by=user, browser=browser, known_device=known)
        record(agent=user, type="login", subtype="login", obj=session, detail={"step": "password"})
    return session


def knows_password(user: User | None, password: str) -> bool:
    if user is None:
        # As much work as a real check: the time taken must not tell who has an account.
        User().set_password(password)
        return False
    return user.check_password(password)


# Second step


def enter_with_app(session: Session, *, app: AuthenticatorApp, code: str) -> None:
    """The rest of the way in. Until everything is set up the session stays where that is done."""
    _no_code_beside_a_passkey(session.user)
    show_app_code(session, app, code, then=lambda: come_in(session, app.kind))


def enter_with_recovery_code(session: Session, *, code: str) -> None:
    """The rest of the way in; where a passkey is needed and there, only the beginning of the wait for a new one."""
    sheet = _saved_sheet(session)

    def then() -> None:
        if _goes_by_passkey(session.user):
            FactorLoss.objects.show_paper(by=session.user)
        else:
            come_in(session, sheet.kind)
        Notification.objects.warn(session.user, about=session, notice=Notice.RECOVERY_CODE_USED)

    show_recovery_code(session, sheet, code, then=then)


def enter_with_passkey(session: Session, *, answer: str, site: Site) -> None:
    passkey, token = _asked_of(session.user, answer, site, bound_to=str(session.pk))
    show(
        session.user,
        passkey,
        token,
        _place(),
        agent=AnonymousUser(),
        then=lambda: come_in(session, passkey.kind),
    )


def open_with_passkey(*, answer: str, site: Site, bound_to: str, browser: str, browser_key: str) -> Session:
    """Both steps at once, for whoever holds a key that asks for a finger, a face or a number of its own."""
    passkey, token = _asked_of(None, answer, site, bound_to=bound_to)
    user, opened = passkey.user, []

    def then() -> None:
        session = Session.objects.begin(by=user, browser=browser)
        session.browser_key = browser_key
        come_in(session, passkey.kind)
        opened.append(session)

    show(user, passkey, token, _place(), agent=AnonymousUser(), then=then)
    return opened[0]


def prove_again(session: Session, *, app: AuthenticatorApp, code: str, purpose: str) -> None:
    _no_code_beside_a_passkey(session.user)
    show_app_code(session, app, code, then=lambda: _prove_again(session, app.kind, purpose))


def prove_again_with_recovery_code(session: Session, *, code: str, purpose: str) -> None:
    _no_code_beside_a_passkey(session.user)
    sheet = _saved_sheet(session)

    def then() -> None:
        _prove_again(session, sheet.kind, purpose)
        Notification.objects.warn(
            session.user, about=session, notice=Notice.RECOVERY_CODE_USED, once=_minute()
        )

    show_recovery_code(session, sheet, code, then=then)


def prove_again_with_passkey(session: Session, *, answer: str, site: Site, purpose: str) -> None:
    passkey, token = _asked_of(session.user, answer, site, bound_to=str(session.pk))
    then = lambda: _prove_again(session, passkey.kind, purpose)  # noqa: E731  (as above, in one line)
    tries = _tries("passkey-session", session.pk)
    show(session.user, passkey, token, *tries, agent=session.user, then=then)
    limits.forget(*tries)


def apps_that_open(user: User) -> list[AuthenticatorApp]:
    """The apps whose codes open her door, oldest first. None of them where a passkey is needed and there."""
    return [] if _goes_by_passkey(user) else list(AuthenticatorApp.objects.proven(user))


def takes_codes(user: User) -> bool:
    """Whether a code, from an app or on paper, is enough of a second step for her."""
    return not _goes_by_passkey(user)


def has_passkey(user: User) -> bool:
    return Passkey.objects.proven(user).exists()


def still_missing(user: User) -> str:
    """What somebody who has shown a second step still has to set up: "codes", "passkey", or nothing."""
    if RecoverySheet.objects.of(user) is None:
        return "codes"
    needed = user.needs_passkey or (settings.PASSKEYS_REQUIRED and joins_as_keeper(user))
    return "passkey" if needed and not has_passkey(user) else ""


def come_in(session: Session, factor: str) -> None:
    """The second step was right: as strong as she can be now, which is full unless something is still missing."""
    user = session.user
    strength = Strength.ENROLLING if still_missing(user) else Strength.FULL
    if strength == Strength.FULL and session.is_enrolling:
        # Before the session takes her stamp: what she was invited to changes it.
        Invitation.objects.finish(by=user)
    session.strengthen(by=user, strength=strength, factor=factor)
    record(agent=user, type="login", subtype="login", obj=session, detail={"step": factor})
    if strength == Strength.FULL:
        session.remember_browser(by=user)


def _goes_by_passkey(user: User) -> bool:
    return user.needs_passkey and has_passkey(user)


def _no_code_beside_a_passkey(user: User) -> None:
    if _goes_by_passkey(user):
        raise PasskeyNeeded


def _saved_sheet(session: Session) -> RecoverySheet:
    sheet = RecoverySheet.objects.of(session.user)
    if sheet is None:
        raise RecoveryCodeRefused
    return sheet


def _asked_of(user: User | None, text: str, site: Site, *, bound_to: str) -> tuple[Passkey, str]:
    """The passkey that answered what we asked of this browser, and the answer for it to check."""
    answer = Answer.read(text)
    asked = PasskeyChallenge.objects.spend(answer.question, bound_to=bound_to, purpose=ENTER)
    passkey = Passkey.objects.by_credential(answer.credential_id)
    hers = passkey is not None and (user is None or passkey.user_id == user.pk)
    # A key says for whom it was made. Where it does, that and our row have to agree.
    agrees = passkey is not None and answer.person in (b"", passkey.user_id.bytes)
    if passkey is None or not (asked and hers and agrees and passkey.user.is_active):
        _failed(user or (passkey.user if passkey else None), "wrong-passkey", step="passkey")
        raise PasskeyRefused
    if user is not None:
        passkey.user = user
    return passkey, answer.token(site)


# What all of these share


def show_app_code(session: Session, app: AuthenticatorApp, text: str, *, then: Callable[[], None]) -> None:
    code = codes.app_code(text)
    if code is None:
        raise CodeRefused
    account, day, place = _counts(session, app, "code")
    show(session.user, app, code, *account, *day, *place, agent=_agent(session), then=then)
    limits.forget(*account)
    limits.give_back(*day, *place)


def show_recovery_code(
    session: Session, sheet: RecoverySheet, text: str, *, then: Callable[[], None]
) -> None:
    code = codes.recovery_code(text)
    if code is None:
        raise RecoveryCodeRefused
    # Buckets of their own: whoever guesses at the app must not shut the way back in for the one who lost it.
    account, day, _nowhere = _counts(session, sheet, "recovery")
    try:
        show(session.user, sheet, code, *account, *day, agent=_agent(session), then=then)
    except CodeRefused as refused:
        raise RecoveryCodeRefused from refused
    limits.forget(*account)
    limits.give_back(*day)


def show(
    user: User,
    device: CountedDevice,
    code: str,
    *tries: Tries,
    agent: User | AnonymousUser,
    then: Callable[[], None],
) -> None:
    """Count the try, let the library check it under a lock on the device's row, and do at once what it opens.

    The lock holds until that is done: whoever sends the same code again waits, and finds it used and its work done.
    """
    try:
        limits.spend(*tries)
    except TooManyTries:
        _failed(user, "too-many-tries", step=device.kind, device=device, agent=agent)
        raise
    with transaction.atomic():
        right = django_otp.verify_token(user, device.persistent_id, code) is not None
        if right:
            then()
    if not right:
        _failed(user, "wrong-code", step=device.kind, device=device, agent=agent)
        if any(limits.used(*one) >= WORTH_A_WARNING for one in tries if one != _place()):
            with transaction.atomic():
                once = timezone.localdate().isoformat()
                Notification.objects.warn(user, about=user, notice=Notice.WRONG_CODES, once=once)
        raise PasskeyRefused if device.kind == "passkey" else CodeRefused


def _known_browser(session: Session) -> KnownDevice | None:
    """Whether this very request comes from a browser she has used. Who stole the session alone is a stranger."""
    return KnownDevice.objects.by_key(session.browser_key, email_digest=session.user.email_digest)


def _counts(session: Session, device: CountedDevice, kind: str) -> tuple[tuple[Tries, ...], ...]:
    """What a wrong code counts against: within the quarter of an hour, over the day, and where it comes from.

    What is only being set up guards nothing. It counts by session, so that no guesser keeps anybody from finishing.
    """
    if not device.confirmed:
        return _tries("set-up-session", session.pk), NONE, NONE
    if known := _known_browser(session):
        return _tries(f"{kind}-device", known.pk), _tries(f"{kind}-device-day", known.pk), NONE
    whose = session.user_id
    return _tries(f"{kind}-account", whose), _tries(f"{kind}-account-day", whose), (_place(),)


def _tries(name: str, whose: object) -> tuple[Tries, ...]:
    return ((name, str(whose)),)


def _place() -> Tries:
    return ("code-address", limits.whence())


def _agent(session: Session) -> User | AnonymousUser:
    return session.user if session.is_full else AnonymousUser()


def _minute() -> str:
    return timezone.now().strftime("%Y%m%d%H%M")


def _prove_again(session: Session, factor: str, purpose: str) -> None:
    user = session.user
    session.prove_again(by=user, purpose=purpose, factor=factor)
    record(agent=user, type="login", subtype="step-up", obj=session, detail={"purpose": purpose})


def wrong_password_again(user: User) -> None:
    """Somebody signed in did not know the password: a failure like any other."""
    _failed(user, "wrong-password", step="password", agent=user)


def _failed(
    user: User | None,
    reason: str,
    *,
    step: str,
    agent: User | AnonymousUser | None = None,
    device: CountedDevice | None = None,
    login: str = "",
) -> None:
    """Write down a try that failed, and count it. Before both steps are done nobody is known to have made it."""
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
    # Under the login that was typed, also where nobody has it; on the other roads it is known whose it is.
    alarms.failed(login=login or (user.email_digest if user is not None else ""), account=tried)
