"""A session is a row. The browser holds a random key; the row holds its digest, what was proven, and when."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts import places
from accounts.models.device import KnownDevice
from accounts.models.notification import Notification
from accounts.models.patient import Patient
from accounts.models.rights import Grant
from accounts.models.user import User
from accounts.notices import Notice
from accounts.refusals import SessionEnded
from audit.ids import uuid7
from audit.recorder import record
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.context import Agent

# A burst of requests within a second is one sign of life.
SEEN_AT_MOST_EVERY = timedelta(seconds=1)


def key_digest(key: str) -> str:
    # The key has 256 random bits: a plain hash cannot be turned back, and needs no secret.
    return hashlib.sha256(key.encode()).hexdigest()


class Strength(models.IntegerChoices):
    """How much this session has proven. Only FULL is signed in."""

    PASSWORD = 1
    ENROLLING = 2  # the second step is proven, the recovery codes are not yet saved
    FULL = 3


class End(models.TextChoices):
    SIGNED_OUT = "signed-out"
    IDLE = "idle"
    TOO_LONG = "too-long"
    ENDED_BY_OWNER = "ended-by-owner"
    RIGHTS_CHANGED = "rights-changed"
    DEACTIVATED = "deactivated"
    ENDED_BY_ADMIN = "ended-by-admin"


# Ends that came of time alone: what was being typed then is kept.
LAPSED = frozenset({End.IDLE, End.TOO_LONG})

# Ends by somebody who sits elsewhere, and may have been afraid of whoever was in it.
THROWN_OUT = frozenset({End.ENDED_BY_OWNER, End.ENDED_BY_ADMIN})


class SessionQuerySet(models.QuerySet["Session"]):
    def alive(self) -> Self:
        return self.filter(ended_at=None)

    def by_key(self, key: str) -> Session | None:
        """The session of this key with its person and her rights, in one statement."""
        with connection.cursor() as cursor:
            cursor.execute(_by_key(), {"key": key_digest(key), "now": timezone.now()})
            row = cursor.fetchone()
        return Session.found(row) if row is not None else None

    def end_overdue(self, *, by: Agent) -> int:
        """End the sessions whose time is over and to which nobody came back."""
        earliest = timezone.now() - min(settings.SESSION_IDLE_STAFF, settings.SESSION_HALF)
        waiting = self.alive().filter(last_seen_at__lte=earliest).select_related("user")
        return sum(session.end(by=by, reason=end) for session in waiting if (end := session.verdict()))

    def finish(self, *, reason: str) -> int:
        """End these sessions. Ended ones keep the end they had."""
        return self.alive().update(ended_at=timezone.now(), end_reason=reason)


class SessionManager(models.Manager.from_queryset(SessionQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def begin(self, *, by: User, browser: str = "", known_device: KnownDevice | None = None) -> Session:
        """Open a half signed-in session for somebody who knew the password. `session.key` is for her browser."""
        session: Session = self.model(
            user=by, stamp=by.security_stamp, device=device_words(browser), known_device=known_device
        )
        session.network, session.country = places.here()
        session.key = secrets.token_urlsafe(32)
        session.key_digest = key_digest(session.key)
        session.save(force_insert=True)
        return session


class Session(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sessions")
    key_digest = models.CharField(max_length=64, unique=True)
    strength = models.PositiveSmallIntegerField(choices=Strength.choices, default=Strength.PASSWORD)
    # Copy of the person's stamp when the session was opened.
    stamp = models.CharField(max_length=32)
    factor = models.CharField(max_length=16, default="password")
    device = models.CharField(max_length=80, blank=True)
    # From where it was used last, no finer than its owner needs to know it again (`accounts/places.py`).
    network = models.CharField(max_length=40, blank=True)
    country = models.CharField(max_length=2, blank=True)
    # The browser she has signed in with before, if it is one.
    known_device = models.ForeignKey(KnownDevice, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    # A second step shown again, and what for: good for that purpose alone, for a few minutes.
    proven_for = models.CharField(max_length=40, blank=True)
    proven_at = models.DateTimeField(null=True)
    # The patient a trusted person is helping, when she helps several. Checked against live grants at each use.
    acting_for = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, blank=True)

    objects = SessionManager()

    class Meta:
        indexes = [models.Index(fields=["user"], condition=Q(ended_at=None), name="session_alive_of")]
        constraints = [
            models.CheckConstraint(condition=Q(strength__in=Strength.values), name="session_strength_known"),
            models.CheckConstraint(
                condition=Q(ended_at=None, end_reason="") | Q(ended_at__isnull=False),
                name="session_end_has_reason",
            ),
        ]

    # Known only in the request that made or changed it; the database never sees it.
    key: str = ""
    # The same of the browser: the key it came with, and the one it has to keep from now on.
    browser_key: str = ""
    new_browser_key: str = ""

    def __str__(self) -> str:
        return f"session {self.pk}"

    @classmethod
    def found(cls, row: Sequence[Any]) -> Session:
        """A session as `by_key` reads it, with the rights handed to its person."""
        own, hers = _columns(cls), _columns(User, without=NOT_IN_A_REQUEST)
        database = connection.alias
        session = cls.from_db(database, own, row[: len(own)])
        user = User.from_db(database, hers, row[len(own) : len(own) + len(hers)])
        roles, patient_id, joined, grants, agreed_to, states = row[len(own) + len(hers) :]
        session.user = user.primed(
            roles=frozenset(roles),
            patient_id=patient_id,
            grants=tuple(
                Grant(
                    uuid.UUID(patient),
                    frozenset(scopes),
                    frozenset(topics),
                    uuid.UUID(stays) if stays else None,
                )
                for patient, scopes, topics, stays in grants
            ),
            verified=session.is_full,
            agreed_to=frozenset(agreed_to),
            joined=frozenset(joined),
        )
        user.session_id = session.pk
        user.states = {uuid.UUID(patient): state for patient, state in states.items()}
        return session

    @property
    def is_full(self) -> bool:
        return self.strength == Strength.FULL

    @property
    def is_enrolling(self) -> bool:
        return self.strength == Strength.ENROLLING

    # Time. One clock, the web server's, writes `last_seen_at` and judges it.

    @property
    def idle_at(self) -> datetime:
        """When it ends if nothing happens."""
        idle: timedelta = (
            settings.SESSION_IDLE_STAFF if self.user.works_here else settings.SESSION_IDLE_PATIENT
        )
        return self.last_seen_at + idle

    @property
    def over_at(self) -> datetime:
        """When it ends whatever happens."""
        longest: timedelta = settings.SESSION_ABSOLUTE if self.is_full else settings.SESSION_HALF
        return self.started_at + longest

    def has_run_out(self, now: datetime | None = None) -> bool:
        """Whether time has ended it, noticed or not."""
        return (now or timezone.now()) >= min(self.over_at, self.idle_at)

    def verdict(self, now: datetime | None = None) -> str:
        """Why this session is over, or an empty string while it lives."""
        now = now or timezone.now()
        if self.ended_at is not None:
            return self.end_reason
        if not self.user.is_active:
            return End.DEACTIVATED
        if self.stamp != self.user.security_stamp:
            return End.RIGHTS_CHANGED
        if now >= self.over_at:
            return End.TOO_LONG
        if now >= self.idle_at:
            return End.IDLE
        return ""

    def seen(self, now: datetime | None = None) -> None:
        """Note a sign of life. An ended row stays as it is: nothing here can bring a session back."""
        now = now or timezone.now()
        if now - self.last_seen_at < SEEN_AT_MOST_EVERY:
            return
        alive = Session.objects.alive().filter(pk=self.pk)
        network, country = places.here()
        place = {"network": network, "country": country} if network else {}
        alive.update(last_seen_at=Greatest("last_seen_at", now), **place)
        self.last_seen_at = max(self.last_seen_at, now)

    # Changes of strength. Each gives the browser a new key, so that an older copy of the cookie opens nothing.

    @verb(actor="by")
    def strengthen(self, *, by: User, strength: Strength, factor: str) -> None:
        self._turn(strength=strength, factor=factor, stamp=by.security_stamp)

    @verb(actor="by")
    def prove_again(self, *, by: User, purpose: str, factor: str) -> None:
        """The second step was shown again, for this purpose."""
        self._turn(proven_for=purpose, proven_at=timezone.now(), factor=factor)

    def is_fresh_for(self, purpose: str, now: datetime | None = None) -> bool:
        if self.proven_for != purpose or self.proven_at is None:
            return False
        now = now or timezone.now()
        fresh: bool = self.proven_at <= now < self.proven_at + settings.STEP_UP_AGE
        return fresh

    @verb(actor="by")
    def act_for(self, *, by: User, patient: Patient) -> None:
        Session.objects.alive().filter(pk=self.pk).update(acting_for=patient)
        self.acting_for = patient

    @verb(actor="by")
    def end(self, *, by: Agent, reason: str) -> bool:
        """End it, once. True when this call was the one that did.

        Ended by somebody who is not in it: its browser is a stranger from now on, unless she sits at the same one.
        """
        ended = Session.objects.filter(pk=self.pk).finish(reason=reason) == 1
        self.ended_at, self.end_reason = timezone.now(), reason
        if ended:
            record(
                agent=by,
                type="session",
                subtype="logout",
                obj=self,
                detail={"reason": reason},
                session_ended_at=self.ended_at,
            )
        if ended and reason in THROWN_OUT and self.known_device_id is not None:
            here = Session.objects.filter(pk=getattr(by, "session_id", None), known_device__isnull=False)
            KnownDevice.objects.filter(pk=self.known_device_id).exclude(
                pk__in=here.values("known_device")
            ).delete()
        return ended

    @verb(actor="by")
    def end_others(self, *, by: User) -> int:
        """End every other session of this person, and let no other browser be known to her account."""
        KnownDevice.objects.forget_all(of=by, by=by, but=self.known_device_id)
        others = Session.objects.alive().filter(user=by).exclude(pk=self.pk)
        return sum(other.end(by=by, reason=End.ENDED_BY_OWNER) for other in others.select_related("user"))

    @verb(actor="by")
    def remember_browser(self, *, by: User) -> KnownDevice:
        """She came in: from now on this browser is known to her account. Tell her if it was not, or not any more."""
        # Also where all have been made strangers: whoever comes back in one of them is told of.
        others = Session.objects.filter(user=by, strength=Strength.FULL).exclude(pk=self.pk).exists()
        device, key, new = KnownDevice.objects.remember(by=by, key=self.browser_key, words=self.device)
        if new and others:
            Notification.objects.warn(by, about=device, notice=Notice.NEW_DEVICE)
        Session.objects.alive().filter(pk=self.pk).update(known_device=device)
        self.known_device = device
        self.new_browser_key = key if key != self.browser_key else ""
        return device

    def was_turned(self) -> bool:
        """Whether another request with the same key has meanwhile got a new one."""
        return not Session.objects.filter(pk=self.pk, key_digest=self.key_digest).exists()

    def restamp(self, stamp: str) -> None:
        """Let this one session live on after a change of rights that its own person made in it."""
        Session.objects.alive().filter(pk=self.pk).update(stamp=stamp)
        self.stamp = stamp

    def _turn(self, **changes: object) -> None:
        key = secrets.token_urlsafe(32)
        turned = Session.objects.alive().filter(pk=self.pk, key_digest=self.key_digest)
        # Whoever ended the session, or turned the same key first, wins: no row, no new key.
        if not turned.update(key_digest=key_digest(key), **changes):
            raise SessionEnded
        self.key, self.key_digest = key, key_digest(key)
        for name, value in changes.items():
            setattr(self, name, value)


# What a request has no use for is not loaded with its person: her password's hash and her sealed address.
NOT_IN_A_REQUEST = frozenset({"password", "email"})


@cache
def _columns(model: type[models.Model], without: frozenset[str] = frozenset()) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if field.name not in without]


@cache
def _by_key() -> str:
    # By hand: every request asks this first, and building it anew took the ORM several times as long as asking it.
    runs = "starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s)"
    own = [f"s.{name}" for name in _columns(Session)]
    hers = [f"u.{name}" for name in _columns(User, without=NOT_IN_A_REQUEST)]
    return f"""
        SELECT {", ".join(own + hers)},
            ARRAY(SELECT role FROM accounts_rolegrant WHERE user_id = u.id AND {runs}),
            (SELECT id FROM accounts_patient WHERE user_id = u.id AND joined_into_id IS NULL),
            ARRAY(SELECT j.id FROM accounts_patient j JOIN accounts_patient p ON p.id = j.joined_into_id
                   WHERE p.user_id = u.id),
            (SELECT coalesce(json_agg(json_build_array(patient_id, scopes, categories,
                        (SELECT joined_into_id FROM accounts_patient WHERE id = patient_id))
                        ORDER BY starts_at, id), '[]')
               FROM accounts_proxygrant WHERE proxy_id = u.id AND {runs}),
            ARRAY(SELECT version FROM accounts_agreement WHERE user_id = u.id),
            (SELECT coalesce(json_object_agg(id, state), '{{}}') FROM accounts_patient
              WHERE state <> 'active' AND id = ANY(ARRAY(
                    SELECT id FROM accounts_patient WHERE user_id = u.id UNION ALL
                    SELECT patient_id FROM accounts_proxygrant WHERE proxy_id = u.id AND {runs})))
        FROM accounts_session s JOIN accounts_user u ON u.id = s.user_id
        WHERE s.key_digest = %(key)s
    """  # noqa: S608  (column names of our own models)


_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def device_words(browser: str) -> str:
    """A browser's own description in a few words its owner knows: "Firefox on Windows"."""
    program = next((words for mark, words in _BROWSERS if re.search(rf"(\b|Headless){mark}", browser)), "")
    system = next((words for mark, words in _SYSTEMS if mark in browser), "")
    return " · ".join(filter(None, [program, system]))
