"""The people of the demo clinic, how they sign in, and the code each one's phone would show now.

Everything here is public knowledge: the same on every machine, written on the screen at every start. So it works in
the demo and in tests only, and `portal.checks` keeps such accounts out of production.
"""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.conf import settings
from django_otp.oath import TOTP

STEP = 30


@dataclass(frozen=True)
class Member:
    key: str
    name: str
    part: str

    @property
    def email(self) -> str:
        return f"{self.key}@riverside.example"

    @property
    def password(self) -> str:
        return f"{self.key}-walks-by-the-river"

    @property
    def totp_secret(self) -> bytes:
        return hashlib.sha256(f"riverside demo {self.key}".encode()).digest()[:20]

    def otpauth_uri(self) -> str:
        issuer = settings.CLINIC_NAME.replace(":", " ")
        secret = base64.b32encode(self.totp_secret).decode()
        return f"otpauth://totp/{quote(issuer)}:{quote(self.email)}?" + urlencode(
            {"secret": secret, "issuer": issuer}
        )

    def code(self, at: float | None = None) -> tuple[str, int]:
        """The present code, and for how many seconds it still holds."""
        at = time.time() if at is None else at
        totp = TOTP(self.totp_secret, STEP, 0, 6)
        totp.time = at
        return f"{totp.token():06d}", STEP - int(at) % STEP


CAST = (
    Member("ana", "Ana Alvarez", "patient"),
    Member("ben", "Ben Whitfield", "another patient"),
    Member("rosa", "Rosa Alvarez", "Ana's daughter, writes for her"),
    Member("okafor", "Dr Chidi Okafor", "physician, treats Ana"),
    Member("lund", "Dr Ingrid Lund", "physician, treats Ben"),
    Member("maya", "Maya Chen", "nurse in Dr Okafor's team"),
    Member("sam", "Sam Ortiz", "front desk"),
    Member("mira", "Mira Haddad", "privacy officer"),
    Member("root", "Root", "administrator of accounts"),
)
BY_KEY = {member.key: member for member in CAST}
