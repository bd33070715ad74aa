"""What has changed in the demo clinic: a team that became part of another, and a patient who moved away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.models import CareTeam, RecordState
from messaging.models import Pool
from portal.demo_clinic import FOUNDER, PHONE

if TYPE_CHECKING:
    from portal.demo_practice import Practice


def open_evening_team(practice: Practice) -> None:
    """Nora is looked after in the evening: what she wrote then was read by a team of its own."""
    if "nora" not in practice.patients:
        return
    team = CareTeam.objects.create(
        name="Evening team",
        name_es="Equipo de la tarde",
        purpose="Visits after work",
        purpose_es="Citas después del trabajo",
        phone=PHONE,
    )
    team.join(user=practice.users["okafor"], by=FOUNDER)
    team.join(user=practice.users["maya"], by=FOUNDER)
    care = practice.patients["nora"].care_relationships.get(team=practice.clinic.teams["okafor"])
    practice.clinic.teams["evening"] = team
    practice.pools["evening"] = Pool.objects.create(team=team)
    care.end(by=FOUNDER)
    team.care_for(
        patient=practice.patients["nora"], lead=practice.users["okafor"], is_primary=True, by=FOUNDER
    )


def let_things_change(practice: Practice) -> None:
    """After the stories: the evening team is one with Dr Okafor's, and Josephine has moved away."""
    if "evening" in practice.clinic.teams:
        okafor = CareTeam.objects.get(pk=practice.clinic.teams["okafor"].pk)
        practice.clinic.teams["evening"].merge_into(successor=okafor, by=practice.users["root"])
    if "josephine" in practice.patients:
        RecordState.objects.begin(
            patient=practice.patients["josephine"],
            state="inactive",
            reason="Moved to her sister in another state. Her new doctor has asked for the record.",
            by=practice.users["sam"],
        )
