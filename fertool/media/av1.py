"""AV1: temporal units that no later one refers to, by the headers of their frames. Pure.

dav1d, FFmpeg's decoder of AV1, decodes whatever it is fed. A frame that refreshes none of the eight reference
slots leaves no trace: neither its pixels nor its contexts are used again (AV1 Bitstream & Decoding Process
Specification, 7.20). The fields are read in the order of its sections 5.5 and 5.9.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6
"""Types of OBUs, the units of the stream."""
_KEY, _INTRA_ONLY, _SWITCH = 0, 2, 3
"""Types of frames."""
_SELECT = 2
"""Says that each frame decides for itself."""


class _Bits:
    """Reads from the most significant bit on; IndexError at the end."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def read(self, count: int = 1) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.content[self.at >> 3] >> (7 - (self.at & 7)) & 1
            self.at += 1
        return value


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What of a sequence header says where the fields of a frame header are."""

    single: bool
    """One picture, with a reduced header."""
    time_bits: int
    """Of `frame_presentation_time`; 0 where there is none."""
    removal: bool
    """Frames may say when they leave the decoder's buffer."""
    id_bits: int
    order_bits: int
    screen: int
    integer: int


@dataclass(slots=True)
class Units:
    """Feed the packets of one stream in decode order, from a keyframe on."""

    _sequence: _Sequence | None = field(default=None)

    def disposable(self, packet: bytes) -> bool:
        """Whether each frame in a packet is shown at once and no reference; False where that is unclear."""
        frames = []
        try:
            for kind, content in _obus(packet):
                if kind == _SEQUENCE:
                    self._sequence = _sequence(_Bits(content))
                elif kind in (_FRAME, _FRAME_HEADER):
                    frames.append(
                        self._sequence is not None and _leaves_no_trace(_Bits(content), self._sequence)
                    )
        except IndexError:
            return False
        return bool(frames) and all(frames)


def _obus(packet: bytes) -> list[tuple[int, bytes]]:
    """(type, content) of each; IndexError where one ends too early."""
    found, at = [], 0
    while at < len(packet):
        header = packet[at]
        at += 2 if header & 4 else 1
        size, shift = (0, 0) if header & 2 else (len(packet) - at, -1)
        while shift >= 0:
            size |= (packet[at] & 127) << shift
            shift = shift + 7 if packet[at] & 128 else -1
            at += 1
        if at + size > len(packet):
            raise IndexError
        found.append((header >> 3 & 15, packet[at : at + size]))
        at += size
    return found


def _sequence(bits: _Bits) -> _Sequence:
    """`sequence_header_obu`, as far as the length of order hints."""
    bits.read(3 + 1)
    single = bool(bits.read())
    if single:
        return _Sequence(True, 0, False, 0, 0, _SELECT, _SELECT)
    equal, model, delay, time_bits = 0, 0, 0, 0
    if bits.read():  # timing
        bits.read(32 + 32)
        equal = bits.read()
        if equal:
            zeros = 0
            while not bits.read():
                zeros += 1
            bits.read(zeros)
        model = bits.read()
        if model:
            delay = bits.read(5) + 1
            bits.read(32 + 5)
            time_bits = bits.read(5) + 1
    display = bits.read()
    for _ in range(bits.read(5) + 1):  # operating points
        bits.read(12)
        if bits.read(5) > 7:
            bits.read()
        if model and bits.read():
            bits.read(2 * delay + 1)
        if display and bits.read():
            bits.read(4)
    width, height = bits.read(4) + 1, bits.read(4) + 1
    bits.read(width + height)
    id_bits = 0
    if bits.read():
        id_bits = bits.read(4) + 2
        id_bits += bits.read(3) + 1
    bits.read(3 + 4)
    order = bits.read()
    if order:
        bits.read(2)
    screen = _SELECT if bits.read() else bits.read()
    integer = _SELECT if not screen or bits.read() else bits.read()
    order_bits = bits.read(3) + 1 if order else 0
    return _Sequence(False, 0 if equal else time_bits, bool(model), id_bits, order_bits, screen, integer)


def _leaves_no_trace(bits: _Bits, sequence: _Sequence) -> bool:
    """`uncompressed_header`, as far as the slots that are refreshed."""
    if sequence.single or bits.read():  # a picture that is a file, or a slot that is shown
        return False
    kind, shown = bits.read(2), bits.read()
    if not shown or kind in (_KEY, _SWITCH):
        return False
    bits.read(sequence.time_bits)
    resilient = bits.read()
    bits.read()  # whether contexts adapt
    screen = bits.read() if sequence.screen == _SELECT else sequence.screen
    if screen and sequence.integer == _SELECT:
        bits.read()
    bits.read(sequence.id_bits + 1 + sequence.order_bits)
    if kind != _INTRA_ONLY and not resilient:
        bits.read(3)  # whose contexts it begins with
    if sequence.removal and bits.read():
        return False
    return bits.read(8) == 0
