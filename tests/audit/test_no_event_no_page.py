"""HSR-06, AU1: every page that shows something says so in the trail first, and shows nothing when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import Client

from audit.models import AuditEvent
from messaging.models import Draft
from tests.cast import Cast, Enter
from tests.work import Work

WORDS = ("Headaches", "wake up", "Amlodipine", "each morning", "Alvarez", "1956")


class Clinic:
    """One conversation, one medicine and one refill request of Ana's, and where they can be read."""

    def __init__(self, cast: Cast, work: Work, enter: Enter) -> None:
        self.cast, self.enter = cast, enter
        thread = work.thread()
        medicine = work.medicine()
        request = work.refill(of=medicine)
        another = work.medicine(name="Amlodipine 10 mg")
        draft = Draft.objects.begin(
            by=cast.ana, patient=cast.patient("ana"), urgent="no", category=thread.category
        )
        draft.keep(by=cast.ana, subject="Headaches again", body="I wake up with them.")
        self.pages = {
            "her messages": ("ana", "/messages/"),
            "her conversation": ("ana", f"/messages/{thread.pk}/"),
            "her drafts": ("ana", "/messages/drafts/"),
            "her draft": ("ana", f"/messages/drafts/{draft.pk}/text/"),
            "her draft, checked": ("ana", f"/messages/drafts/{draft.pk}/check/"),
            "her conversation to print": ("ana", f"/messages/{thread.pk}/print/"),
            "searching her messages": ("ana", "/messages/search/"),
            "her medicines": ("ana", "/medicines/"),
            "asking for a refill": ("ana", f"/medicines/{another.pk}/refill/"),
            "her request": ("ana", f"/medicines/requests/{request.pk}/"),
            "who has seen her record": ("ana", "/privacy/"),
            "her account": ("ana", "/account/"),
            "how she is reached": ("ana", "/account/contact/"),
            "messages for her daughter": ("rosa", "/messages/"),
            "the team inbox": ("maya", "/inbox/"),
            "a conversation at work": ("maya", f"/inbox/{thread.pk}/"),
            "the refills": ("okafor", "/refills/"),
            "one refill": ("okafor", f"/refills/{request.pk}/"),
            "the trail": ("mira", "/audit/events/"),
            "one event": ("mira", f"/audit/events/{AuditEvent.objects.latest().pk}/"),
            "her messages, for programs": ("ana", "/api/v1/threads/"),
            "her conversation, for programs": ("ana", f"/api/v1/threads/{thread.pk}/"),
            "her requests, for programs": ("ana", "/api/v1/refills/"),
        }

    def browser(self, who: str) -> Client:
        return self.enter(self.cast[who], client=Client(raise_request_exception=False))


@pytest.fixture
def clinic(transactional_db: None, cast: Cast, work: Work, enter: Enter) -> Clinic:
    return Clinic(cast, work, enter)


@pytest.fixture
def full_disk(transactional_db: None) -> Iterator[Callable[[], None]]:
    def fill() -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_auditevent ADD CONSTRAINT disk_full CHECK (false) NOT VALID")

    yield fill
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent DROP CONSTRAINT IF EXISTS disk_full")


def test_every_page_is_recorded_before_it_is_shown(clinic: Clinic) -> None:
    for page, (who, address) in clinic.pages.items():
        readings = AuditEvent.objects.filter(agent_id=str(clinic.cast[who].pk), type="access")
        before = readings.count()
        assert clinic.browser(who).get(address).status_code == 200, page
        assert readings.count() > before, page
        event = readings.latest()
        assert event.request_id, page
        if who != "mira":
            assert event.patient_id == clinic.cast.patient("ana").pk, page


def test_what_cannot_be_recorded_is_not_shown(clinic: Clinic, full_disk: Callable[[], None]) -> None:
    browsers = {who: clinic.browser(who) for who, _address in clinic.pages.values()}
    full_disk()
    for page, (who, address) in clinic.pages.items():
        answer = browsers[who].get(address)
        assert answer.status_code == 500, page
        for word in WORDS:
            assert word not in answer.content.decode(), page
