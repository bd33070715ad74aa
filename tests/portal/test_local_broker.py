"""The three roads to a broker: configured, on the system, from the wheel."""

from __future__ import annotations

import stat
import subprocess

import pytest

from portal.local import broker
from portal.local.broker import Broker, BrokerUnavailable
from portal.local.server import Clinic


@pytest.fixture
def running(tmp_path):
    parts = []

    def run(home=None) -> Broker:
        one = Broker(home or tmp_path / "broker")
        parts.append(subprocess.Popen(one.command(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT))
        one.wait()
        return one

    yield run
    for part in parts:
        part.terminate()
        part.wait()


@pytest.fixture
def no_system(monkeypatch, tmp_path):
    monkeypatch.delenv("BROKER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    (tmp_path / "programs").mkdir()
    return tmp_path / "programs"


def test_a_configured_broker_is_used_and_none_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("BROKER_URL", "rediss://broker.example:6379/0")
    clinic = Clinic(port=1, folder=tmp_path)
    clinic._start_broker()
    assert clinic.broker is None
    assert clinic.parts == []


def test_the_system_comes_before_the_wheel(no_system, running):
    # Any server that speaks the protocol will do; a machine's own is found by its name on the path.
    (no_system / "redis-server").symlink_to(broker.wheel_program())
    assert broker.found_program() == no_system / "redis-server"
    assert running().answers()


def test_without_a_system_server_the_wheel_serves(no_system, running):
    assert broker.found_program() == broker.wheel_program()
    assert running().answers()


def test_with_neither_one_line_says_what_to_do(no_system, monkeypatch):
    monkeypatch.setattr(broker, "wheel_program", lambda: None)
    with pytest.raises(BrokerUnavailable, match=r"script/setup.*BROKER_URL"):
        broker.found_program()


def test_a_named_program_that_is_none_is_refused_by_name(monkeypatch, tmp_path):
    (tmp_path / "notes.txt").write_text("")
    monkeypatch.setenv("BROKER_BIN", str(tmp_path / "notes.txt"))
    with pytest.raises(BrokerUnavailable, match="BROKER_BIN"):
        broker.found_program()


def test_only_we_may_reach_it(running):
    one = running()
    assert stat.S_IMODE(one.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(one.socket.stat().st_mode) == 0o700


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path, running):
    one = running(tmp_path / ("deep" * 20) / ("deeper" * 10))
    assert one.answers()
    assert stat.S_IMODE(one.socket.parent.stat().st_mode) == 0o700
