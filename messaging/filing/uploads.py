"""Files as a browser sends them: sealed while they stream in, so that none ever lies on a disk as it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from audit.files import Transit
from messaging.filing.kinds import MOST_BYTES, MOST_FILES, MOST_TOGETHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

View = TypeVar("View")
# What a browser may send at once. Above what is kept, so that the words beside too large a file still arrive.
MOST_SENT = 64_000_000
CHUNK = 64 * 1024


def takes_files(view: View) -> View:
    """Say that forms sent to this view may carry files."""
    view.takes_files = True  # type: ignore[attr-defined]
    return view


def may_take_files(view: Callable[..., Any]) -> bool:
    behind = getattr(view, "cls", view)
    return getattr(behind, "takes_files", False) is True


class SealedUpload(UploadedFile):
    """One chosen file. `problem` says why it cannot be taken; then there is nothing in it."""

    def __init__(
        self,
        name: str,
        transit: Transit | None,
        *,
        problem: str,
        size: int,
        charset: str | None,
        sha256: str = "",
    ) -> None:
        super().__init__(file=None, name=name, content_type="", size=size, charset=charset)
        self.given_name = name
        self.transit = transit
        self.problem = problem
        self._sha256 = sha256 or hashlib.sha256().hexdigest()

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return self.transit.chunks() if self.transit is not None else iter(())

    @property
    def sha256(self) -> str:
        return self.transit.sha256 if self.transit is not None else self._sha256

    def read(self, *args: Any) -> bytes:
        raise TypeError("A file is taken in chunk by chunk.")

    def close(self) -> None:
        if self.transit is not None:
            self.transit.close()


class SealingUploadHandler(FileUploadHandler):
    """Takes files one after another into transit. Of what is too much, only the name is kept."""

    chunk_size = CHUNK

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        # Which ones are here. The same file twice is one.
        self.files: set[str] = set()
        self.together = 0

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  (Django's own name)
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        if content_length > MOST_SENT:
            raise RequestDataTooBig("More than a browser may send at once.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.problem = ""
        self.size = 0
        self.hash = hashlib.sha256()
        self.transit: Transit | None = Transit()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.size += len(raw_data)
        self.hash.update(raw_data)
        if self.problem or self.transit is None:
            return
        if self.size > MOST_BYTES:
            self.problem = "too_big"
        elif len(self.files) >= MOST_FILES:
            self.problem = "too_many"  # unless it is one of those that are here
        elif self.together + self.size > MOST_TOGETHER:
            self.problem = "too_big_together"
        else:
            self.transit.write(raw_data)
            return
        self.transit.close()
        self.transit = None

    def file_complete(self, file_size: int) -> SealedUpload:
        transit, sha256 = self.transit, self.hash.hexdigest()
        again = sha256 in self.files
        if not again and not self.problem:
            self.files.add(sha256)
        if self.problem:
            if transit is not None:
                transit.close()
            transit = None
        elif transit is not None:
            transit.finish()
            self.together += 0 if again else self.size
        self.transit = None
        return SealedUpload(
            self.file_name or "",
            transit,
            problem=self.problem,
            size=self.size,
            charset=self.charset,
            sha256=sha256,
        )

    def upload_interrupted(self) -> None:
        if getattr(self, "transit", None) is not None:
            self.transit.close()  # type: ignore[union-attr]


class NoFiles(FileUploadHandler):
    """For every address that takes no files, and for whoever has not signed in: they are let go by as they come.

    Their names are remembered, so that the page can say which are to be chosen again.
    """

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        if self.request is not None:
            names = [*getattr(self.request, "let_go", []), file_name or ""]
            self.request.let_go = names[:10]  # type: ignore[attr-defined]
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
