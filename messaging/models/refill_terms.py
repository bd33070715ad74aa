"""The words of a refill request: its states, why one is denied, and what goes with each answer."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.refusals import Incomplete


class RefillState(models.TextChoices):
    """States of one asked-for medicine (vocabulary of FHIR Task and NCPDP SCRIPT)."""

    RECEIVED = "received", _("Waiting for the team")
    IN_REVIEW = "in_review", _("Being looked at")
    APPROVED = "approved", _("Approved")
    APPROVED_WITH_CHANGES = "approved_with_changes", _("Approved with a change")
    REPLACED = "replaced", _("Replaced by a new order")
    DENIED = "denied", _("Not approved")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_STATES = (RefillState.RECEIVED, RefillState.IN_REVIEW)
DECIDED_STATES = (
    RefillState.APPROVED,
    RefillState.APPROVED_WITH_CHANGES,
    RefillState.REPLACED,
    RefillState.DENIED,
)


class DenialReason(models.TextChoices):
    """NCPDP SCRIPT denial codes, each with words for the patient that say what to do next."""

    TOO_SOON = "AD", _("It is too soon for a refill. Ask again when you have about a week left.")
    CALL_FIRST = "AF", _("We need to talk with you first. Call us.")
    NOT_APPROPRIATE = (
        "AG",
        _("This medicine is not right for you now. Write to your team about what to do instead."),
    )
    VISIT_NEEDED = "AM", _("You need a visit first. Call us to book one.")
    ANSWERED_ELSEWHERE = (
        "AP",
        _("This was already taken care of another way. Call us if you do not have your medicine."),
    )
    NEVER_PRESCRIBED = "AE", _("We did not order this medicine for you. Ask the clinic that did.")
    STOPPED = "DA", _("This medicine was stopped. Call us before you take it again.")
    ALLERGY = "CZ", _("You may be allergic to this medicine. Do not take it. Call us today.")


def checked_terms(
    outcome: RefillState, *, reason: str, note: str, quantity: int | None, repeats: int | None
) -> dict[str, object]:
    """Return the columns that go with `outcome`, or say which part is missing or does not fit it (SCRIPT
    RxRenewalResponse). A change that nobody would see is refused, not dropped."""
    if outcome != RefillState.APPROVED_WITH_CHANGES and not (quantity is None and repeats is None):
        raise Incomplete("outcome", _("To change the amount or the refills, answer “Approved with a change”"))
    if outcome != RefillState.DENIED and reason:
        raise Incomplete("outcome", _("A reason goes with “Not approved” only"))
    if outcome == RefillState.DENIED:
        if reason not in DenialReason.values:
            raise Incomplete("reason", _("Choose why, so the patient knows what to do next"))
        return {"reason": reason}
    if outcome == RefillState.APPROVED_WITH_CHANGES:
        if quantity is None and repeats is None:
            raise Incomplete("quantity", _("Write the amount or the number of refills that you change"))
        return {"quantity": quantity, "repeats": repeats}
    if outcome == RefillState.REPLACED and not note:
        raise Incomplete("note", _("Write what the patient gets instead and how to take it"))
    return {}
