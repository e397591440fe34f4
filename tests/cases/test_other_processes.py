"""Processes that train one ensemble and die: whoever waits for them ends with a sentence."""

import threading

import pytest

from ensemble_rsa.errors import RunError
from ensemble_rsa.training import processes


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(processes, "SECONDS_PER_LOOK", 0.01)
    monkeypatch.setattr(processes, "SECONDS_PER_SIGN", 0.02)
    monkeypatch.setattr(processes, "PATIENCE", 0.2)


def test_waiting_ends_when_the_other_process_shows_no_sign_of_life(tmp_path):
    (tmp_path / "config.json").touch()
    expected = (
        r"process 1 of 2 has shown no sign of life for .* start both again with "
        rf"`ensemble-rsa train --resume --out {tmp_path} --processes 2 --process-id N`"
    )
    (tmp_path / ".alive-1").touch()  # of a killed process
    with pytest.raises(RunError, match=expected):
        processes.wait_for_file(tmp_path / "done.json", tmp_path, 1, 2)


def test_a_process_that_lives_is_waited_for(tmp_path):
    done = tmp_path / "done.json"
    writer = threading.Timer(1.0, done.touch)
    with processes.sign_of_life(tmp_path, 1):
        writer.start()
        processes.wait_for_file(done, tmp_path, 1, 2)
    writer.join()
    assert list(tmp_path.iterdir()) == [done]
