"""The fixed catalogue of what a notice can say. No sender, no subject, nothing about health (NT1)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _


class Notice(models.TextChoices):
    NEW_MESSAGE = "new_message"
    REFILL_DECIDED = "refill_decided"
    WORK_WAITING = "work_waiting"
    TEAM_CHANGED = "team_changed"
    FILE_STOPPED = "file_stopped"
    RECORD_CHANGED = "record_changed"
    REVIEW_DUE = "review_due"
    COVER_MISSING = "cover_missing"
    # What a trusted person may do has changed: to the patient, and to that person.
    TRUST_CHANGED = "trust_changed"
    HELP_CHANGED = "help_changed"
    # Of one's own account. These cannot be turned off.
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  (the name of a notice)
    NEW_DEVICE = "new_device"
    RECOVERY_CODE_USED = "recovery_code_used"
    WRONG_CODES = "wrong_codes"
    RESET_LINK = "reset_link"
    FACTOR_LOST = "factor_lost"
    JOINED = "joined"
    ROLE_CHANGED = "role_changed"
    SESSIONS_ENDED = "sessions_ended"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_REOPENS = "account_reopens"
    # To those who keep accounts and the trail, and to whom it is about.
    ROLE_ASKED = "role_asked"
    ROLE_DECIDED = "role_decided"
    # To those who keep accounts and the trail, but whom it is about.
    KEEPER_LOST = "keeper_lost"
    CONTACT_LINK = "contact_link"
    CONTACT_ASKED = "contact_asked"
    CONTACT_CHANGED = "contact_changed"
    CONTACT_LEFT = "contact_left"
    PHONE_CHANGED = "phone_changed"
    # Of all accounts, to those who keep the house.
    SIGN_INS_FAILED = "sign_ins_failed"


def notice_words(notice: Notice, *, link: str = "") -> tuple[str, str]:
    """Subject and text, in the language that is active. `link` goes into the one notice that carries one."""
    clinic = {"clinic": settings.CLINIC_NAME}
    if notice in _OWN_ACCOUNT:
        return _own_account(notice, link=link)
    subject, words = {
        Notice.NEW_MESSAGE: (
            _("You have a message from %(clinic)s") % clinic,
            _("You have a message from %(clinic)s.") % clinic,
        ),
        Notice.REFILL_DECIDED: (
            _("You have news from %(clinic)s") % clinic,
            _("You have news from %(clinic)s.") % clinic,
        ),
        Notice.TEAM_CHANGED: (
            _("You have news from %(clinic)s") % clinic,
            _("You have news from %(clinic)s.") % clinic,
        ),
        Notice.FILE_STOPPED: (
            _("You have news from %(clinic)s") % clinic,
            _("You have news from %(clinic)s.") % clinic,
        ),
        Notice.RECORD_CHANGED: (
            _("You have news from %(clinic)s") % clinic,
            _("You have news from %(clinic)s.") % clinic,
        ),
        Notice.REVIEW_DUE: (
            _("A review is due at %(clinic)s") % clinic,
            _("A decision is due for review at %(clinic)s.") % clinic,
        ),
        Notice.COVER_MISSING: (
            _("Somebody is away at %(clinic)s") % clinic,
            _("A colleague at %(clinic)s is away, and who reads instead has to be chosen again.") % clinic,
        ),
        Notice.WORK_WAITING: (
            _("Something is waiting in the team inbox"),
            _("Something is waiting in the team inbox of %(clinic)s.") % clinic,
        ),
        Notice.TRUST_CHANGED: (
            _("About your account at %(clinic)s") % clinic,
            _("Who may help you at %(clinic)s has changed. Was it not you? Call us.") % clinic,
        ),
        Notice.HELP_CHANGED: (
            _("About your account at %(clinic)s") % clinic,
            _("What you may do at %(clinic)s has changed.") % clinic,
        ),
    }[notice]
    private = _("For your privacy, this e-mail does not say what it is about. Do not reply to it.")
    emergency = _("Need help now? Do not wait for a reply. Call %(phone)s. In an emergency call 911.")
    return subject, "\n\n".join(
        [
            words,
            _("To read it, sign in:"),
            f"{settings.PORTAL_URL}/",
            private,
            emergency % {"phone": settings.CLINIC_PHONE},
        ]
    )


_OWN_ACCOUNT = frozenset(
    {
        Notice.FACTOR_ADDED,
        Notice.FACTOR_REMOVED,
        Notice.PASSWORD_CHANGED,
        Notice.NEW_DEVICE,
        Notice.RECOVERY_CODE_USED,
        Notice.WRONG_CODES,
        Notice.RESET_LINK,
        Notice.FACTOR_LOST,
        Notice.JOINED,
        Notice.ROLE_CHANGED,
        Notice.SESSIONS_ENDED,
        Notice.ACCOUNT_CLOSED,
        Notice.ACCOUNT_REOPENS,
        Notice.ROLE_ASKED,
        Notice.ROLE_DECIDED,
        Notice.KEEPER_LOST,
        Notice.CONTACT_LINK,
        Notice.CONTACT_ASKED,
        Notice.CONTACT_CHANGED,
        Notice.CONTACT_LEFT,
        Notice.PHONE_CHANGED,
        Notice.SIGN_INS_FAILED,
    }
)


def invitation_words(*, link: str) -> tuple[str, str]:
    """Subject and text of the mail that carries a link to join. It does not say who is invited, or to what."""
    clinic = {"clinic": settings.CLINIC_NAME}
    lines = [
        _("You can have an account at %(clinic)s.") % clinic,
        _("To go on, open this page:"),
        link,
        _("It asks for one thing more that only you know."),
        _("Do you have an account already? Sign in with it first, then open the page."),
        _("Was this not meant for you? Then do nothing."),
        _("Questions? Call us: %(phone)s.") % {"phone": settings.CLINIC_PHONE},
        _("Do not reply to this e-mail."),
    ]
    return _("An invitation from %(clinic)s") % clinic, "\n\n".join(lines)


def _own_account(notice: Notice, *, link: str) -> tuple[str, str]:
    """What happened, and whom to call if it was somebody else."""
    clinic = {"clinic": settings.CLINIC_NAME}
    words = {
        Notice.FACTOR_ADDED: _("A new second step was added to your account at %(clinic)s."),
        Notice.FACTOR_REMOVED: _("A second step was removed from your account at %(clinic)s."),
        Notice.PASSWORD_CHANGED: _("The password of your account at %(clinic)s was changed."),
        Notice.NEW_DEVICE: _(
            "Somebody signed in to your account at %(clinic)s with a device that is new to us. Your account "
            "shows from which network."
        ),
        Notice.RECOVERY_CODE_USED: _("A recovery code was used to sign in to your account at %(clinic)s."),
        Notice.WRONG_CODES: _(
            "Somebody typed wrong codes for your account at %(clinic)s, so we stopped them for a while."
        ),
        Notice.RESET_LINK: _("Somebody asked for a new password for your account at %(clinic)s."),
        Notice.FACTOR_LOST: _(
            "We were told that the second step of your account at %(clinic)s is lost. A new one can be set up in "
            "24 hours."
        ),
        Notice.JOINED: _("Your account at %(clinic)s is open."),
        Notice.ROLE_CHANGED: _("What your account at %(clinic)s may do was changed."),
        Notice.SESSIONS_ENDED: _("%(clinic)s signed you out of your account."),
        Notice.ACCOUNT_CLOSED: _("Your account at %(clinic)s was closed."),
        Notice.ACCOUNT_REOPENS: _(
            "Our front desk was asked to open your account at %(clinic)s again. In 24 hours a new password can be "
            "chosen for it."
        ),
        Notice.ROLE_ASKED: _("Somebody asked to change what somebody may do at %(clinic)s."),
        Notice.ROLE_DECIDED: _("It was decided what somebody may do at %(clinic)s."),
        Notice.KEEPER_LOST: _(
            "Somebody who keeps the accounts at %(clinic)s lost the second step, and can set up a new one in 24 hours."
        ),
        Notice.CONTACT_LINK: _("Somebody wants to use this e-mail for an account at %(clinic)s."),
        Notice.CONTACT_ASKED: _("Somebody asked to change the e-mail of your account at %(clinic)s."),
        Notice.CONTACT_CHANGED: _(
            "The e-mail of your account at %(clinic)s was changed. You get mail here now."
        ),
        Notice.CONTACT_LEFT: _("The e-mail of your account at %(clinic)s was changed to another one."),
        Notice.PHONE_CHANGED: _("The telephone number on your record at %(clinic)s was changed."),
        Notice.SIGN_INS_FAILED: _("Many sign-ins failed at %(clinic)s within a few minutes."),
    }[notice]
    phone = {"phone": settings.CLINIC_PHONE}
    if notice == Notice.RESET_LINK:
        lines = [
            _("To choose a new password, open this page within 30 minutes:"),
            link,
            _("You will need your second step as well, as always."),
            _("Was this not you? Then do nothing: your password stays as it is."),
        ]
    elif notice in (Notice.ROLE_ASKED, Notice.ROLE_DECIDED, Notice.KEEPER_LOST):
        lines = [
            _("Does this surprise you? Call us at once: %(phone)s.") % phone,
            _("To see what it is, sign in:"),
            f"{settings.PORTAL_URL}/",
        ]
    elif notice == Notice.ACCOUNT_REOPENS:
        lines = [
            _("Was this you? Then you need not do anything."),
            _("Was it not you? Stop it on this page:"),
            link,
            _("Or call us at once: %(phone)s.") % phone,
        ]
    elif notice == Notice.ACCOUNT_CLOSED:
        lines = [_("Questions? Call us: %(phone)s.") % phone]
    elif notice == Notice.CONTACT_LINK:
        lines = [
            _("Was it you? Open this page within 30 minutes, and sign in as you always do:"),
            link,
            _("Was this not you? Then do nothing: this e-mail is not used."),
        ]
    elif notice == Notice.SIGN_INS_FAILED:
        lines = [
            _("The privacy officer finds them in the access review, under security of the records."),
            f"{settings.PORTAL_URL}/",
        ]
    else:
        lines = [
            _("Was this you? Then you need not do anything."),
            _("Was it not you? Call us at once: %(phone)s.") % phone,
            _("You can see where you are signed in on your account page:"),
            f"{settings.PORTAL_URL}/account/",
        ]
    lines.append(_("Do not reply to this e-mail."))
    subject = (
        _("Many failed sign-ins at %(clinic)s")
        if notice == Notice.SIGN_INS_FAILED
        else _("About how you sign in to %(clinic)s")
    )
    return subject % clinic, "\n\n".join([words % clinic, *lines])
