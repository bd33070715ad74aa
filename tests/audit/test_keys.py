from __future__ import annotations

import base64
import os
import threading
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import Patient
from audit import keys
from audit.context import SystemAgent
from audit.keys import EnvKeyProvider, FileKeyProvider, UnknownKey
from audit.models import AuditEvent, DataKey
from audit.receipts import _issue
from audit.seals import digest, seal, unseal


def line(name: str) -> str:
    return f"{name} {base64.b64encode(os.urandom(32)).decode()}"


def opened(patient: Patient) -> str:
    return unseal(patient, "name", receipt=_issue(uuid4(), [patient]))


def test_the_first_key_wraps_and_later_ones_still_open(tmp_path: Path) -> None:
    old, digests = line("k1"), line("digest")
    before = EnvKeyProvider(f"{old},{digests}")
    kek_id, blob = before.wrap(b"d" * 32, b"place")
    after = EnvKeyProvider(f"{line('k2')}\n{old}\n{digests}")
    assert kek_id == "k1"
    assert after.unwrap(kek_id, blob, b"place") == b"d" * 32
    assert after.wrap(b"d" * 32, b"place")[0] == "k2"
    assert after.digest_key() == before.digest_key()


def test_a_wrapped_key_opens_only_where_it_belongs() -> None:
    ring = EnvKeyProvider(f"{line('k1')}\n{line('digest')}")
    kek_id, blob = ring.wrap(b"d" * 32, b"data-key|one|ana")
    for context, name in ((b"data-key|one|ben", kek_id), (b"data-key|one|ana", "k9")):
        with pytest.raises(UnknownKey):
            ring.unwrap(name, blob, context)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        "k1 short",
        f"{line('k1')}",
        f"{line('digest')}",
        f"{line('k1')}\n{line('k1')}\n{line('digest')}",
    ],
    ids=["empty", "no key", "short key", "no digest key", "digest key alone", "same id twice"],
)
def test_a_bad_key_file_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ImproperlyConfigured) as refused:
        FileKeyProvider(path)
    assert "SEALING_KEYS" in str(refused.value)
    for secret in text.split()[1::2]:
        assert secret not in str(refused.value)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{line('k1')}\n{line('digest')}\n")
    path.chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match="0600"):
        FileKeyProvider(path)
    path.chmod(0o600)
    assert FileKeyProvider(path).wrap(b"d" * 32, b"")[0] == "k1"
    with pytest.raises(ImproperlyConfigured):
        FileKeyProvider(tmp_path / "none")


@pytest.mark.django_db(transaction=True)
def test_a_key_made_in_a_rolled_back_transaction_is_never_used_again() -> None:
    """Kept in memory it would seal texts that no row's key could ever open."""
    ana = Patient(pk=uuid4())
    with pytest.raises(RuntimeError), transaction.atomic():
        seal("lost", into=ana, field="name")
        raise RuntimeError
    assert not DataKey.objects.filter(owner_id=ana.pk).exists()
    ana.name = seal("Ana", into=ana, field="name")
    assert DataKey.objects.filter(owner_id=ana.pk).exists()
    keys.forget_all()
    assert opened(ana) == "Ana"


@pytest.mark.django_db(transaction=True)
def test_a_key_made_in_a_rolled_back_savepoint_is_never_used_again() -> None:
    ana = Patient(pk=uuid4())
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            seal("lost", into=ana, field="name")
            raise RuntimeError
        ana.name = seal("Ana", into=ana, field="name")
        assert opened(ana) == "Ana"
    keys.forget_all()
    assert opened(ana) == "Ana"


@pytest.mark.django_db(transaction=True)
def test_two_first_texts_at_once_share_one_key() -> None:
    owner = uuid4()
    sealed: list[bytes] = []
    start = threading.Barrier(4)

    def first() -> None:
        try:
            start.wait()
            with transaction.atomic():
                sealed.append(seal("hello", into=Patient(pk=owner), field="name"))
        finally:
            connection.close()

    threads = [threading.Thread(target=first) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert DataKey.objects.filter(owner_id=owner).count() == 1
    keys.forget_all()
    for value in sealed:
        assert opened(Patient(pk=owner, name=value)) == "hello"


def test_the_cache_is_bounded_and_forgets() -> None:
    cache = keys._KeyCache(size=3, seconds=60)
    made = [keys.OpenedKey(uuid4(), uuid4(), None, b"") for _ in range(5)]  # type: ignore[arg-type]
    for key in made:
        cache.put(key, active=True)
    assert [cache.get(key.id) for key in made] == [None, None, *made[2:]]
    assert cache.active_for(made[0].owner_id) is None
    stale = keys._KeyCache(size=3, seconds=-1)
    stale.put(made[0], active=True)
    assert stale.get(made[0].id) is None
    assert stale.active_for(made[0].owner_id) is None


@pytest.mark.django_db
def test_the_wrapping_key_is_changed_without_touching_a_text(settings: Any) -> None:
    """Rotation: the new key first, then rewrap, then the old key can go. It may be stopped in between."""
    old, new, digests = line("k1"), line("k2"), line("digest")
    settings.SEALING_KEYS = f"inline:{old},{digests}"
    patients = [Patient(pk=uuid4()) for _ in range(5)]
    for patient in patients:
        patient.name = seal("Ana", into=patient, field="name")
    was = digest("x", purpose="email")

    settings.SEALING_KEYS = f"inline:{new},{old},{digests}"
    assert keys.rewrap_some(by=SystemAgent("system:test"), batch=2) == 2
    out = StringIO()
    call_command("rewrap_keys", stdout=out)
    assert out.getvalue() == "3 data keys rewrapped with 'k2'.\n"

    settings.SEALING_KEYS = f"inline:{new},{digests}"
    connection.run_on_commit.clear()
    keys.forget_all()
    assert [opened(patient) for patient in patients] == ["Ana"] * 5
    assert digest("x", purpose="email") == was
    assert set(DataKey.objects.values_list("kek_id", flat=True)) == {"k2"}
    assert AuditEvent.objects.filter(agent_id="system:key-rotation", action="U").count() == 3


@pytest.mark.django_db
def test_a_lost_wrapping_key_is_named(settings: Any) -> None:
    settings.SEALING_KEYS = f"inline:{line('k1')},{line('digest')}"
    seal("Ana", into=Patient(pk=uuid4()), field="name")
    settings.SEALING_KEYS = f"inline:{line('k2')},{line('digest')}"
    with pytest.raises(CommandError, match="'k1'"):
        call_command("rewrap_keys")
