"""A team has a name and a purpose in each language that patients read. Staff, the API and the trail keep the first."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import FormerTeamName
from messaging.models import Draft
from tests.work import words

BOXES = {
    "name": "River team",
    "name_es": "Equipo del río",
    "purpose": "Your own doctor",
    "purpose_es": "Quien le atiende siempre.",
}


@pytest.fixture
def ana_reads_spanish(cast):
    cast.ana.prefer_language("es", by=cast.ana)


@pytest.fixture
def renamed(cast, enter):
    """An administrator has written both names down."""
    address = reverse("team-rename", args=[cast.team("okafor").pk])
    assert enter(cast.root).post(address, BOXES).status_code == 302


def pages_of_ana(work, cast) -> dict[str, str]:
    """Wherever a patient reads who reads her."""
    thread, refill = work.thread(), work.refill()
    letter = Draft.objects.begin(by=cast.ana, patient=cast.patient("ana"), urgent="no")
    letter.choose(by=cast.ana, category=thread.category, pool=work.pool("okafor"))
    letter.keep(by=cast.ana, subject="Mareos", body="Desde el martes.")
    return {
        "topic": reverse("draft-topic", args=[letter.pk]),
        "check": reverse("draft-check", args=[letter.pk]),
        "sent": reverse("message-sent", args=[thread.pk]),
        "thread": reverse("thread", args=[thread.pk]),
        "print": reverse("thread-print", args=[thread.pk]),
        "refill": f"{reverse('refill-request', args=[refill.pk])}?done=asked",
    }


def test_patients_read_a_team_in_their_own_language(renamed, work, cast, enter, ana_reads_spanish):
    pages = pages_of_ana(work, cast)
    spanish, english = enter(cast.ana), enter(cast.rosa)
    for name, address in pages.items():
        page = words(spanish.get(address))
        assert "River team" not in page and "Your own doctor" not in page, name
        if name != "refill":
            assert "Equipo del río" in page, name
    assert "Quien le atiende siempre." in words(spanish.get(pages["topic"]))
    assert ".." not in words(spanish.get(pages["topic"])), "the page's own stop, and not a second one"
    enter(cast.maya).get(reverse("inbox-thread", args=[work.thread().pk]))
    assert "Trabaja en el equipo que le atiende: Equipo del río" in words(spanish.get(reverse("privacy")))
    assert "River team" in words(english.get(pages["thread"])), "her daughter reads English"


def test_without_a_second_name_everybody_reads_the_first(work, cast, enter, ana_reads_spanish):
    address = reverse("team-rename", args=[cast.team("okafor").pk])
    enter(cast.root).post(address, {**BOXES, "name_es": "", "purpose_es": ""})
    page = words(enter(cast.ana).get(pages_of_ana(work, cast)["topic"]))
    assert "River team" in page and "Your own doctor" in page


def test_staff_read_the_first_name_in_every_language(renamed, work, cast, enter):
    thread = work.thread()
    cast.maya.prefer_language("es", by=cast.maya)
    page = words(enter(cast.maya).get(reverse("inbox-thread", args=[thread.pk])))
    assert "River team" in page and "Equipo del río" not in page


def test_what_a_team_was_called_is_said_in_the_readers_language(work, cast, enter, ana_reads_spanish):
    thread = work.thread()
    address = reverse("team-rename", args=[cast.team("okafor").pk])
    assert enter(cast.root).post(address, BOXES).status_code == 302
    assert "(antes: Equipo Okafor)" in words(enter(cast.ana).get(reverse("thread", args=[thread.pk])))
    assert "(was: Okafor team)" in words(enter(cast.rosa).get(reverse("thread", args=[thread.pk])))
    cast.team("okafor").merge_into(successor=cast.team("lund"), by=cast.root)
    page = words(enter(cast.ana).get(reverse("thread", args=[thread.pk])))
    assert "Su conversación está ahora con Equipo Lund." in page
    inbox = words(enter(cast.lund).get(reverse("inbox-thread", args=[thread.pk])))
    assert "River team" in inbox and "Equipo" not in inbox


def test_the_boxes_begin_with_what_is_so_and_a_purpose_alone_is_no_new_name(renamed, work, cast, enter):
    root, team = enter(cast.root), cast.team("okafor")
    page = root.get(reverse("team", args=[team.pk])).content.decode()
    for text in BOXES.values():
        assert f'value="{text}"' in page
    assert FormerTeamName.objects.filter(team=team).count() == 1
    root.post(reverse("team-rename", args=[team.pk]), {**BOXES, "purpose": "Your usual doctor"})
    team.refresh_from_db()
    assert team.purpose == "Your usual doctor"
    assert FormerTeamName.objects.filter(team=team).count() == 1


def test_a_name_is_one_teams_in_either_language(renamed, cast, enter):
    lund = cast.team("lund")
    answer = enter(cast.root).post(
        reverse("team-rename", args=[lund.pk]), {"name": "Lund team", "name_es": "equipo DEL río"}
    )
    assert answer.status_code == 422
    lund.refresh_from_db()
    assert lund.name_es == "Equipo Lund"
