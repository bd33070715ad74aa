"""Passkeys (WebAuthn): a key that lives in a phone, a computer or on a stick, and answers only to our own address."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

from accounts.models.factor import SecondStep
from audit.ids import uuid7
from audit.seals import digest
from audit.verbs import verb

if TYPE_CHECKING:
    from uuid import UUID

    from webauthn.registration.verify_registration_response import VerifiedRegistration

    from accounts.models.user import User
    from audit.context import Agent

# A key answers within a minute; whoever looks for her stick needs a little longer.
CHALLENGE_AGE = timedelta(minutes=5)


class PasskeyManager(models.Manager["Passkey"]):
    @verb(actor="by")
    def keep(self, *, user: User, by: Agent, name: str, made: VerifiedRegistration) -> Passkey:
        """A key that has just been made and has proven itself by that; it counts once it is confirmed."""
        passkey: Passkey = self.model(
            user=user,
            confirmed=False,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
        )
        passkey.call_it(name)
        passkey.save(force_insert=True)
        return passkey

    def proven(self, user: User) -> models.QuerySet[Passkey]:
        return self.filter(user=user.pk, confirmed=True).order_by("created_at")

    def by_credential(self, credential: bytes) -> Passkey | None:
        return self.filter(credential_id=credential, confirmed=True).select_related("user").first()


class Passkey(SecondStep):
    # Neither opens anything: the secret half never leaves the device.
    credential_id = models.BinaryField(unique=True)
    public_key = models.BinaryField()
    # Some devices count. A count that goes back comes from a copy.
    sign_count = models.BigIntegerField(default=0)

    objects = PasskeyManager()

    audit_hidden: tuple[str, ...] = (*SecondStep.audit_hidden, "sign_count")

    @property
    def kind(self) -> str:
        return "passkey"

    def use_up(self, token: str) -> bool:
        """`token` is what `accounts.passkeys.Answer` makes of the browser's answer and what it was asked."""
        # Loaded when the first key is shown (see `accounts.passkeys`).
        from webauthn import verify_authentication_response
        from webauthn.helpers import base64url_to_bytes
        from webauthn.helpers.exceptions import WebAuthnException

        asked = json.loads(token)
        try:
            proven = verify_authentication_response(
                credential=asked["credential"],
                expected_challenge=base64url_to_bytes(asked["challenge"]),
                expected_rp_id=asked["host"],
                expected_origin=asked["origin"],
                credential_public_key=bytes(self.public_key),
                credential_current_sign_count=self.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return False
        self.sign_count = proven.new_sign_count
        return True


class PasskeyChallengeManager(models.Manager["PasskeyChallenge"]):
    def pose(self, *, bound_to: str, purpose: str) -> bytes:
        """A new question for one browser and one purpose."""
        question = secrets.token_bytes(32)
        self.create(
            challenge_digest=_digest(question),
            bound_digest=_bound(bound_to),
            purpose=purpose,
            until=timezone.now() + CHALLENGE_AGE,
        )
        return question

    def spend(self, question: bytes, *, bound_to: str, purpose: str) -> bool:
        """Whether this was asked of this browser for this purpose, lately, and not answered before. True once."""
        # One DELETE: of twenty who answer at once, one finds the row.
        gone, _each = self.filter(
            challenge_digest=_digest(question),
            bound_digest=_bound(bound_to),
            purpose=purpose,
            until__gt=timezone.now(),
        ).delete()
        return gone == 1


class PasskeyChallenge(models.Model):
    """A question a passkey has to sign: asked of one browser, answered once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    challenge_digest = models.CharField(max_length=64, unique=True)
    bound_digest = models.CharField(max_length=64)
    purpose = models.CharField(max_length=40)
    until = models.DateTimeField(db_index=True)

    objects = PasskeyChallengeManager()

    def __str__(self) -> str:
        return f"passkey challenge {self.pk}"


def credential_words(passkey: Passkey) -> str:
    """Its id as browsers write it."""
    from webauthn.helpers import bytes_to_base64url

    return bytes_to_base64url(bytes(passkey.credential_id))


def _digest(question: bytes) -> str:
    return digest(question.hex(), purpose="passkey-challenge")


def _bound(to: str | UUID) -> str:
    return digest(str(to), purpose="passkey-bound")
