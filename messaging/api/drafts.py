"""Drafts of new messages for programs: a place where files wait until the message is sent with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.access import acting_patient_as_written
from accounts.policy import policy, signed_in
from messaging.access import category_for, letter_for
from messaging.api import shapes
from messaging.api.views import PROBLEMS, Door
from messaging.models import Draft

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.requests import ApiRequest


@policy(post=signed_in("patient"))
class Drafts(Door):
    @extend_schema(
        operation_id="begin_draft",
        request=shapes.DraftIn,
        responses={201: shapes.CreatedOut, **PROBLEMS},
    )
    def post(self, request: ApiRequest) -> Response:
        """Begin a new message, to add files to. `start_thread` sends it, when it is named there as `draft`."""
        fields = shapes.DraftIn(data=request.data)
        fields.is_valid(raise_exception=True)
        data = fields.validated_data
        draft = Draft.objects.begin(
            by=request.user,
            patient=acting_patient_as_written(request._request, written_for=data.get("patient")),
            category=category_for(request.user, data["category"]) if data.get("category") else None,
            form_token=data.get("form_token"),
        )
        return Response({"id": draft.pk}, status=201)


@policy(delete=signed_in("patient"))
class OneDraft(Door):
    @extend_schema(operation_id="discard_draft", responses={204: None, **PROBLEMS})
    def delete(self, request: ApiRequest, ref: UUID) -> Response:
        """Forget it, with the files that were added to it."""
        letter_for(request.user, ref).discard(by=request.user)
        return Response(status=204)
