"""The clinic at work: its inboxes and hours, and short ways to what a test begins with."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.cast import Cast, opened
from tests.remembered import remembered

if TYPE_CHECKING:
    from accounts.models import User
    from messaging.models import Attachment, Pool, Prescription, RefillRequestItem, Thread, WorkItem
    from portal.demo_practice import Practice
    from tests.test_access_matrix import Clinic


class Work:
    """What people do all day, through the verbs. Keys name the cast: `work.thread(by="rosa")`."""

    def __init__(self, cast: Cast, practice: Practice) -> None:
        self.cast = cast
        self.practice = practice

    def pool(self, team: str) -> Pool:
        return self.practice.pools[team]

    def thread(
        self,
        *,
        by: str = "ana",
        patient: str = "",
        about: str = "medical_question",
        subject: str = "Headaches",
        body: str = "I wake up with a headache.",
        **more: Any,
    ) -> Thread:
        from messaging.models import Category, Thread

        return Thread.objects.start(
            by=self.cast[by],
            patient=self.cast.patient(patient or {"rosa": "ana"}.get(by, by)),
            category=Category.objects.get(code=about),
            subject=subject,
            body=body,
            **more,
        )

    def item(self, thread: Thread) -> WorkItem:
        from messaging.models import WorkItem

        return WorkItem.objects.filter(thread=thread).latest("created_at")

    def medicine(
        self,
        *,
        patient: str = "ana",
        name: str = "Amlodipine 5 mg",
        directions: str = "One tablet each morning",
        schedule: str = "",
        **more: Any,
    ) -> Prescription:
        from audit.seals import seal
        from messaging.clock import clinic_date
        from messaging.models import Prescription

        prescriber = {"ana": "okafor", "ben": "lund"}[patient]
        today = clinic_date()
        order = Prescription(
            patient=self.cast.patient(patient),
            team=self.cast.team(prescriber),
            prescriber=self.cast[prescriber],
            schedule=schedule,
            **{
                "quantity": 90,
                "days_supply": 90,
                "repeats_allowed": 3,
                "repeats_used": 1,
                "issued_on": today - timedelta(days=100),
                "valid_until": today + timedelta(days=200),
                "last_filled_on": today - timedelta(days=80),
                **more,
            },
        )
        order.medicine = seal(name, into=order, field="medicine")
        order.directions = seal(directions, into=order, field="directions")
        order.save(force_insert=True)
        return order

    def refill(
        self, *, by: str = "ana", of: Prescription | None = None, comment: str = ""
    ) -> RefillRequestItem:
        from messaging.models import RefillRequest

        of = of or self.medicine(patient={"rosa": "ana"}.get(by, by))
        return RefillRequest.objects.ask(by=self.cast[by], prescription=of, comment=comment)

    def unsent_file(self, thread: Thread, **more: Any) -> Attachment:
        """A file that Ana has added and not sent."""
        return self.file(thread, message=None, **more)

    def file(
        self, thread: Thread, *, by: str = "ana", content: bytes = b"", name: str = "arm.png", **more: Any
    ) -> Attachment:
        """A file sent with a message in `thread`, without the washing, which has tests of its own."""
        from audit.files import Transit
        from messaging.filing.intake import Washed
        from messaging.filing.kinds import Kind
        from messaging.models import Attachment, Scan, Side

        message = thread.messages.exclude(author=None).latest("sent_at")
        row = Attachment(
            patient_id=thread.patient_id,
            thread=thread,
            uploaded_by=self.cast[by],
            side=Side.PATIENT if message.side == Side.PATIENT else Side.TEAM,
            upload_digest="0" * 64,
            **{"message": message, "scan": Scan.UNSCANNED, **more},
        )
        transit = Transit()
        transit.write(content or b"a picture")
        row.hold(Washed(Kind.PNG, transit.finish(), taken_out=False), given_name=name)
        row.save(force_insert=True)
        return row

    def again(self, key: str) -> User:
        """The person as a new request knows her: without rights remembered from before."""
        from accounts.models import User

        return User.objects.get(pk=self.cast[key].pk)


@pytest.fixture
def work(cast: Cast) -> Work:
    from portal.demo_practice import open_practice

    return Work(cast, cast.practice or open_practice(cast.clinic, neighbours=()))


@pytest.fixture
def clinic(db: None) -> Clinic:
    """Something behind every address, for tests that walk them all. It brings a cast and a work of its own."""
    from tests.test_access_matrix import Clinic

    def fill() -> Clinic:
        practice = opened()
        return Clinic(Work(Cast(practice.clinic, practice), practice))

    return remembered("addresses", fill)


def events_since(moment: Any = None) -> Any:
    """The audit trail, oldest first, from `moment` (default: all of it)."""
    from audit.models import AuditEvent

    events = AuditEvent.objects.order_by("recorded_at", "xid", "id")
    return events.filter(recorded_at__gte=moment) if moment else events


def words(response: Any) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
