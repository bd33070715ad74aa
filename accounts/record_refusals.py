"""The ways a record says no: to being joined with another, and to an account before its time."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from audit.refusals import Refusal


class SameRecord(Refusal):
    code = "same_record"
    words = _("These are one record already.")


class JoinedAway(Refusal):
    """The record was joined with another one, which has taken its place."""

    code = "record_joined"
    words = _("This record was joined with another one. Use the other one.")


class JoinGone(Refusal):
    """It was confirmed, dropped or undone by somebody else."""

    code = "join_gone"
    words = _("This was decided meanwhile. Look at the record again.")


class MayNotJoin(Refusal):
    code = "may_not_join"
    status = 403
    words = _("Only the front desk of a team that looks after one of the two can do this.")


class StatesDiffer(Refusal):
    """Joining would wake the dead, or lift what was decided against somebody."""

    code = "states_differ"
    words = _("These records are in states that do not fit. Put the state right first, then join them.")


class OneHelpsTheOther(Refusal):
    code = "one_helps_the_other"
    words = _("One of the two is a trusted person of the other. End that first, if they are one person.")


class AccountOfStaff(Refusal):
    """The account that would be closed belongs to somebody who works here."""

    code = "account_of_staff"
    words = _(
        "The account of this record belongs to somebody who works here. Keep this record, not the other."
    )


class JoinWaits(Refusal):
    code = "join_waits"
    words = _("Joining this record waits for a second person already.")


class SomebodyElse(Refusal):
    """Who asked for a join with different birth dates does not confirm it."""

    code = "somebody_else"
    status = 403
    words = _("The birth dates differ, so a second person must confirm this.")


class LaterJoinFirst(Refusal):
    code = "later_join_first"
    words = _("The record that stayed was itself joined later. Undo that first.")


class TooYoungForAccount(Refusal):
    """The table of the jurisdiction gives nobody of her age an account of her own."""

    code = "too_young_for_account"

    def __init__(self, age: int) -> None:
        super().__init__()
        self.words = format_lazy(
            _(
                "Nobody has an account of her own here before age {age}. A parent can help as a trusted person."
            ),
            age=age,
        )


class NobodyToInvite(Refusal):
    """Invited, taken off the list or joined meanwhile."""

    code = "nobody_to_invite"
    words = _("This patient is not on the list any more. Somebody may have been faster.")


class SameBirthDate(Refusal):
    code = "same_birth_date"
    status = 422
    words = _("That is the birth date on file. Nothing would change.")


class LetsMoreBeDone(Refusal):
    """By the new date somebody may do more for the patient, and nobody has said yes to that."""

    code = "lets_more_be_done"
    status = 422
    words = _("Somebody may do more then, or for longer. Read it, and tick that you want it.")
