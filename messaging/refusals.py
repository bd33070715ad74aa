"""What the product says when it will not do something, in words a person can act on.

Every refusal has a `code` for the API, a `status` for the answer and `words` for the page. A verb raises
one before anything is written, so a refused act leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from audit.refusals import Refusal

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from accounts.models import User
    from messaging.models import Attachment, RefillRequestItem


class MayNot(Refusal):
    """The person may see the thing but not do this to it."""

    code = "may_not"
    status = 403
    words = _("You can read this, but you cannot do that here.")


class OwnRecord(MayNot):
    """Staff who are the patient, or help her, stand on her side of this record and do no work on it."""

    code = "own_record"
    words = _("This is your own record, or that of somebody you help. A colleague must do this.")


class ThreadMovedOn(Refusal):
    """Somebody wrote in the thread, corrected or took back a message, after the page that this form was on."""

    code = "thread_moved_on"
    words = _(
        "Something new came in, or a message was changed, while you were writing. Read it, then send yours."
    )


class FormUsed(Refusal):
    """Something else was sent under the same form token: other words, or to another place."""

    code = "form_used"
    words = _("You already sent something else from this page. Check what you wrote now, then send it again.")


class UnreadBeforeFinish(ThreadMovedOn):
    """Somebody wrote or changed something in the thread after the page that was to finish it."""

    words = _("Something new came in, or a message was changed. Read it before you finish.")


class DraftMovedOn(Refusal):
    """Other words were kept, from another window, since the page that this form was on."""

    code = "draft_moved_on"
    words = _("You wrote something else in another window. Your words are here. Keep the ones you want.")


class TeamMovedOn(Refusal):
    """Another team than the one on the page would read it: the patient must know before she sends."""

    code = "team_moved_on"
    words = _("Another team reads this message now. Check who, then send it.")


class DraftGone(Refusal):
    """It was sent or discarded, from another window."""

    code = "draft_gone"
    status = 410
    words = _("This draft is not here any more. You sent it or discarded it.")


class DraftTooLong(Refusal):
    code = "draft_too_long"
    status = 422
    words = _("Your text is too long to keep. Make it shorter.")


class TooManyDrafts(Refusal):
    code = "too_many_drafts"
    words = _("You have 20 drafts already. Send or discard one first.")


class DraftUnfinished(Refusal):
    """Something must come first. `step` names it."""

    code = "draft_unfinished"
    words = _("Something is still missing. Finish your message, then send it.")

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__()


class TooLongAgo(Refusal):
    """The conversation was finished so long ago that a new one, linked to it, goes on from there."""

    code = "too_long_ago"
    words = _("This conversation ended long ago. Write a new message about it.")


class AlreadyRead(Refusal):
    """A message is taken back only while nobody else has read it."""

    code = "already_read"
    words = _("Somebody has opened it already. You can correct it, or write another message.")


class TakenBack(Refusal):
    """The message was withdrawn, from another window."""

    code = "taken_back"
    words = _("This message was taken back. Write a new one.")


class TooManyVersions(Refusal):
    code = "too_many_versions"
    words = _("This message was corrected many times. Write a new message instead.")


class UnreadBeforePutAway(Refusal):
    """What is new in a conversation would be out of sight."""

    code = "unread_before_put_away"
    words = _("There is a new message in this conversation. Read it first.")


class HeldByAnother(Refusal):
    """Another member of the team holds the work. `holder` is who."""

    code = "held_by_another"
    words = _("A colleague is already working on this.")

    def __init__(self, holder: User) -> None:
        self.holder = holder
        super().__init__()


class NotHeld(Refusal):
    """The work was released or finished in the meantime."""

    code = "not_held"
    words = _("You are not working on this any more.")


class AlreadyClosed(Refusal):
    """The conversation was finished by somebody else."""

    code = "already_closed"
    words = _("This conversation is already finished.")


class AlreadyDecided(Refusal):
    """One decision per request: the database settled the race."""

    code = "already_decided"
    words = _("This request has already been decided.")


class NotOpenForDecision(Refusal):
    """The request was cancelled or is waiting for the patient."""

    code = "not_open_for_decision"
    words = _("This request cannot be decided now.")


class ControlledSubstance(Refusal):
    """21 CFR 1306.12(a): a schedule II prescription cannot be refilled."""

    code = "controlled_substance"
    words = _("A schedule II medicine cannot be refilled. Write a new prescription outside this portal.")


class DuplicateRequest(Refusal):
    """One open request per medicine. `open_item` is the one that stands."""

    code = "duplicate_request"
    words = _("You already asked for this medicine. We are working on it.")

    def __init__(self, open_item: RefillRequestItem) -> None:
        self.open_item = open_item
        super().__init__()


class NotRequestable(Refusal):
    """The medicine was stopped, or is not ours to prescribe."""

    code = "not_requestable"
    words = _("You cannot ask for this medicine here. Call us and we will help.")


class NoPool(Refusal):
    """No team could be found to read the message: never lose it silently."""

    code = "no_team"
    words = _("We could not find a team to read this. Call us and we will help.")


class Incomplete(Refusal):
    """A decision lacks a part that its outcome needs. `field` names the form field."""

    code = "incomplete"
    status = 422

    def __init__(self, field: str, words: str | _StrPromise) -> None:
        self.field = field
        self.words = words
        super().__init__()


class RecordInactive(Refusal):
    """The patient is not a patient here now."""

    code = "record_inactive"
    words = _("You are not a patient here now, so we cannot take new messages. Call us and we will help.")


class RecordDismissed(Refusal):
    """The clinic does not look after her any more."""

    code = "record_dismissed"
    words = _(
        "This clinic does not look after you any more. To ask for your record, choose “A form or letter”."
    )


class RecordBlocked(Refusal):
    """Messages are paused by a decision that somebody looks at again."""

    code = "record_blocked"
    words = _("Your messages are paused for now. To ask for your record, choose “A form or letter”.")


class RecordJoined(Refusal):
    """It was joined with another record, in which whoever writes was not trusted."""

    code = "record_joined"
    words = _("Two records of this patient are one now. The patient must choose you again for new messages.")


class RecordFrozen(Refusal):
    """The patient has died. What was written stays to be read."""

    code = "record_frozen"
    words = _("This record is closed. Nothing new can be sent in it.")


class FallbackStays(Refusal):
    code = "fallback_stays"
    words = _("This team reads what no other team reads. Give that to another team first.")


class Unstaffed(Refusal):
    code = "unstaffed"
    words = _("Nobody reads messages in that team now. Choose another, or add somebody to it first.")


class LastReader(Refusal):
    code = "last_reader"
    words = _("Nobody else reads what no other team reads. Add somebody to the team first.")


class FileRefused(Refusal):
    """A file that is not taken. `because` says why; the text and the other files are kept."""

    code = "file_refused"
    status = 422

    def __init__(self, because: str) -> None:
        self.because = because if because in _BECAUSE else "unreadable"
        self.words = _BECAUSE[self.because]
        super().__init__()


class FileThere(Refusal):
    """The same file waits there already, under this or another name: `file` is the one. Nothing was added."""

    code = "file_there"
    status = 422
    words = _("This file is added already.")

    def __init__(self, file: Attachment) -> None:
        self.file = file
        super().__init__()


_BECAUSE = {
    "too_big": _("A file must be smaller than 10 MB."),
    "too_big_together": _("Your files must be smaller than 25 MB together."),
    "too_many": _("You can add up to 5 files to a message."),
    "empty": _("This file is empty."),
    "wrong_kind": _("We cannot take this kind of file. Use a photo or a PDF."),
    "unreadable": _(
        "We could not open this file. It may be damaged. Try another copy, or take a photo of it."
    ),
    "too_many_pixels": _("This picture is too large for us. Take it again with fewer pixels."),
    "has_password": _("This PDF has a password. Save it without one, then add it again."),
    "too_many_pages": _("This PDF has more than 300 pages. Send the part that matters."),
    "too_large_inside": _("This file grows too large when it is opened. Take a photo of it, or call us."),
    "no_room": _("There is no more room for files in this record. Call us and we will help."),
}


class FileBusy(Refusal):
    """Other files are being taken in just now."""

    code = "busy"
    status = 503
    words = _("We are taking in other files just now. Your file was not added. Try again in a minute.")


class NoFilesForYou(MayNot):
    """A trusted person whose grant does not include files."""

    code = "no_files"
    words = _("You can write here, but you cannot add files. The patient can change that.")


class FileGone(Refusal):
    """The file stands in the record, and its content cannot be had."""

    code = "file_gone"
    status = 410
    words = _("This file cannot be opened. We have been told and will look into it.")


class ReasonMissing(Refusal):
    code = "reason_missing"
    status = 422
    words = _("Write why. The patient can read it.")
