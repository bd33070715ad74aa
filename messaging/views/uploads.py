"""Files that come with a form, whatever else is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404
from django.shortcuts import render
from django.utils.translation import gettext as _

from messaging.access import unsent_file_for
from messaging.filing.names import shown_name
from messaging.forms import FormToken
from messaging.models import Attachment
from messaging.opened.files import name_of, unsent_files
from messaging.refusals import FileThere, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from accounts.requests import PortalRequest
    from messaging.models import Place

# Sent by the script that uploads: it wants the list of files alone, and what was not taken.
PART = "X-Part"


def take_in(request: PortalRequest, place: Place, *, token: UUID | None, sends: bool = False) -> list[str]:
    """Take in every file that came with the form. Says what was not taken, and why; the others are added.

    Where the form `sends`, a second press of it finds the files of the first, which is nothing to stop it for.
    """
    problems = []
    taken = set()
    for upload in request.FILES.getlist("files"):
        try:
            row = Attachment.objects.take_in(upload, by=request.user, at=place, form_token=token)  # type: ignore[arg-type]
            taken.add(row.pk)
        except FileThere as there:
            if sends and token and there.file.form_token == token and there.file.pk not in taken:
                continue
            said = _("This file is added already, as %(name)s.") % {
                "name": name_of(there.file, reader=request.user)
            }
            problems.append(f"{shown_name(upload.name or '')}: {said}")
        except Refusal as refusal:
            problems.append(f"{shown_name(upload.name or '')}: {refusal.words}")
        finally:
            upload.close()
    return problems


def add_or_remove(request: PortalRequest, place: Place, *, token: UUID | None) -> list[str]:
    """What the buttons beside the list of files do. Says what could not be done."""
    if "remove" not in request.POST:
        return take_in(request, place, token=token)
    try:
        ref = UUID(request.POST["remove"])
    except ValueError as bad:
        raise Http404 from bad
    unsent_file_for(request.user, ref).remove(by=request.user)
    return []


def token_in(request: HttpRequest) -> UUID | None:
    """The token of a form, where the form itself is not looked at. One that is garbled protects from nothing."""
    return FormToken().clean(request.POST.get("form_token", ""))


def asks_for_part(request: HttpRequest) -> bool:
    return PART in request.headers


def files_part(request: PortalRequest, place: Place, problems: Sequence[str]) -> HttpResponse:
    """The part of the page that lists what is added."""
    context = {
        "files": unsent_files(place, reader=request.user),
        "problems": problems,
        "address": request.path,
    }
    return render(request, "messaging/_files.html", context, status=422 if problems else 200)
