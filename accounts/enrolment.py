"""Setting up what opens a door, and taking it away: apps, passkeys and codes on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from accounts import codes, passkeys
from accounts.entrance import FACTORS, come_in, show_app_code, show_recovery_code
from accounts.models import AuthenticatorApp, FactorLoss, KnownDevice, Notification, Passkey, RecoverySheet
from accounts.models.factor import second_steps_of
from accounts.notices import Notice
from accounts.refusals import FactorNeedsProof, PasskeyRefused, RecoveryCodeRefused
from audit.recorder import record_refusal

if TYPE_CHECKING:
    from accounts.models import Session, User
    from accounts.models.factor import SecondStep
    from accounts.passkeys import Site


def may_add(session: Session) -> bool:
    """Somebody without a second step may set one up; somebody with one only where she has just shown it.

    Or where the front desk knows that all of it is lost, and she has waited.
    """
    if session.is_full:
        return session.is_fresh_for(FACTORS)
    user = session.user
    return session.is_enrolling or not second_steps_of(user) or FactorLoss.objects.ready_for(user) is not None


def loss_of(session: Session) -> FactorLoss | None:
    return FactorLoss.objects.open_of(session.user)


def ask_for_new_start(session: Session) -> FactorLoss:
    """She has nothing left to show. The front desk has to make sure who she is, and then a day has to go by."""
    return FactorLoss.objects.ask(by=session.user)


def pending_app(session: Session) -> AuthenticatorApp:
    """The app being set up."""
    user = session.user
    if not may_add(session):
        raise FactorNeedsProof
    pending = AuthenticatorApp.objects.filter(user=user, confirmed=False).first()
    return pending or AuthenticatorApp.objects.prepare(user=user, by=user)


def confirm_app(session: Session, *, code: str, name: str = "") -> None:
    """The app shows the right code, so it counts from now on. Other sessions of this person end."""
    app = pending_app(session)

    def count_it() -> None:
        app.refresh_from_db()
        app.call_it(name)
        app.save(update_fields=["label"])
        _counts_from_now_on(session, app)

    show_app_code(session, app, code, then=count_it)


def ask_for_new_passkey(session: Session, *, site: Site) -> str:
    """What a new key is to sign, for the browser."""
    if not may_add(session):
        record_refusal(agent=session.user, target=None, reason="factor-needs-proof")
        raise FactorNeedsProof
    return passkeys.ask_for_new(site, bound_to=str(session.pk), user=session.user)


def add_passkey(session: Session, *, answer: str, name: str, site: Site) -> None:
    """A key that has signed our question counts from now on. Other sessions of this person end."""
    if not may_add(session):
        raise FactorNeedsProof
    made = passkeys.check_new(passkeys.Answer.read(answer), site, bound_to=str(session.pk))
    user = session.user
    try:
        with transaction.atomic():
            passkey = Passkey.objects.keep(user=user, by=user, name=name, made=made)
            _counts_from_now_on(session, passkey)
    except IntegrityError as clash:  # a key is one account's
        raise PasskeyRefused from clash


def remove(session: Session, step: SecondStep) -> None:
    """Take it away. Other sessions of this person end, and other browsers are strangers."""
    user = session.user
    with transaction.atomic():
        step_id = step.pk
        step.remove(by=user)
        user.rights_changed()
        session.restamp(user.security_stamp)
        KnownDevice.objects.forget_all(of=user, by=user, but=session.known_device_id)
        Notification.objects.warn(user, about=user, notice=Notice.FACTOR_REMOVED, once=step_id.hex)


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
        if session.is_full:
            Notification.objects.warn(user, about=sheet, notice=Notice.FACTOR_ADDED)
        else:
            come_in(session, session.factor)

    show_recovery_code(session, sheet, code, then=count_it)


def _counts_from_now_on(session: Session, step: SecondStep) -> None:
    user: User = session.user
    proven = session.is_full or session.is_enrolling or not second_steps_of(user)
    step.confirm(by=user)
    if not proven:
        lost = FactorLoss.objects.ready_for(user)
        if lost is None:
            raise FactorNeedsProof
        lost.use(by=user, instead=step)
    user.rights_changed()
    session.restamp(user.security_stamp)
    Notification.objects.warn(user, about=step, notice=Notice.FACTOR_ADDED)
    if not session.is_full:
        come_in(session, step.kind)
