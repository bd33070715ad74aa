"""What happened in the demo clinic lately: conversations of every kind, told through the verbs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import Notification
from messaging.clock import clinic_date, writing_history
from messaging.models import (
    Absence,
    Attachment,
    Category,
    Draft,
    Place,
    Priority,
    ReadReceipt,
    RefillRequest,
    Thread,
    WorkItem,
)
from portal.demo_changes import let_things_change, open_evening_team
from portal.demo_files import sent_file

if TYPE_CHECKING:
    from portal.demo_practice import Practice


@dataclass(frozen=True)
class Line:
    """Something somebody wrote, `hours` before the demo began; to the team alone when it is a `note`."""

    who: str
    hours: float
    text: str
    note: bool = False
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """One conversation, from the first message on."""

    patient: str
    about: str
    subject: str
    lines: tuple[Line, ...]
    urgent: bool = False
    closed: str = ""


STORIES = (
    Story(
        "ana", "medical_question", "Headaches since new tablets",
        (
            Line("ana", 30, "I started the new blood pressure tablets on Friday. Since then I wake up with a headache every morning. It goes away by lunch.\n\nShould I keep taking them?"),
            Line("maya", 27, "Morning readings in her diary go from 168/98 down to 151/90. Asked Dr Okafor about the dose.", note=True),
            Line("maya", 26, "Hello Ana. Thank you for telling us.\n\nPlease keep taking the tablets for now. A headache is common in the first week. I have asked Dr Okafor to check your numbers.\n\nCall us the same day if the top number goes over 180, or if you cannot see clearly.", files=("blood pressure diary.pdf",)),
        ),
    ),
    Story(
        "ana", "appointment", "Ride to my next visit",
        (
            Line("rosa", 70, "Can someone help my mother get to the clinic for her next visit? She cannot take the bus with her knee."),
        ),
    ),
    Story(
        "ana", "test_result", "Blood test result",
        (
            Line("ana", 400, "My A1c says 7.1. Is that better or worse than last time?"),
            Line("okafor", 380, "It is better than last time. It was 7.8 in spring. Keep going as you do."),
            Line("ana", 378, "Thank you. That is good to hear."),
        ),
        closed="answered",
    ),
    Story(
        "ben", "medical_question", "Cough for two weeks",
        (Line("ben", 20, "I have had a dry cough for two weeks, mostly at night. No fever. Do I need to come in?"),),
    ),
    Story(
        "tomas", "medical_question", "Dolor de cabeza y manchas en la vista",
        (Line("tomas", 1.5, "Desde ayer me duele mucho la cabeza y hoy también veo manchas. ¿Qué hago?"),),
        urgent=True,
    ),
    Story(
        "henry", "medical_question", "Swelling after knee surgery",
        (Line("henry", 3, "My calf is swollen and warm since last night, the same leg they operated on ten days ago. It hurts when I walk."),),
        urgent=True,
    ),
    Story("leo", "medical_question", "Rash after amoxicillin", (
        Line("dana", 22, "Small red dots came up on his belly two days after he began the medicine for his ear. He is playing and eating. Should we stop it?"),
        Line("dana", 21.5, "Here is a photo from this morning.", files=("rash.jpg",)),
    )),
    Story("grace", "test_result", "What does the high number mean?", (Line("grace", 21, "The result page shows TSH 6.2 in red. Nobody has called me about it. What does the high number mean?"),)),
    Story("ada", "medical_question", "Can I fly at 30 weeks?", (Line("ada", 19, "I have a work trip in two weeks, four hours each way. Is it safe to fly at 30 weeks? I feel well."),)),
    Story("walter", "form_or_letter", "New hearing aid batteries", (Line("walter", 26, "The shop says they need a letter from you before they can give me the next set of batteries for my hearing aids."),)),
    Story("priya", "medical_question", "Sore throat, day 4", (Line("priya", 5, "No fever now but it still hurts to swallow and my voice is gone. My daughter had strep last week."),)),
    Story("mei", "appointment", "Change my visit to the morning", (Line("mei", 8, "Any morning next week would work better for me than Thursday at 3. Is that possible?"),)),
    Story("josephine", "billing_or_admin", "A bill I do not understand", (Line("josephine", 50, "I was sent a bill for 84 dollars for the blood test in October. I thought Medicare pays for that one. Whom do I ask?"),)),
    Story("omar", "medical_question", "Back pain when I lift my son", (
        Line("omar", 60, "It started three weeks ago. It is worse in the morning and after I sit long."),
        Line("okafor", 44, "Thank you for the details. Does the pain go down your leg, and do you feel numb anywhere? Keep moving as much as you can until we know more."),
    )),
    Story("lucia", "referral", "Cita con dermatología", (
        Line("lucia", 90, "Me dijeron que me llamarían para la cita con la dermatóloga pero no me ha llamado nadie."),
        Line("maya", 80, "Hola Lucía. La clínica de dermatología tiene su pedido desde el lunes. Si no le llaman antes del viernes, escríbame aquí y yo les llamo."),
    )),
    Story("nora_again", "appointment", "My visit next month", (
        Line("nora_again", 12, "I was given a new record number at the desk. Is my visit next month still on?"),
    )),
    Story("nora", "medical_question", "Is it the same tablet?", (
        Line("nora", 150, "The pharmacy gave me round white tablets this time. Mine were oval and yellow. Is it the same medicine?"),
        Line("maya", 146, "Yes. It is the same medicine from another maker. The strength on the label is what counts: 20 mg, as before."),
        Line("nora", 145, "Thanks so much!"),
    ), closed="answered"),
)  # fmt: skip


def tell_stories(practice: Practice) -> None:
    """Write the clinic's recent history, as of now. Nobody is sent an e-mail about it."""
    began = timezone.now()
    open_evening_team(practice)
    for story in STORIES:
        if story.patient in practice.patients:
            _tell(practice, story, began)
    for key, who, hours, comment in (
        ("amlodipine", "ana", 25, "I have tablets for three more days."),
        ("levothyroxine", "grace", 30, ""),
        ("lisinopril", "walter", 6, "Going to my sister for two weeks, can I have it before?"),
        ("methylphenidate", "ben", 12, ""),
    ):
        if key in practice.prescriptions:
            with writing_history(began - timedelta(hours=hours)):
                RefillRequest.objects.ask(
                    by=practice.users[who], prescription=practice.prescriptions[key], comment=comment
                )
    _leave_begun(practice, began)
    let_things_change(practice)
    Notification.objects.filter(sent_at=None).update(given_up_at=began, last_error="demo history")


def _leave_begun(practice: Practice, began: datetime) -> None:
    """A message that Ana has begun, and some days away of Dr Okafor's, for whom Maya reads then."""
    ana, okafor = practice.users["ana"], practice.users["okafor"]
    with writing_history(began - timedelta(hours=4)):
        draft = Draft.objects.begin(
            by=ana,
            patient=practice.patients["ana"],
            urgent="no",
            category=Category.objects.get(code="form_or_letter"),
        )
        draft.keep(
            by=ana,
            subject="A letter for my pharmacy",
            body="The pharmacy asks for a letter that says since when",
        )
    today = clinic_date()
    Absence.objects.plan(
        by=okafor, cover=practice.users["maya"].pk, first_day=today, last_day=today + timedelta(days=3)
    )


def _tell(practice: Practice, story: Story, began: datetime) -> None:
    thread: Thread | None = None
    for line in story.lines:
        author = practice.users[line.who]
        with writing_history(began - timedelta(hours=line.hours)):
            if thread is None:
                thread = Thread.objects.start(
                    by=author,
                    patient=practice.patients[story.patient],
                    category=Category.objects.get(code=story.about),
                    subject=story.subject,
                    body=line.text,
                )
            elif line.note:
                thread.note(author=author, body=line.text)
            else:
                ReadReceipt.give(by=author, messages=thread.messages.all())
                for name in line.files:
                    place = Place(thread.side_of(author), thread=thread)
                    Attachment.objects.take_in(sent_file(name), by=author, at=place)
                thread.post(author=author, body=line.text)
    if thread is None:
        return
    item = WorkItem.objects.filter(thread=thread).latest("created_at")
    if story.closed and item.owner is not None:
        with writing_history(began - timedelta(hours=max(0.0, story.lines[-1].hours - 1))):
            thread.close(by=item.owner, outcome=story.closed)
    if story.urgent:
        item.press(priority=Priority.URGENT, due_at=began + timedelta(minutes=25))
