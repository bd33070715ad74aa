"""Files for programs: the same rules, the same recording, the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.policy import policy, signed_in
from messaging.access import file_for, is_on_patients_side, letter_for, thread_for, unsent_file_for
from messaging.api import shapes
from messaging.models import Place, Side
from messaging.opened.download import open_download
from messaging.opened.files import unsent_files
from messaging.views.files import answer_with
from messaging.views.uploads import take_in, token_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.requests import ApiRequest

PROBLEMS = dict.fromkeys((401, 403, 404, 409), shapes.ProblemOut)
CONTENT = OpenApiResponse(
    OpenApiTypes.BINARY, description="The file: a JPEG, a PNG or a PDF, never shown inline."
)


class Files(APIView):
    """What waits at one place to be sent with the next message. Each place is a view of its own."""

    takes_files = True
    parser_classes = (MultiPartParser,)

    def place(self, request: ApiRequest, ref: UUID) -> Place:
        raise NotImplementedError

    def get(self, request: ApiRequest, ref: UUID) -> Response:
        place = self.place(request, ref)
        return Response(shapes.FileOut(unsent_files(place, reader=request.user), many=True).data)

    def post(self, request: ApiRequest, ref: UUID) -> Response:
        """Add files. Those that are not taken are named in `problems`; the others are added all the same.

        Up to 5 photos or PDFs, 10 MB each and 25 MB together.
        """
        place = self.place(request, ref)
        problems = take_in(request._request, place, token=token_in(request._request))
        files = shapes.FileOut(unsent_files(place, reader=request.user), many=True).data
        if problems:
            said = {"code": "file_refused", "detail": " ".join(problems), "problems": problems}
            return Response({**said, "files": files}, status=422)
        return Response(files, status=201)


def described(what: str) -> Callable[[type[Files]], type[Files]]:
    """Put the two methods of a place into the API's document; `what` ends their names."""
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"list_unsent_files{what}",
            responses={200: shapes.FileOut(many=True), **PROBLEMS},
        ),
        post=extend_schema(
            operation_id=f"add_files{what}",
            request={"multipart/form-data": shapes.FilesIn},
            responses={201: shapes.FileOut(many=True), 422: shapes.RefusedFileOut, **PROBLEMS},
        ),
    )


@policy(get=signed_in("patient", "staff"), post=signed_in("patient", "staff"))
@described("")
class ThreadFiles(Files):
    """Files added to one's next message in a conversation. Posting a message sends them."""

    def place(self, request: ApiRequest, ref: UUID) -> Place:
        thread = thread_for(request.user, ref)
        side = Side.PATIENT if is_on_patients_side(request.user, thread) else Side.TEAM
        return Place(side, thread=thread)


@policy(get=signed_in("patient"), post=signed_in("patient"))
@described("_of_draft")
class DraftFiles(Files):
    """Files added to a new message. Naming the draft when a thread is started sends them."""

    def place(self, request: ApiRequest, ref: UUID) -> Place:
        return Place(Side.PATIENT, draft=letter_for(request.user, ref))


@policy(get=signed_in("patient", "staff"), delete=signed_in("patient", "staff"))
class OneFile(APIView):
    @extend_schema(operation_id="download_file", responses={200: CONTENT, 410: shapes.ProblemOut, **PROBLEMS})
    def get(self, request: ApiRequest, ref: UUID) -> StreamingHttpResponse:
        """The content. Fetching it is recorded before the first byte."""
        return answer_with(open_download(file_for(request.user, ref), reader=request.user))

    @extend_schema(operation_id="remove_file", responses={204: None, **PROBLEMS})
    def delete(self, request: ApiRequest, ref: UUID) -> Response:
        """Take away a file that is not sent yet."""
        unsent_file_for(request.user, ref).remove(by=request.user)
        return Response(status=204)
