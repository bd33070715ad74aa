"""Passwords: what makes a good one, changing it, and a new one for whoever forgot hers (NST-07).

Everybody here has a second step, so a password of ten letters is enough; NIST asks for eight beside a second step.
No kinds of letter are asked for, none is forbidden, nobody has to change hers after a time, and pasting works.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.password_validation import CommonPasswordValidator, validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import limits
from accounts.entrance import knows_password, wrong_password_again
from accounts.models import Notification, PasswordReset, Strength, User
from accounts.models.user import email_digest
from accounts.notices import Notice
from accounts.refusals import LinkSpent, PasswordTooEasy, WrongPassword
from audit.recorder import record

if TYPE_CHECKING:
    from accounts.models import Session

SHORTEST = 10
LONGEST = 1_000
# What a guesser tries first at a clinic. The clinic's own name is added.
OUR_WORDS = ("password", "portal", "clinic", "patient", "doctor", "health", "medical", "hospital", "welcome")


class Length:
    def validate(self, password: str, user: User | None = None) -> None:
        if len(unicodedata.normalize("NFC", password)) < SHORTEST:
            raise ValidationError(_("Use 10 letters or more. A few words in a row are easy to keep in mind."))

    def get_help_text(self) -> str:
        return _("10 letters or more. A few words in a row are easy to keep in mind.")


class NotGuessedFirst(CommonPasswordValidator):
    """Not on the list of what people choose most, and more than our own words with a number behind."""

    def validate(self, password: str, user: User | None = None) -> None:
        folded = unicodedata.normalize("NFKC", password).casefold().strip()
        if folded in self.passwords or self._is_ours(folded) or len(set(folded)) < 4:
            raise ValidationError(_("Guessers try this one first. Choose another."))
        if user is not None and email_digest(password) == user.email_digest:
            raise ValidationError(_("Do not use your e-mail as your password. Choose another."))

    def _is_ours(self, folded: str) -> bool:
        rest = folded
        words = {*OUR_WORDS, *re.findall(r"\w{4,}", settings.CLINIC_NAME.casefold())}
        for word in sorted(words, key=len, reverse=True):
            rest = rest.replace(word, "")
        return len(re.sub(r"[\W\d_]+", "", rest)) < 4 and rest != folded

    def get_help_text(self) -> str:
        return _("Not one that many people use.")


def check(password: str, *, user: User | None) -> None:
    """Raise `PasswordTooEasy` with the reason in words."""
    try:
        validate_password(password, user)
    except ValidationError as bad:
        raise PasswordTooEasy(" ".join(bad.messages)) from bad


def change(session: Session, *, current: str, new: str) -> None:
    """A new password of her own. Her other sessions end; this one goes on with a new key."""
    user = User.objects.get(pk=session.user_id)
    # By session: who guesses at the door must not shut her out of changing what he guesses at.
    account = ("password-session", str(session.pk))
    limits.spend(account)
    if not knows_password(user, current):
        wrong_password_again(user)
        raise WrongPassword
    limits.forget(account)
    check(new, user=user)
    with transaction.atomic():
        user.change_password(new, by=user, browser=session.known_device_id)
        session.user.security_stamp = user.security_stamp
        session.strengthen(by=user, strength=Strength(session.strength), factor=session.factor)
        Notification.objects.warn(
            user, about=session, notice=Notice.PASSWORD_CHANGED, once=user.security_stamp[:8]
        )


def ask_for_link(*, email: str) -> None:
    """Somebody forgot hers. The same work, the same answer and the same limits for every e-mail."""
    limits.spend(("reset-account", email_digest(email)), ("reset-address", limits.whence()))
    with transaction.atomic():
        asked = PasswordReset.objects.ask(email=email)
        record(agent=AnonymousUser(), type="login", subtype="reset-asked", obj=asked, category="sign-in")


def is_good(token: str) -> bool:
    return PasswordReset.objects.by_token(token) is not None


def set_new(*, token: str, new: str) -> None:
    """A new password by the link from the mail. It opens nothing yet: both steps of sign-in are asked as always."""
    asked = PasswordReset.objects.by_token(token)
    if asked is None or asked.user is None:
        limits.spend(("reset-address", limits.whence()))
        raise LinkSpent
    user = asked.user
    check(new, user=user)
    with transaction.atomic():
        if not asked.use():
            raise LinkSpent
        user.change_password(new, by=user)
        Notification.objects.warn(user, about=asked, notice=Notice.PASSWORD_CHANGED)
