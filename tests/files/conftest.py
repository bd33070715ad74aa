from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from tests.files.clamd import Clamd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.test import Client

    from messaging.models import Attachment


def fetch(browser: Client, file: Attachment) -> bytes:
    answer = browser.get(reverse("file", args=[file.pk]))
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def store_folder(tmp_path: Path, settings) -> Path:
    """A store of this test's own."""
    folder = tmp_path / "store"
    here = settings.STORAGES["files"]
    elsewhere = {**here, "OPTIONS": {**here["OPTIONS"], "location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "files": elsewhere}
    return folder


@pytest.fixture
def scanner(settings) -> Iterator[Clamd]:
    peer = Clamd()
    settings.SCANNER_URL = peer.url
    yield peer
    peer.close()


@pytest.fixture
def thread(work):
    return work.thread()
