"""What people and programs see."""

import doctest
import io
import json

import pytest

from cluster import rendering
from cluster.rendering import Console, byte_size, duration, fields, rate, table


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_examples():
    assert doctest.testmod(rendering).failed == 0


@pytest.mark.parametrize(("charset", "able"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_an_output_says_which_signs_it_can_show(charset, able):
    console = Console(as_json=False, out=io.TextIOWrapper(io.BytesIO(), encoding=charset), log=io.StringIO())
    assert console.can_show("✓") is able
    assert console.can_show("ok")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 ms"),
        (0.00042, "0.42 ms"),
        (0.00999, "9.99 ms"),
        (0.009996, "10.0 ms"),
        (0.0351, "35.1 ms"),
        (0.35, "350 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (9.994, "9.99 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (3599.9, "1 h 00 min"),
        (7380, "2 h 03 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(5.926, "5.93"), (99.96, "100"), (1480.2, "1,480"), (0, "0.00")])
def test_rate(value, text):
    assert rate(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3 << 30, "3.0 GiB"),
        (512 << 20, "512 MiB"),
        (5 << 40, "5.0 TiB"),
    ],
)
def test_byte_size(size, text):
    assert byte_size(size) == text


def test_columns_align():
    lines = table([["", "ringct", "multiply"], ["proofs", "64", "1,024"]])
    assert lines == ["         ringct   multiply", "proofs       64      1,024"]


def test_fields_align_and_may_be_none():
    assert fields({"a": "1", "long": "2"}) == ["  a      1", "  long   2"]
    assert fields({}) == []


def test_json_result_is_one_line_of_json():
    console = Console(as_json=True, out=Terminal(), log=io.StringIO())
    console.result({"a": 1}, "text")
    console.note("a note")
    assert json.loads(console.out.getvalue()) == {"a": 1}
    assert console.log.getvalue() == "a note\n"


def test_text_result():
    console = Console(as_json=False, out=io.StringIO(), log=io.StringIO())
    console.result({"a": 1}, "text")
    assert console.out.getvalue() == "text\n"


def test_a_figure_that_json_lacks_is_refused():
    console = Console(as_json=True, out=io.StringIO(), log=io.StringIO())
    with pytest.raises(ValueError, match="JSON"):
        console.result({"a": float("nan")}, "")


@pytest.mark.parametrize("as_json", [True, False])
def test_errors_reach_people_and_programs(as_json):
    console = Console(as_json=as_json, out=io.StringIO(), log=io.StringIO())
    console.error({"code": "overloaded", "message": "full"})
    assert console.log.getvalue() == "error: full\n"
    assert (json.loads(console.out.getvalue()) if as_json else console.out.getvalue() or None) == (
        {"error": {"code": "overloaded", "message": "full"}} if as_json else None
    )


def test_colours_only_on_a_terminal(monkeypatch):
    watched = Console(as_json=False, out=Terminal(), log=Terminal())
    piped = Console(as_json=False, out=io.StringIO(), log=io.StringIO())
    assert watched.styled("ok", "bold", "green") == "\033[1;32mok\033[0m"
    assert piped.styled("ok", "bold") == "ok"
    monkeypatch.setenv("NO_COLOR", "1")
    assert watched.styled("ok", "bold") == "ok"
    watched.note("plain")
    assert watched.log.getvalue() == "plain\n"


def test_no_colours_on_a_dumb_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert Console(as_json=False, out=Terminal(), log=Terminal()).styled("ok", "bold") == "ok"
