"""Second steps: what a person holds in her hand. Each kind is a django-otp device, checked under a row lock.

Nothing here is called directly to check a code: `accounts.entrance` counts the try first and then goes through
`django_otp.verify_token`, which locks the row. A direct call lets one code be used many times at once.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_otp.models import Device
from django_otp.oath import TOTP

from accounts.refusals import LastFactor
from audit.ids import uuid7
from audit.recorder import record, record_read
from audit.seals import Kind, SealedField, digest, open_secret, seal, unseal_all
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from accounts.models.user import User
    from audit.context import Agent

STEP = 30
DIGITS = 6
# One step either way: phones and people are a few seconds late.
TOLERANCE = 1

CODES_ON_A_SHEET = 10
# Sixteen letters of 32: 80 bits. No 0, 1, 8 or 9, which are taken for letters.
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
CODE_LENGTH = 16


class CountedDevice(Device):
    """A device that counts its failures and makes nobody wait: the counters of the account do that (`limits`).

    django-otp's own back-off doubles without end: twenty wrong codes shut the owner out for six days. And a wait of
    the device itself would let a guesser elsewhere shut her out of the browser she always uses.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    # Counters; each try is an event of its own.
    audit_hidden: tuple[str, ...] = ("failures", "failed_at", "last_used_at", "last_step")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.model_name} {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.user_id

    @property
    def persistent_id(self) -> str:
        # django-otp reads the part behind the slash as a number; a UUID is one.
        return f"{self.model_label()}/{self.pk.int}"

    @property
    def kind(self) -> str:
        raise NotImplementedError

    def verify_token(self, token: str) -> bool:
        """Use up a code. Only for `django_otp.verify_token`, which holds the lock on this row."""
        if not self.use_up(token):
            self.failures += 1
            self.failed_at = timezone.now()
            self.save(update_fields=["failures", "failed_at"])
            return False
        self.failures, self.failed_at, self.last_used_at = 0, None, timezone.now()
        self.save()
        return True

    def use_up(self, token: str) -> bool:
        raise NotImplementedError


class SecondStep(CountedDevice):
    """What opens the door day by day. Somebody who has one always keeps one."""

    # What its owner calls it. People write what they like there: it is sealed, and django-otp's `name` stays empty.
    label = SealedField(kind=Kind.HEALTH, null=True)

    class Meta:
        abstract = True

    def call_it(self, words: str) -> None:
        """Give it its owner's name for it; saved by whoever saves the row."""
        self.label = seal(words, into=self, field="label") if words else None

    @verb(actor="by")
    def confirm(self, *, by: User) -> None:
        """It has been proven: from now on it counts."""
        self.confirmed = True
        self.save(update_fields=["confirmed"])
        record(
            agent=by, type="factor", subtype="factor-add", action="C", obj=self, detail={"kind": self.kind}
        )

    @verb(actor="by")
    def remove(self, *, by: User) -> None:
        # Lock the person first: two removals at once must not take the last two.
        type(by).objects.select_for_update().get(pk=by.pk)
        others = [step for step in second_steps_of(by) if step.pk != self.pk]
        if not others or (by.needs_passkey and self.kind == "passkey" and not _kinds(others) & {"passkey"}):
            raise LastFactor
        record(
            agent=by, type="factor", subtype="factor-remove", action="D", obj=self, detail={"kind": self.kind}
        )
        self.delete()


def second_steps_of(user: User) -> list[SecondStep]:
    """Everything that opens her door, oldest first."""
    rows = [
        step
        for kind in SecondStep.__subclasses__()
        for step in kind._default_manager.filter(user=user.pk, confirmed=True)
    ]
    return sorted(rows, key=lambda step: step.created_at)


def labels_of(steps: Sequence[SecondStep], *, reader: User) -> dict[UUID, str]:
    """What their owner calls these steps, by id; those without a name are left out. A recorded read, when any has."""
    named = [step for step in steps if step.label is not None]
    if not named:
        return {}
    receipt = record_read(reader=reader, shown=named, category="sign-in", purpose="PATRQT")
    words = unseal_all([(step, "label") for step in named], receipt=receipt)
    return {step.pk: str(label) for step, label in zip(named, words, strict=True)}


def _kinds(steps: list[SecondStep]) -> set[str]:
    return {step.kind for step in steps}


class AuthenticatorAppManager(models.Manager["AuthenticatorApp"]):
    @verb(actor="by")
    def prepare(
        self, *, user: User, by: Agent, name: str = "", secret: bytes | None = None
    ) -> AuthenticatorApp:
        """A new app, not yet proven. One may be under way at a time; an older attempt is forgotten."""
        self.filter(user=user, confirmed=False).delete()
        app = AuthenticatorApp(user=user, confirmed=False)
        app.call_it(name)
        app.seed = seal(base64.b32encode(secret or secrets.token_bytes(20)).decode(), into=app, field="seed")
        app.save(force_insert=True)
        return app

    def proven(self, user: User) -> models.QuerySet[AuthenticatorApp]:
        return self.filter(user=user, confirmed=True).order_by("created_at")


class AuthenticatorApp(SecondStep):
    """A phone app that shows a new code every 30 seconds (TOTP, RFC 6238)."""

    seed = SealedField(kind=Kind.SECRET)
    # The step of the last code used: only later steps open, so no code opens twice, nor an older one after it.
    last_step = models.BigIntegerField(default=-1)

    objects = AuthenticatorAppManager()

    @property
    def kind(self) -> str:
        return "totp"

    def use_up(self, token: str) -> bool:
        if len(token) != DIGITS or not (token.isascii() and token.isdigit()):
            return False
        totp = TOTP(base64.b32decode(self.secret()), STEP, 0, DIGITS)
        totp.time = time.time()
        if not totp.verify(int(token), TOLERANCE, self.last_step + 1):
            return False
        self.last_step = totp.t()
        return True

    def secret(self) -> str:
        """The seed in base32, as an app wants it typed."""
        return open_secret(self, "seed")

    def config_url(self, *, account: str) -> str:
        issuer = settings.CLINIC_NAME.replace(":", " ")
        query = urlencode({"secret": self.secret(), "issuer": issuer}, quote_via=quote)
        return f"otpauth://totp/{quote(issuer)}:{quote(account, safe='@')}?{query}"


class RecoverySheetManager(models.Manager["RecoverySheet"]):
    @verb(actor="by")
    def print_new(self, *, user: User, by: Agent) -> tuple[RecoverySheet, list[str]]:
        """Ten new codes, shown now and never again. They count once one of them has been typed back."""
        for old in self.filter(user=user, confirmed=False):
            old.tear_up()
        sheet: RecoverySheet = self.create(user=user, name="", confirmed=False)
        codes = [
            "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES_ON_A_SHEET)
        ]
        for code in codes:
            RecoveryCode.objects.create(sheet=sheet, code_digest=sheet.digest_of(code))
        return sheet, codes

    def of(self, user: User) -> RecoverySheet | None:
        return self.filter(user=user, confirmed=True).first()


class RecoverySheet(CountedDevice):
    """Ten codes on paper, for the day the phone is lost."""

    objects = RecoverySheetManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed=True), name="one_recovery_sheet"
            )
        ]

    @property
    def kind(self) -> str:
        return "recovery"

    @property
    def left(self) -> int:
        return self.codes.filter(used_at=None).count()

    def digest_of(self, code: str) -> str:
        # Keyed, and salted by the sheet: without the key a stolen table is no use even for guessing.
        return digest(f"{self.pk}:{code}", purpose="recovery-code")

    def use_up(self, token: str) -> bool:
        # The lock on the sheet, held by the caller, is what makes "unused" and "used" one step.
        code = self.codes.filter(code_digest=self.digest_of(token), used_at=None).first()
        if code is None:
            return False
        code.used_at = timezone.now()
        code.save(update_fields=["used_at"])
        return True

    @verb(actor="by")
    def confirm(self, *, by: User) -> None:
        """One code was typed back: she has kept them. The sheet before this one is worth nothing now."""
        for old in RecoverySheet.objects.filter(user=by, confirmed=True).exclude(pk=self.pk):
            old.tear_up()
        self.confirmed = True
        self.save(update_fields=["confirmed"])
        record(
            agent=by, type="factor", subtype="factor-add", action="C", obj=self, detail={"kind": self.kind}
        )

    def tear_up(self) -> None:
        self.codes.all().delete()
        self.delete()


class RecoveryCode(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(RecoverySheet, on_delete=models.PROTECT, related_name="codes")
    code_digest = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"
