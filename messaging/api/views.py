"""Threads, messages and refills for programs. Each method finds or refuses, checks the shape, does one verb."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ParseError, PermissionDenied
from rest_framework.parsers import JSONParser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import acting_patient, acting_patient_as_written
from accounts.policy import policy, signed_in
from messaging.access import (
    category_for,
    is_on_patients_side,
    letter_for,
    own_thread_for,
    pool_for,
    prescription_for,
    refill_for,
    thread_for,
    worked_refill_for,
)
from messaging.api import shapes
from messaging.models import Answer, Chose, RefillRequest, Safety, Shown, Side, Thread, ThreadState
from messaging.opened.conversations import open_conversation
from messaging.opened.medicines import open_refill, open_refills_of, refill_queue
from messaging.opened.queue import View, team_queue
from messaging.opened.threads import open_thread, patient_inbox
from messaging.red_flags import look
from messaging.views.threads import message_ref_in, position_in

if TYPE_CHECKING:
    from accounts.requests import ApiRequest
    from messaging.opened.conversations import Conversation
    from messaging.opened.threads import OpenThread

PROBLEMS = dict.fromkeys((400, 401, 403, 404, 409), shapes.ProblemOut)
AFTER = OpenApiParameter("after", str, description="The `next` of the page before.")
SIDE = OpenApiParameter(
    "side",
    str,
    enum=["patient", "team"],
    description="Whose list: one's own as a patient or helper, or that of the pools one works. Staff get theirs.",
)


class Body(JSONParser):
    """JSON as a request brings it. What is no text, or nested without end, is no request, and no error of ours."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            data = super().parse(*args, **kwargs)
            # An answer may quote a name or a choice: half a character could be taken in, but not said back.
            json.dumps(data, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError) as bad:
            raise ParseError from bad
        return data


class Door(APIView):
    parser_classes = (Body,)


@policy(get=signed_in("patient", "staff"), post=signed_in("patient"))
class Threads(Door):
    """The conversations of the person who asks: her own, or those of the pools she works."""

    @extend_schema(
        operation_id="list_threads",
        parameters=[AFTER, SIDE, OpenApiParameter("show", str, enum=["open", "closed"])],
        responses={200: shapes.ThreadListOut, **PROBLEMS},
    )
    def get(self, request: ApiRequest) -> Response:
        if _as_team(request, works=request.user.cares):
            return Response(_worked(request))
        state = request.query_params.get("show", ThreadState.OPEN)
        if state not in ThreadState.values:
            raise Http404
        inbox = patient_inbox(
            reader=request.user,
            patient=acting_patient(request._request),
            state=state,
            after=position_in(request),
        )
        return Response(_page(shapes.ThreadRowOut, inbox.rows, inbox.page.next))

    @extend_schema(
        operation_id="start_thread",
        request=shapes.ThreadIn,
        responses={201: shapes.SentOut, **PROBLEMS},
    )
    def post(self, request: ApiRequest) -> Response:
        fields = shapes.ThreadIn(data=request.data)
        fields.is_valid(raise_exception=True)
        data = fields.validated_data
        patient = acting_patient_as_written(request._request, written_for=data.get("patient"))
        written = {
            "category": category_for(request.user, data["category"]),
            "pool": pool_for(request.user, patient, data["pool"]) if data.get("pool") else None,
            "subject": data["subject"],
            "body": data["body"],
            "confidential": data["confidential"],
            "follows": own_thread_for(request.user, data["follows"]) if data.get("follows") else None,
            "safety": _safety(data),
        }
        if data.get("draft"):
            thread = letter_for(request.user, data["draft"]).send_words(
                by=request.user, patient=patient, **written
            )
        else:
            thread = Thread.objects.start(
                by=request.user, patient=patient, form_token=data.get("form_token"), **written
            )
        return Response(_sent(thread.pk, data["subject"], data["body"]), status=201)


@policy(get=signed_in("patient", "staff"))
class OneThread(Door):
    @extend_schema(operation_id="read_thread", responses={200: shapes.ThreadOut, **PROBLEMS})
    def get(self, request: ApiRequest, ref: UUID) -> Response:
        """One conversation with its newest messages. Reading it is recorded and gives receipts."""
        return Response(shapes.ThreadOut(_opened(request, ref)).data)


@policy(get=signed_in("patient", "staff"), post=signed_in("patient", "staff"))
class ThreadMessages(Door):
    @extend_schema(
        operation_id="list_messages",
        parameters=[OpenApiParameter("before", UUID, description="Page back from this message.")],
        responses={200: shapes.MessageOut(many=True), **PROBLEMS},
    )
    def get(self, request: ApiRequest, ref: UUID) -> Response:
        """The messages of one conversation, oldest first. Internal notes are not messages."""
        return Response(shapes.MessageOut(_opened(request, ref)["messages"], many=True).data)

    @extend_schema(
        operation_id="post_message",
        request=shapes.MessageIn,
        responses={201: shapes.SentOut, **PROBLEMS},
    )
    def post(self, request: ApiRequest, ref: UUID) -> Response:
        thread = thread_for(request.user, ref)
        fields = shapes.MessageIn(data=request.data)
        fields.is_valid(raise_exception=True)
        data = fields.validated_data
        message = thread.post(author=request.user, **{**data, "safety": _safety(data)})
        looked_for = [data["body"]] if message.side == Side.PATIENT else []
        return Response(_sent(message.pk, *looked_for), status=201)


@policy(get=signed_in("patient", "clinical"), post=signed_in("patient"))
class Refills(Door):
    """Requests for more of a medicine: the patient's own, or those waiting in the pools one works."""

    @extend_schema(
        operation_id="list_refills",
        parameters=[AFTER, SIDE],
        responses={200: shapes.RefillListOut, **PROBLEMS},
    )
    def get(self, request: ApiRequest) -> Response:
        if _as_team(request, works=request.user.is_clinical):
            queue = refill_queue(reader=request.user, after=position_in(request))
            return Response(_page(shapes.RefillOut, queue.rows, queue.page.next))
        page = open_refills_of(
            reader=request.user, patient=acting_patient(request._request), after=position_in(request)
        )
        return Response(_page(shapes.RefillOut, page.rows, page.next))

    @extend_schema(
        operation_id="ask_for_refill",
        request=shapes.RefillIn,
        responses={201: shapes.SentOut, **PROBLEMS},
    )
    def post(self, request: ApiRequest) -> Response:
        fields = shapes.RefillIn(data=request.data)
        fields.is_valid(raise_exception=True)
        data = fields.validated_data
        item = RefillRequest.objects.ask(
            by=request.user,
            prescription=prescription_for(request.user, data["prescription"]),
            comment=data["comment"],
            form_token=data.get("form_token"),
            safety=_safety(data),
        )
        return Response(_sent(item.pk, data["comment"]), status=201)


@policy(get=signed_in("patient", "clinical"))
class OneRefill(Door):
    @extend_schema(operation_id="read_refill", responses={200: shapes.RefillOut, **PROBLEMS})
    def get(self, request: ApiRequest, ref: UUID) -> Response:
        item = refill_for(request.user, ref)
        return Response(shapes.RefillOut(open_refill(item, reader=request.user)).data)


@policy(post=signed_in("prescriber").fresh("refill-decision"))
class RefillDecisions(Door):
    @extend_schema(
        operation_id="decide_refill",
        request=shapes.DecisionIn,
        responses={201: shapes.CreatedOut, **PROBLEMS},
    )
    def post(self, request: ApiRequest, ref: UUID) -> Response:
        """Answer a request, once. Needs a second factor shown in the last minutes."""
        item = worked_refill_for(request.user, ref)
        fields = shapes.DecisionIn(data=request.data)
        fields.is_valid(raise_exception=True)
        decision = item.decide(by=request.user, **fields.validated_data)
        return Response({"id": decision.pk}, status=201)


def _safety(data: dict[str, Any]) -> Safety | None:
    said = data.get("safety")
    if not said:
        return None
    shown = Shown(said["shown"])
    chose = Chose.NOTHING_SHOWN if shown == Shown.NOTHING else Chose.WENT_ON
    return Safety(answer=Answer(said["answer"]), shown=shown, chose=chose)


def _sent(pk: UUID, *texts: str) -> dict[str, Any]:
    finding = look(*texts)
    return shapes.SentOut({"id": pk, "safety": finding if finding.grade is not None else None}).data


def _opened(request: ApiRequest, ref: UUID) -> dict[str, Any]:
    """The thread as the side sees it that the reader is on, in one shape for both."""
    thread = thread_for(request.user, ref)
    before = message_ref_in(request)
    shape = {
        "ref": thread.pk,
        "last_message_ref": thread.last_message_id,
        "latest": thread.latest_id,
        "is_open": thread.is_open,
    }
    opened: OpenThread | Conversation
    if is_on_patients_side(request.user, thread):
        opened = open_thread(thread, reader=request.user, before=before)
    else:
        opened = open_conversation(thread, reader=request.user, before=before)
    return {
        **shape,
        "subject": opened.subject,
        "category": opened.category,
        "outcome": opened.outcome,
        "earlier": opened.earlier,
        "messages": opened.messages,
    }


def _as_team(request: ApiRequest, *, works: bool) -> bool:
    """Whether she asks for the list of those who work here: what `side` says, else what she is."""
    side = request.query_params.get("side", Side.TEAM if works else Side.PATIENT)
    if side not in (Side.PATIENT, Side.TEAM):
        raise Http404
    if side == Side.TEAM and not works:
        raise PermissionDenied
    return bool(side == Side.TEAM)


def _worked(request: ApiRequest) -> dict[str, Any]:
    queue = team_queue(reader=request.user, view=View.TEAM, after=position_in(request))
    rows = [row for group in queue.groups for row in group.rows]
    return _page(shapes.ThreadRowOut, rows, queue.page.next)


def _page(shape: type[Any], rows: Any, following: str) -> dict[str, Any]:
    return {"results": shape(rows, many=True).data, "next": following}
