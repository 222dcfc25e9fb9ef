"""Headers of AV1, bit by bit: which packets may be left out."""

from __future__ import annotations

import os

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.media.av1 import Units


def packed(bits: str) -> bytes:
    """Bits, spaces ignored, then a 1 and zeros up to the next byte."""
    bits = bits.replace(" ", "") + "1"
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def obu(kind: int, bits: str, *, sized: bool = True, extended: bool = False) -> bytes:
    content = packed(bits)
    header = bytes([kind << 3 | extended << 2 | sized << 1]) + (b"\x00" if extended else b"")
    return header + (bytes([len(content)]) if sized else b"") + content


DELIMITER = obu(2, "")
# profile, still, reduced; timing; display delay, one operating point: layers, level; 8 bits of width and
# height, each 64; frame numbers; three tools and four; order hints with two tools; each frame chooses tools
# for screens and whole vectors; 7 bits of order
PLAIN = "000 0 0  0  0 00000 000000000000 00000  0111 0111 00111111 00111111  0  000 0000  1 00  1 1  110"
NUMBERED = PLAIN.replace("00111111  0  000", "00111111  1 0010 001  000")  # 2 + 2 + 1 + 1 = 6 bits
UNORDERED = "000 0 0  0  0 00000 000000000000 00000  0111 0111 00111111 00111111  0  000 0000  0  0 0"
# 32 + 32 bits of clock, unequal steps; a decoder model: 3 bits of delay, 32 bits of clock, 4 and 5 bits of
# times; the operating point has a tier, for its level is 8, two delays of 3 bits and one more
CLOCK = "0" * 31 + "1" + "0" * 31 + "1"
MODEL = f"000 0 0  1 {CLOCK} 0  1 00010 {'0' * 32} 00011 00100  0 00000 000000000000 01000 0 1 000 000 0"
TIMED = f"{MODEL}  0111 0111 00111111 00111111  0  000 0000  1 00  1 1  110"
EQUAL = TIMED.replace(f"{CLOCK} 0  1 00010", f"{CLOCK} 1 00101  1 00010")  # two zeros, a one, two bits
REDUCED = "000 1 1 00000  0111 0111 00111111 00111111  000  0 0 0 00 000"

HEADERS = [
    # the sequence, a frame, and whether its packet may be left out
    # shown again; type, shown; resilient, no adaption; screen tools; size; order; contexts; slots refreshed
    (PLAIN, "0 01 1 0 0 0 0 0000001 000 00000000", True),
    (PLAIN, "0 01 1 0 0 0 0 0000001 000 00000001", False),
    (PLAIN, "0 01 1 0 0 0 0 0000001 000 10000000", False),
    (PLAIN, "0 01 0 1 0 0 0 0 0000001 000 00000000", False),  # not shown: it may be later
    (PLAIN, "1 000", False),  # shows a slot
    (PLAIN, "0 00 1 0 0 0 0000001 00000000", False),  # a keyframe refreshes all
    (PLAIN, "0 11 1 0 0 0000001 00000000", False),  # so does a switch
    (PLAIN, "0 01 1 1 0 0 0 0000001 00000000", True),  # resilient: of nobody's contexts
    (PLAIN, "0 01 1 1 0 0 0 0000001 00000001", False),
    (PLAIN, "0 10 1 0 0 0 0 0000001 00000000", True),  # intra only: likewise
    (PLAIN, "0 01 1 0 0 1 0 0 0000001 000 00000000", True),  # with tools for screens: whole vectors or not
    (PLAIN, "0 01 1 0 0 1 0 0 0000001 000 01000000", False),
    (NUMBERED, "0 01 1 0 0 0 111111 0 0000001 000 00000000", True),
    (NUMBERED, "0 01 1 0 0 0 111111 0 0000001 000 00000010", False),
    (UNORDERED, "0 01 1 0 0 0 000 00000000", True),
    (UNORDERED, "0 01 1 0 0 0 000 00000100", False),
    (TIMED, "0 01 1 11111 0 0 0 0 0000001 000 0 00000000", True),
    (TIMED, "0 01 1 11111 0 0 0 0 0000001 000 0 00001000", False),
    (TIMED, "0 01 1 11111 0 0 0 0 0000001 000 1 00000000", False),  # says when it leaves the buffer: unread
    (EQUAL, "0 01 1 0 0 0 0 0000001 000 0 00000000", True),
    (EQUAL, "0 01 1 0 0 0 0 0000001 000 0 00010000", False),
    (REDUCED, "0 01 1 0 0 0 0 0000001 000 00000000", False),
]


@pytest.mark.parametrize("kind", [3, 6])  # a header by itself, and one with its tiles
@pytest.mark.parametrize(("sequence", "frame", "disposable"), HEADERS)
def test_a_frame_that_refreshes_nothing_may_be_left_out(sequence, frame, disposable, kind) -> None:
    units = Units()
    assert units.disposable(DELIMITER + obu(1, sequence) + obu(6, "0 00 1 0 0 0 0000001 11111111")) is False
    assert units.disposable(DELIMITER + obu(kind, frame)) is disposable


FREE, USED, AGAIN = "0 01 1 0 0 0 0 0000001 000 00000000", "0 01 1 0 0 0 0 0000001 000 00000001", "1 000"
PACKETS = [
    # the packet, and whether it may be left out
    (obu(6, FREE), True),
    (obu(6, FREE, sized=False), True),  # up to the end
    (obu(6, FREE, extended=True), True),
    (obu(3, FREE) + obu(4, "0"), True),  # with its tiles
    (obu(6, FREE) + obu(6, FREE), True),
    (obu(6, FREE) + obu(6, USED), False),  # one of its frames is a reference
    (obu(6, USED) + obu(6, FREE), False),
    (obu(6, FREE) + obu(3, AGAIN), False),
    (obu(5, "0"), False),  # metadata without a frame
    (DELIMITER, False),
    (b"", False),
    (obu(6, FREE)[:-1], False),  # broken off
    (obu(6, FREE)[:1], False),
]


@pytest.mark.parametrize(("packet", "disposable"), PACKETS)
def test_every_frame_of_a_packet_counts(packet, disposable) -> None:
    units = Units()
    units.disposable(obu(1, PLAIN))
    assert units.disposable(packet) is disposable
    assert Units().disposable(packet) is False, "without a sequence header nothing can be said"


@given(st.binary(max_size=60))
def test_any_bytes_have_an_answer(content) -> None:
    units = Units()
    units.disposable(obu(1, PLAIN))
    assert units.disposable(content) in (True, False)


def test_what_an_encoder_writes(videos, tmp_path) -> None:
    try:
        av.codec.Codec("libsvtav1", "w")
    except ValueError:
        pytest.skip("this PyAV has no libsvtav1")
    scheduling = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    path = videos.write(tmp_path / "a.webm", 60, "libsvtav1", options={"g": "60", "preset": "12"})
    if scheduling is not None:
        assert os.sched_getscheduler(0) == scheduling, "the encoder's real-time priority is taken back"
    units = Units()
    with av.open(str(path)) as container:
        free = [units.disposable(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    assert not free[0]
    assert 10 <= sum(free) <= 30, (
        "the lowest layer of the pyramid, as far as its frames are packets of their own"
    )
