"""Signals: what leaves at once, and what waits for a step."""

import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import rlsr
from rlsr.interruption import SIGNALS, Deferral, Interrupted, Leaving, number_of


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put the handlers of the tests back; in the background of a script Ctrl-C is ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    hook = sys.unraisablehook
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_program_with_its_number(number: signal.Signals) -> None:
    Leaving().install()
    with pytest.raises(Interrupted) as caught:
        send(number)
    assert number_of(caught.value) == number
    assert number_of(KeyboardInterrupt()) == signal.SIGINT


def test_a_further_signal_ends_it_without_ado() -> None:
    pid = os.fork()
    if pid == 0:
        Leaving().install()
        for _ in range(2):
            try:
                send(signal.SIGTERM)
            except Interrupted:
                time.sleep(0.01)  # as a library that swallows it
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM


@pytest.mark.parametrize("has_echoes", [True, False])
def test_a_signal_that_falls_into_a_callback_is_not_lost(has_echoes: bool) -> None:
    """Python drops what is raised there, as in those of the locks of modules that are being imported."""
    pid = os.fork()
    if pid == 0:
        Leaving(has_echoes=has_echoes).install()
        something = threading.Event()
        reference = weakref.ref(something, lambda _: send(signal.SIGTERM))
        try:
            del something
            time.sleep(10)
        except Interrupted as caught:
            os._exit(3 if caught.number == signal.SIGTERM and reference() is None else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


def test_other_exceptions_that_are_dropped_are_told_as_before(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.unraisablehook", sys.__unraisablehook__)
    Leaving().install()
    something = threading.Event()
    reference = weakref.ref(something, lambda _: 1 / 0)
    del something
    assert reference() is None
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_what_the_starter_passes_on_is_no_second_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    leaving = Leaving(has_echoes=True)
    leaving.install()
    with pytest.raises(Interrupted):
        send(signal.SIGINT)
    send(signal.SIGINT)
    monkeypatch.setattr("rlsr.interruption._ECHO_SECONDS", 0.0)
    assert not leaving.is_echo()


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Leaving().install()
    deferral = Deferral()
    deferral.begin()
    send(signal.SIGINT)
    assert deferral.number is None
    deferral.end()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("own", [True, False])
def test_the_first_signal_waits_and_the_second_does_not(
    number: signal.Signals, own: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    if own:
        Leaving().install()
    before = signal.getsignal(number)
    deferral = Deferral()
    deferral.begin()
    deferral.begin()
    send(number)
    assert deferral.number == number
    said = capfd.readouterr().err
    assert number.name in said
    assert said.count("another one leaves at once") == 1
    with pytest.raises(Interrupted):
        send(number)
    deferral.end()
    assert signal.getsignal(number) is before


def test_an_echo_does_not_end_what_waits(capfd: pytest.CaptureFixture[str]) -> None:
    Leaving(has_echoes=True).install()
    deferral = Deferral(says=False)
    deferral.begin()
    for _ in range(3):
        send(signal.SIGINT)
    deferral.end()
    assert deferral.number == signal.SIGINT
    assert capfd.readouterr().err == ""


def test_other_threads_leave_the_handlers_alone() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    thread = threading.Thread(target=Deferral().begin)
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in SIGNALS] == before


NO_DURATIONS = {"watch/head.py", "tracking/mlflow.py", "tracking/tensorboard.py"}
"""How long ago a file was written, and when a number was sent, only the clock tells that files and trackers have their times from."""


def test_no_duration_is_taken_from_a_clock_that_can_be_put_back() -> None:
    package = Path(rlsr.__file__).parent
    files = {file.relative_to(package).as_posix(): file for file in package.rglob("*.py")}
    assert len(files) > 100
    assert files.keys() > NO_DURATIONS
    for file in (files[name] for name in files.keys() - NO_DURATIONS):
        assert "time.time(" not in file.read_text(encoding="utf-8"), file
