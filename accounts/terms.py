"""What people agree to before they use the portal, in words, and which version of them (KS-01).

Another word is another version: whoever agreed to the one before is asked again. The tests hold each version to its
words, in every language.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from accounts.models import User


@dataclass(frozen=True, slots=True)
class Part:
    title: StrPromise
    said: tuple[StrPromise, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """A text with a number. `version` is stored with whoever agrees, and never given to other words."""

    version: str
    title: StrPromise
    first: StrPromise
    parts: tuple[Part, ...]

    def digest(self, language: str) -> str:
        """Which words these are, in this language; the clinic's name and number are left open in them."""
        with translation.override(language):
            words = [self.title, self.first]
            for part in self.parts:
                words += [part.title, *part.said]
            return hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()


def filled(words: StrPromise | str) -> str:
    """As a page shows it."""
    return str(words) % {"clinic": settings.CLINIC_NAME, "phone": settings.CLINIC_PHONE}


PATIENTS = Terms(
    version="patients-1",
    title=_("Before you write to us"),
    first=_("Please read this once. It says how messages work at %(clinic)s."),
    parts=(
        Part(
            _("This is not for emergencies"),
            (
                _("Nobody watches messages all the time. A message can wait for a day or longer."),
                _("In an emergency call 911. If you think of hurting yourself, call 988."),
                _("If you need us today, call %(phone)s."),
            ),
        ),
        Part(
            _("When we answer"),
            (
                _("When you have sent a message, we show the day by which we plan to reply."),
                _("At night, on weekends and on holidays nobody reads messages."),
                _("What you send then is read when we open again."),
            ),
        ),
        Part(
            _("Who reads what you write"),
            (
                _("Your care team reads it: doctors, nurses and the front desk."),
                _("Somebody who covers for them may read it too."),
                _("Your trusted people see what you let them see."),
                _("Under Privacy you see who has opened your record, and why."),
            ),
        ),
        Part(
            _("What to write about"),
            (
                _("Write about your health, medicines, test results, visits, letters and bills."),
                _("Do not write about something that is new and bad. Call us."),
                _("Some things are easier to talk about than to write about."),
                _(
                    "Mental health, drugs or alcohol, sex, or somebody who hurts you: you may call or visit instead."
                ),
            ),
        ),
        Part(
            _("What we keep"),
            (
                _("Your messages become part of your medical record."),
                _("We keep them for as long as the law asks us to keep records."),
                _("You cannot take a message back once it is sent."),
            ),
        ),
        Part(
            _("Your way in is yours alone"),
            (
                _("Do not give your password, codes or phone to anybody, not even to family."),
                _(
                    "Somebody helps you? They get their own way in as your trusted person. Ask our front desk."
                ),
                _("Is somebody else using your account? Call us at once."),
            ),
        ),
    ),
)

STAFF = Terms(
    version="staff-1",
    title=_("Rules for working in the portal"),
    first=_("Please read this once. It says what %(clinic)s expects of everybody who works here."),
    parts=(
        Part(
            _("Open only what your work needs"),
            (
                _("Every record you open is written down, with your name. The patient can see it."),
                _(
                    "Records of your family, friends and colleagues are not yours to look at. Nor is your own."
                ),
            ),
        ),
        Part(
            _("Your login is yours alone"),
            (
                _("Do not lend it, and do not work in a session that somebody else opened."),
                _("Sign out when you leave the desk."),
            ),
        ),
        Part(
            _("What you write stays"),
            (
                _("Messages and notes are part of the record. A patient may ask for both."),
                _("Write no health details into e-mail, text messages or chats outside the portal."),
            ),
        ),
        Part(
            _("When something goes wrong"),
            (
                _("A lost phone, a wrong recipient, a strange sign-in: tell the privacy officer at once."),
                _("Asking early is never held against you."),
            ),
        ),
    ),
)

EVERY = {terms.version: terms for terms in (PATIENTS, STAFF)}


def wanted_of(user: User) -> tuple[Terms, ...]:
    """What concerns this person: the rules of those who work here, and the terms of patients and their helpers."""
    is_patient = user.patient_id is not None or bool(user.grants)
    both = ((STAFF, user.works_here), (PATIENTS, is_patient or not user.works_here))
    return tuple(terms for terms, concerns in both if concerns)


def due(user: User) -> Terms | None:
    """What she has still to agree to before anything else, the first of it."""
    return next((terms for terms in wanted_of(user) if terms.version not in user.agreed_to), None)


def agreed(user: User) -> list[str]:
    """The versions now in force to which she has agreed."""
    return [terms.version for terms in wanted_of(user) if terms.version in user.agreed_to]
