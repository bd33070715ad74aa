"""What is asked of a passkey, and what comes back. The question is a row, bound to one browser and one purpose.

The `webauthn` library is loaded when the first passkey is shown: it brings 7 MB into a process, and most never need it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Passkey, PasskeyChallenge
from accounts.refusals import PasskeyRefused

if TYPE_CHECKING:
    from webauthn.registration.verify_registration_response import VerifiedRegistration

    from accounts.models import User

ENTER = "enter"
ADD = "add"
LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Site:
    """Where the browser is, as we know it. The host has been compared with ALLOWED_HOSTS."""

    origin: str
    host: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser sent, in the one shape that everything else looks at."""

    credential: dict[str, Any]
    credential_id: bytes
    question: bytes

    @classmethod
    def read(cls, text: str) -> Answer:
        from webauthn.helpers import base64url_to_bytes

        if len(text) > LONGEST:
            raise PasskeyRefused
        try:
            credential = json.loads(text)
            said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
            return cls(
                credential, base64url_to_bytes(credential["rawId"]), base64url_to_bytes(said["challenge"])
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as bad:
            raise PasskeyRefused from bad

    def token(self, site: Site) -> str:
        """For `django_otp.verify_token`, which takes text."""
        from webauthn.helpers import bytes_to_base64url

        challenge = bytes_to_base64url(self.question)
        asked = {
            "credential": self.credential,
            "challenge": challenge,
            "origin": site.origin,
            "host": site.host,
        }
        return json.dumps(asked)

    @property
    def person(self) -> bytes:
        """For whom the key was made, as the key itself says; empty when it says nothing."""
        from webauthn.helpers import base64url_to_bytes

        handle = self.credential["response"].get("userHandle") or ""
        try:
            return base64url_to_bytes(handle)
        except (ValueError, TypeError, AttributeError) as bad:
            raise PasskeyRefused from bad


def ask(site: Site, *, bound_to: str, user: User | None) -> str:
    """Options for `navigator.credentials.get`. Without a person, whichever key she chooses says who she is."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    keys = Passkey.objects.proven(user) if user is not None else ()
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=PasskeyChallenge.objects.pose(bound_to=bound_to, purpose=ENTER),
        allow_credentials=[PublicKeyCredentialDescriptor(id=bytes(key.credential_id)) for key in keys],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def ask_for_new(site: Site, *, bound_to: str, user: User) -> str:
    """Options for `navigator.credentials.create`: a key that asks for a finger, a face or a number before it signs."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=site.host,
        rp_name=settings.CLINIC_NAME,
        user_id=user.pk.bytes,
        user_name=account_words(user),
        user_display_name=account_words(user),
        challenge=PasskeyChallenge.objects.pose(bound_to=bound_to, purpose=ADD),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=bytes(key.credential_id)) for key in Passkey.objects.proven(user)
        ],
    )
    return options_to_json(options)


def check_new(answer: Answer, site: Site, *, bound_to: str) -> VerifiedRegistration:
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    if not PasskeyChallenge.objects.spend(answer.question, bound_to=bound_to, purpose=ADD):
        raise PasskeyRefused
    try:
        return verify_registration_response(
            credential=answer.credential,
            expected_challenge=answer.question,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as bad:
        raise PasskeyRefused from bad


def account_words(user: User) -> str:
    # A phone shows this to whoever looks: no name and no e-mail, only enough to tell two accounts apart.
    return _("account %(mark)s") % {"mark": user.pk.hex[-4:]}
