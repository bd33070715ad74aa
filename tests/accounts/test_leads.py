"""Nobody's care is led by somebody who has left: another is named in the same step, or the team as a whole does."""

from __future__ import annotations

import pytest

from accounts.models import RoleGrant, User
from accounts.refusals import NotInTeam
from audit.models import AuditEvent


def leading(cast) -> User | None:
    return cast.patient("ana").care_relationships.get(team=cast.team("okafor"), ends_at=None).lead


@pytest.fixture
def root(cast, enter):
    return enter(cast.root, fresh="people")


def test_whoever_is_shut_out_is_followed_by_whom_the_administrator_names(cast, root):
    address, team = f"/people/{cast.okafor.pk}/close/", cast.team("okafor")
    form = root.get(address).content.decode()
    assert "Who leads the care of 1 patient in Okafor team?" in form and "Dr Ingrid Lund" not in form
    for wrong in ("", str(cast.lund.pk), "x"):
        answer = root.post(address, {"why": "Has left the clinic", f"lead-{team.pk}": wrong})
        assert answer.status_code == 422 and "Has left the clinic" in answer.content.decode()
    assert leading(cast) == cast.okafor and User.objects.get(pk=cast.okafor.pk).is_active
    root.post(address, {"why": "Has left the clinic", f"lead-{team.pk}": str(cast.maya.pk)})
    assert leading(cast) == cast.maya
    event = AuditEvent.objects.get(type="record", subtype="lead")
    assert event.patient_id == cast.patient("ana").pk and event.agent_id == str(cast.root.pk)
    # Who led before is not rewritten: her reading of then had that reason.
    before = cast.patient("ana").care_relationships.get(team=team, ends_at__isnull=False)
    assert before.lead == cast.okafor and before.is_primary


def test_whoever_leaves_a_team_is_followed_too(cast, root):
    address, place = f"/people/{cast.okafor.pk}/teams/", cast.okafor.team_memberships.get()
    answer = root.post(address, {"place": str(place.pk)})
    assert answer.status_code == 422 and "Choose who leads the care" in answer.content.decode()
    assert leading(cast) == cast.okafor and cast.okafor.team_memberships.filter(ends_at=None).exists()
    root.post(address, {"place": str(place.pk), "lead": str(cast.maya.pk)})
    assert leading(cast) == cast.maya and not cast.okafor.team_memberships.filter(ends_at=None).exists()
    # Whoever leads nobody's care is not asked about.
    assert "Who leads" not in root.get(f"/people/{cast.sam.pk}/").content.decode()


@pytest.mark.parametrize("how", ["left the team", "lost her role", "was shut out", "is family"])
def test_where_nobody_is_named_the_team_leads_in_the_same_step(cast, how):
    okafor, ana = User.objects.get(pk=cast.okafor.pk), cast.patient("ana")
    if how == "left the team":
        okafor.team_memberships.get().end(by=cast.root)
    elif how == "lost her role":
        RoleGrant.objects.get(user=okafor).withdraw(by=cast.root)
    elif how == "was shut out":
        okafor.deactivate(by=cast.root)
    else:
        ana.family_links.declare(patient=ana, user=okafor, by=cast.maya)
    assert leading(cast) is None


def test_nobody_from_outside_the_team_can_be_named_and_then_nothing_happens(cast):
    okafor = User.objects.get(pk=cast.okafor.pk)
    with pytest.raises(NotInTeam):
        okafor.deactivate(by=cast.root, leads={cast.team("okafor").pk: cast.lund})
    assert leading(cast) == cast.okafor and User.objects.get(pk=okafor.pk).is_active
