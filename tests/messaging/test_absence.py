"""Nobody is away without cover: the cover is told of new work, and patients read who it is (TR7)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notification
from messaging.clock import clinic_date
from messaging.models import Absence, Thread
from messaging.refusals import Incomplete, MayNot
from messaging.tasks import check_covers
from tests.letters import begin
from tests.messaging.test_leaving import leaves
from tests.work import words


def plan(cast, who="okafor", cover="maya", first=0, last=2):
    today = clinic_date()
    return Absence.objects.plan(
        by=cast[who],
        cover=cast[cover].pk if cover else None,
        first_day=today + timedelta(days=first),
        last_day=today + timedelta(days=last),
    )


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"cover": None}, "cover"),
        ({"cover": "okafor"}, "cover"),
        ({"cover": "lund"}, "cover"),
        ({"cover": "ana"}, "cover"),
        ({"first": 2, "last": 1}, "last_day"),
        ({"first": -3, "last": -1}, "last_day"),
        ({"last": 400}, "last_day"),
    ],
)
def test_what_leaves_patients_without_a_reader_is_refused(work, cast, how, field):
    with pytest.raises(Incomplete) as refused:
        plan(cast, **how)
    assert refused.value.field == field
    assert not Absence.objects.exists()
    assert plan(cast)


def test_two_cannot_cover_for_each_other_and_who_is_away_covers_nobody(work, cast):
    first = plan(cast, first=1, last=3)
    with pytest.raises(Incomplete):
        plan(cast, "maya", "okafor", first=2, last=2)  # he is away, and she reads for him
    with pytest.raises(Incomplete):
        plan(cast, first=3, last=5)  # away already
    assert plan(cast, "maya", "okafor", first=4, last=5)
    first.end(by=cast.okafor)
    assert plan(cast, "maya", "okafor", first=2, last=2), "one that was taken back stands in nobody's way"


def test_only_those_who_care_for_patients_plan_and_only_their_own_is_ended(work, cast):
    for nobody in ("ana", "mira", "root"):
        with pytest.raises(MayNot):
            plan(cast, nobody)
    with pytest.raises(MayNot):
        plan(cast).end(by=cast.maya)


def test_days_are_those_of_the_clinics_calendar(work, cast, settings):
    absence = plan(cast, first=0, last=0)
    day = clinic_date()
    assert (clinic_date(absence.starts_at), clinic_date(absence.ends_at)) == (day, day + timedelta(days=1))
    assert clinic_date(absence.ends_at - timedelta(seconds=1)) == day
    with time_machine.travel(absence.ends_at, tick=False):
        assert not Absence.objects.at(timezone.now()).exists()


def told() -> set[str]:
    return set(Notification.objects.filter(notice="work_waiting").values_list("person", flat=True))


def test_the_cover_is_told_of_new_work_instead_of_the_one_who_is_away(work, cast):
    plan(cast)
    work.thread()
    assert told() == {cast.maya.pk}


def test_work_that_the_absent_holds_wakes_the_cover(work, cast):
    thread = work.thread()
    thread.post(author=cast.okafor, body="How often?")
    Notification.objects.all().delete()
    plan(cast)
    thread.post(author=cast.ana, body="Daily.")
    assert told() == {cast.maya.pk}


def test_patients_read_who_is_away_until_when_and_who_reads_meanwhile(work, cast, enter):
    browser = enter(cast.ana)
    ref = begin(browser)
    form = {"category": "medical_question", "subject": "Knee", "body": "Swollen."}
    browser.post(reverse("draft-topic", args=[ref]), form)
    browser.post(reverse("draft-text", args=[ref]), form)
    check = reverse("draft-check", args=[ref])
    assert "is away" not in words(browser.get(check))
    absence = plan(cast)
    sent = browser.post(check, follow=True)
    thread = Thread.objects.get()
    ref = begin(browser)
    browser.post(reverse("draft-topic", args=[ref]), form)
    browser.post(reverse("draft-text", args=[ref]), form)
    pages = [sent, browser.get(reverse("draft-check", args=[ref])), browser.get(thread.get_absolute_url())]
    for page in pages:
        assert "Dr Chidi Okafor is away and back on" in words(page)
        assert "Maya Chen, nurse, reads in the meantime." in words(page)
    absence.end(by=cast.okafor)
    assert "is away" not in words(browser.get(thread.get_absolute_url()))


def test_the_page_plans_shows_and_ends_it(work, cast, enter):
    browser, at = enter(cast.okafor), reverse("absences")
    today = clinic_date()
    form = {"first_day": str(today), "last_day": str(today + timedelta(days=1)), "cover": str(cast.maya.pk)}
    page = words(browser.get(at))
    assert "Maya Chen" in page and "Ingrid Lund" not in page
    for wrong in (
        {"cover": ""},
        {"cover": str(cast.lund.pk)},
        {"first_day": "soon"},
        {"last_day": "9999-12-31"},
    ):
        answer = browser.post(at, {**form, **wrong})
        assert answer.status_code == 422 and "There is a problem" in words(answer), wrong
    done = browser.post(at, form, follow=True)
    assert "Saved. Patients are told" in words(done) and "Away now" in words(done)
    assert "You read for" in words(enter(cast.maya).get(at))
    absence = Absence.objects.get()
    assert enter(cast.maya).post(reverse("absence-end", args=[absence.pk])).status_code == 404
    back = browser.post(reverse("absence-end", args=[absence.pk]), follow=True)
    assert "You are back." in words(back) and "No days away" in words(back)


@pytest.mark.parametrize("how", ["left the team", "lost her role", "was shut out"])
def test_a_cover_who_leaves_is_named_no_more_and_the_team_is_asked_for_another(work, cast, enter, how):
    cast.team("okafor").join(user=cast.lund, by=cast.root)
    thread, absence = work.thread(), plan(cast)
    Notification.objects.all().delete()
    leaves(cast, how)
    asked = Notification.objects.filter(notice="cover_missing")
    clinicians = {cast.okafor.pk, cast.lund.pk} | ({cast.maya.pk} if how == "lost her role" else set())
    assert set(asked.values_list("person", flat=True)) - {cast.maya.pk} == clinicians - {cast.maya.pk}
    once = asked.count()
    check_covers()
    assert asked.count() == once, "told once, however often the job looks"

    page = words(enter(cast.ana).get(thread.get_absolute_url()))
    assert "Dr Chidi Okafor is away" in page and "The team reads in the meantime." in page
    assert "Maya Chen, nurse, reads" not in page
    thread.post(author=cast.ana, body="Still sore.")
    assert cast.lund.pk in told() and cast.okafor.pk not in told()

    lund, at = enter(cast.lund), reverse("absences")
    assert "Nobody reads in place of Dr Chidi Okafor" in words(lund.get(at))
    hers = words(enter(cast.okafor).get(at))
    assert "Nobody reads in your place" in hers and "Maya Chen reads in the meantime" not in hers
    cover = reverse("absence-cover", args=[absence.pk])
    for wrong in ("", "x", str(cast.okafor.pk), str(cast.sam.pk)):
        assert lund.post(cover, {"cover": wrong}).status_code == 422
    done = words(lund.post(cover, {"cover": str(cast.lund.pk)}, follow=True))
    assert "This colleague reads from now on" in done and "Nobody reads in place" not in done
    assert "Dr Ingrid Lund, physician, reads in the meantime." in words(
        enter(cast.ana).get(thread.get_absolute_url())
    )


def test_only_whoever_works_with_the_absent_one_chooses_who_reads(work, cast, enter):
    cast.team("okafor").join(user=cast.lund, by=cast.root)
    absence = plan(cast)
    form, cover = {"cover": str(cast.lund.pk)}, reverse("absence-cover", args=[absence.pk])
    assert enter(cast.sam).post(cover, form).status_code == 404
    assert enter(cast.ana).post(cover, form).status_code == 403
    assert enter(cast.maya).post(cover, form).status_code == 302
    absence.end(by=cast.okafor)
    assert enter(cast.maya).post(cover, form).status_code == 404, "what is over is nobody's to change"
