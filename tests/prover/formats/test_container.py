"""The container: every length is checked against the file before it is used."""

import os
import struct

import pytest

from prover.errors import BadInput
from prover.formats.container import open_container, read_container, write_container


def packed(*sections, magic=b"wtns", version=2, count=None):
    parts = [magic, struct.pack("<II", version, len(sections) if count is None else count)]
    for kind, content, *length in sections:
        parts += [struct.pack("<IQ", kind, length[0] if length else len(content)), content]
    return b"".join(parts)


def parse(content):
    return read_container(memoryview(content), "f", b"wtns", (2,))


def test_sections_are_found_in_any_order():
    container = parse(packed((2, b"abcd"), (1, b"xy")))
    section = container.section(1, "header")
    assert (len(section), bytes(section.take(2, "both")), section.remaining) == (2, b"xy", 0)
    assert container.section(2, "values").u32("a word") == int.from_bytes(b"abcd", "little")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "offset 0: 0 bytes are too few"),
        (b"wtns\2\0\0\0\1\0\0", "too few"),
        (packed(magic=b"zkey"), "offset 0: the file does not begin with 'wtns'"),
        (packed(version=1), "offset 4: version 1"),
        (packed(count=1), "offset 12: the file ends before section number 0 of 1"),
        (packed(count=65), "offset 8: 65 sections"),
        (packed((1, b"ab", 3)), "section number 0, offset 12: it claims more than the 2 bytes left"),
        (packed((1, b"ab", 2**64 - 1)), "it claims more than the 2 bytes left"),
        (packed((1, b""), (1, b"")), "section 1, offset 24: it is there twice"),
        (packed((1, b"")) + b"z", "offset 24: 1 bytes behind the last section"),
    ],
)
def test_what_does_not_add_up_is_refused_with_its_place(content, why):
    with pytest.raises(BadInput, match=why):
        parse(content)


def test_reading_past_a_section_is_refused_with_its_place():
    section = parse(packed((7, b"abcdef"))).section(7, "letters")
    section.u32("a word")
    with pytest.raises(BadInput, match=r"f: section 7 \(letters\), offset 28: another needs 4 bytes, 2 are left"):
        section.u32("another")
    with pytest.raises(BadInput, match="offset 28: 2 bytes too many"):
        section.finish()
    with pytest.raises(BadInput, match="needs 73786976294838206464 bytes"):
        section.array("<u8", (2**60, 8), "a large array")


def test_a_missing_section_is_named():
    with pytest.raises(BadInput, match=r"section 2 \(values\) is missing"):
        parse(packed((1, b""))).section(2, "values")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place, why in (
        (tmp_path / "pipe", "no regular file"),
        (tmp_path, "no regular"),
        (tmp_path / "none", "No such"),
    ):
        with pytest.raises(BadInput, match=why):
            open_container(place, b"wtns", (2,))
    (tmp_path / "empty").touch()
    with pytest.raises(BadInput, match="too few"):
        open_container(tmp_path / "empty", b"wtns", (2,))


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f"

    def fails():
        yield b"abc"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_container(path, b"wtns", 2, [(1, 6, fails())])
    assert list(tmp_path.iterdir()) == []
    write_container(path, b"wtns", 2, [(1, 3, [b"a", b"bc"])])
    assert path.read_bytes() == packed((1, b"abc"))
    with pytest.raises(BadInput, match="cannot be written"):
        write_container(tmp_path / "no" / "f", b"wtns", 2, [])
