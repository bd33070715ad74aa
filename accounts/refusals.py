"""The ways the doors say no."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from audit.refusals import Refusal

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class LoginTaken(Refusal):
    code = "login_taken"
    words = _("Somebody signs in with this e-mail already.")


class SignInRefused(Refusal):
    """Wrong e-mail, wrong password, no such account, or an account that was closed: one answer for all."""

    code = "sign_in_refused"
    status = 422
    words = _("That e-mail and password did not match. Check both and try again.")


class CodeRefused(Refusal):
    """Wrong, used before, or not a code at all."""

    code = "code_refused"
    status = 422
    words = _("That code did not match. Codes change every 30 seconds. Try the newest one.")


class RecoveryCodeRefused(CodeRefused):
    words = _("That recovery code did not match. Each one works once. Check the letters and try again.")


class TooManyTries(Refusal):
    """The door stays shut for a while, also to the right answer."""

    code = "too_many_tries"
    status = 429
    words = _("To keep you safe we stopped for 15 minutes.")

    def __init__(self, until: datetime, wait: timedelta) -> None:
        super().__init__()
        self.until = until
        self.seconds = max(1, math.ceil(wait.total_seconds()))
        if wait > timedelta(minutes=15):
            self.words = _("To keep you safe we stopped for today.")


class TooMuch(Refusal):
    """More than anybody does by hand in so short a time."""

    code = "too_much"
    status = 429
    words = _("You did this very often in a short time. Wait a while, then try again.")

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class WrongPassword(Refusal):
    code = "wrong_password"
    status = 422
    words = _("That is not your password. Check it and try again.")


class PasswordTooEasy(Refusal):
    code = "password_too_easy"
    status = 422

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class LinkSpent(Refusal):
    """Used before, too old, or never one of ours: one answer for all."""

    code = "link_spent"
    status = 410
    words = _("This link does not work any more. Ask for a new one.")


class SameAddress(Refusal):
    code = "same_address"
    status = 422
    words = _("That is the one we have. Write the new one.")


class ContactJustChanged(Refusal):
    code = "contact_just_changed"
    words = _("You changed your e-mail less than 24 hours ago. Undo that change, or wait until tomorrow.")


class NothingToUndo(Refusal):
    code = "nothing_to_undo"
    words = _("This cannot be undone any more. You can change it again.")


class SessionEnded(Refusal):
    """Somebody ended this session while it was being used."""

    code = "session_ended"
    status = 401
    words = _("You were signed out. Sign in to go on.")


class LastFactor(Refusal):
    code = "last_factor"
    words = _("You need this one. Add another one first.")


class PasskeyRefused(CodeRefused):
    """Not a key of this account, not an answer to what we asked, or answered before."""

    code = "passkey_refused"
    words = _("That passkey did not work. Try again, or use another way.")


class PasskeyNeeded(Refusal):
    """This account opens with a passkey, and it has one."""

    code = "passkey_needed"
    status = 422
    words = _("Your work needs a passkey. Use your passkey to go on.")


class NothingAsked(Refusal):
    """No such patient, another birth date, or nobody who asked: one answer for all."""

    code = "nothing_asked"
    status = 422
    words = _("These do not fit, or the patient has not told us on the sign-in page. Check both.")


class NotYourOwn(Refusal):
    code = "not_your_own"
    status = 422
    words = _("Somebody else must do this for you.")


class MayNotSetState(Refusal):
    """Not of those who look after this patient, or not with the role that this decision needs."""

    code = "may_not_set_state"
    status = 403
    words = _("Your role cannot decide this about this patient.")


class TeamNameTaken(Refusal):
    code = "team_name_taken"
    status = 422
    words = _("Another team has this name, or had it when it was closed.")


class TeamClosed(Refusal):
    code = "team_closed"
    words = _("This team was closed, or this care has ended. Look at the page as it is now.")


class NobodyFound(Refusal):
    """No such number, or nobody she works for: one answer for both."""

    code = "nobody_found"
    status = 422
    words = _("Your teams look after nobody with this record number. Check it and try again.")


class SameTeam(Refusal):
    code = "same_team"
    status = 422
    words = _("Nothing would change. Choose another.")


class NotInTeam(Refusal):
    code = "not_in_team"
    status = 422
    words = _("Choose somebody who works in that team.")


class ReasonNeeded(Refusal):
    """A protected record opens at work only to whoever has said why, in this session."""

    code = "reason_needed"
    status = 403
    words = _("This record is protected. Say first why you open it.")

    def __init__(self, patient_id: UUID) -> None:
        super().__init__()
        self.patient_id = patient_id


class SameState(Refusal):
    code = "same_state"
    words = _("The record is in this state already. Somebody may have been faster.")


class ReviewMissing(Refusal):
    """A decision against a patient's wish, without the colleague who looks at it again and the day."""

    code = "review_missing"
    status = 422
    words = _("Choose another clinician who looks at this again, and a day within a year.")


class FactorNeedsProof(Refusal):
    """An account that has a second step gets another only from somebody who has just shown the first."""

    code = "factor_needs_proof"
    status = 403
    words = _("Show the second step you have before you add another.")


class AnotherPatient(Refusal):
    """What was written for one patient must not land in the record of another."""

    code = "another_patient"
    words = _(
        "This was written for another person than the one you are helping now. Your words are here. "
        "Check who it is for, then send it again."
    )


class TrustOver(Refusal):
    """Ended, or taken up by somebody already."""

    code = "trust_over"
    words = _("This access has ended already.")


class TrustedAlready(Refusal):
    code = "trusted_already"
    words = _("This person has access already. You can change what they may do.")


class InvitedAlready(Refusal):
    code = "invited_already"
    words = _("You invited this person already. On their page you can send a new code.")


class NotYourself(Refusal):
    code = "not_yourself"
    status = 422
    words = _("This is your own e-mail. Write the e-mail of the person who helps you.")


class NoSuchPatient(Refusal):
    """No such patient, one of another team, or another birth date: one answer for all."""

    code = "no_such_patient"
    status = 422
    words = _("These do not fit together. Check both.")


class NothingAtThisAge(Refusal):
    """Of a child, nothing of what was chosen may be done by anybody else at this age."""

    code = "nothing_at_this_age"
    status = 422
    words = _("The rules for this age allow nothing of that. Choose something else.")


class NotAChild(Refusal):
    """A parent's right is over when the child is grown."""

    code = "not_a_child"
    status = 422
    words = _("This patient is grown up, so being a parent is no ground any more. Choose another one.")


class PaperMissing(Refusal):
    code = "paper_missing"
    status = 422
    words = _("Write which paper shows this, and where we keep it.")


class InvitationRefused(Refusal):
    """No such code, one that is over, or not the birth date that goes with it: one answer for all."""

    code = "invitation_refused"
    status = 422
    words = _("These do not fit together. Check the code and the birth date.")


class InvitationOver(Refusal):
    """Used before, taken back, too old, or never one of ours: one answer for all."""

    code = "invitation_over"
    status = 410
    words = _("This invitation does not work any more. Ask the clinic for a new one.")


class InvitationWaits(Refusal):
    """Nobody but its maker has agreed, or the day of the owner is not over."""

    code = "invitation_waits"
    words = _("This code cannot be used yet. A second person at the clinic must agree first. Ask the clinic.")

    def __init__(self, *, is_agreed: bool) -> None:
        super().__init__()
        if is_agreed:
            self.words = _(
                "This code cannot be used yet. For your safety it works a day later. Try again then."
            )


class NeedsAnother(Refusal):
    """Whoever invited cannot agree as well."""

    code = "needs_another"
    status = 403
    words = _("Somebody else must agree to this invitation.")


class WorksHere(Refusal):
    """The desk shuts nobody out who works here."""

    code = "works_here"
    status = 403
    words = _("This person works here. An administrator does this under Staff.")


class SignInToJoin(Refusal):
    """There is an account with this e-mail. Only whoever reads its mail is told."""

    code = "sign_in_to_join"
    status = 409
    words = _("You have an account with this e-mail. Sign in with it first.")


class PatientHasAccount(Refusal):
    code = "patient_has_account"
    words = _("This patient has an account already.")


class AlreadyAPatient(Refusal):
    code = "already_a_patient"
    words = _("Your account opens another record already. Call us, and we will help you.")


class RecordNotActive(Refusal):
    code = "record_not_active"
    words = _("This record is not active, so nobody can be invited to it.")


class RecordNumberTaken(Refusal):
    code = "record_number_taken"
    words = _("This record number is in use. Check it.")


class AccountClosed(Refusal):
    code = "account_closed"
    words = _("This account is closed already.")


class AccountOpen(Refusal):
    code = "account_open"
    words = _("This account is open. Nobody needs to be invited to it.")


class RoleHeld(Refusal):
    code = "role_held"
    words = _("This person has this role already.")


class RoleNotHeld(Refusal):
    code = "role_not_held"
    words = _("This person does not have this role any more.")


class NeedsTwo(Refusal):
    """A role over accounts or over the trail: one asks, another agrees."""

    code = "needs_two"
    status = 403
    words = _("Two people must agree on this role.")


class AlreadyAsked(Refusal):
    code = "already_asked"
    words = _("Somebody has asked for this already. It waits for a second person.")


class RequestOver(Refusal):
    code = "request_over"
    words = _("This was decided already, or it is too old. Look at the list again.")


class NotYours(Refusal):
    """Who asked, or who it is about, does not decide."""

    code = "not_yours"
    status = 403
    words = _("Somebody else must decide this.")


class LastAdministrator(Refusal):
    code = "last_administrator"
    words = _("This is the last administrator of accounts. Make another one first.")


class AlreadyInTeam(Refusal):
    code = "already_in_team"
    words = _("This person is in this team already.")


class LeadMissing(Refusal):
    """Somebody whose own patients need another lead first, or the word that there is none."""

    code = "lead_missing"
    status = 422
    words = _("Choose who leads the care of these patients from now on.")
