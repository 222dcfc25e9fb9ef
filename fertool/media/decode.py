"""Decode the wanted frames, and as little else as possible. Read-only.

A frame is known by its position in decode order (see `fertool.media.sampling.Index`): it is written into the
packet's `pts` before decoding and comes back as the frame's, exact even where time stamps are missing.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import av
import numpy as np
from av.stream import Discard, Disposition

from fertool.errors import VideoError
from fertool.media.av1 import Units
from fertool.media.display import AS_DECLARED, SQUARE, Converter, View, pixel_ratio
from fertool.media.remote import Remote
from fertool.types import Sample
from fertool.vision.cores import cores

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from fertool.media.remote import File
    from fertool.media.sampling import Index, Times

T = TypeVar("T")

_MAX_THREADS = 16
"""FFmpeg's own bound."""
_HEALED = 250
"""Packets after which damage has been painted over where keyframes are rarer still, or never come."""


@contextmanager
def open_video(path: File, number: int = 0) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and one of its streams of pictures (`choose`), ready to decode; others are not even read.

    Raises VideoError if it is no video, has no such pictures, or its codec is unknown.
    """
    try:
        # Without `file:` a colon in the name would be taken for a protocol, and a playlist could name others.
        options = {"protocol_whitelist": "file"}
        source = path.open() if isinstance(path, Remote) else f"file:{path}"
        # Titles are in whatever encoding somebody's recorder used.
        container = av.open(source, "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "is it a video, and copied completely? A recording that broke off may lack its index"
        raise VideoError(f"{path}: cannot be read as a video: {reason}", hint) from error
    with container:
        stream = choose(path, container, number)
        # None where FFmpeg has no decoder, whatever the type stubs say.
        if getattr(stream, "codec_context", None) is None:
            raise VideoError(f"{path}: its video codec is unknown", "convert it to H.264 first")
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        stream.thread_type = "AUTO"
        # Skipped frames leave their threads idle, hence twice as many as FFmpeg would take.
        stream.codec_context.thread_count = min(2 * cores(), _MAX_THREADS)
        # Now, not at the first packet: dav1d (AV1) keeps for good the `skip_frame` that it is opened with.
        try:
            stream.codec_context.open(strict=False)
        except av.FFmpegError as error:
            raise VideoError(f"{path}: its pictures cannot be decoded: {error.strerror}") from error
        yield container, stream


def pictures_in(container: InputContainer) -> list[VideoStream]:
    """The streams of pictures, in the order of the file; covers are none."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def choose(path: File, container: InputContainer, number: int = 0) -> VideoStream:
    """Stream `number` of the pictures, from 1; for 0 the one that is marked as default, else the first.

    Raises VideoError if there is none.
    """
    streams = pictures_in(container)
    if not streams:
        raise VideoError(f"{path}: expected pictures, found none", "a sound recording cannot be analyzed")
    if not number:
        return next((s for s in streams if s.disposition & Disposition.default), streams[0])
    if number > len(streams):
        raise VideoError(f"{path}: --stream {number}: expected 1 to {len(streams)}, got {number}")
    return streams[number - 1]


def packets_of(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The stream's packets in decode order, up to the end or to where the file breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except (av.FFmpegError, IndexError):
        # IndexError: PyAV 18 at the end of a transport stream in which a stream turned up later on.
        return


class Samples:
    """The frames at `targets`, decoded: an iterable of Sample in ascending order.

    `targets` is a slice of a plan that begins at sample number `first`. Decoding starts at the keyframe at
    or before the first target, and the images are bit-identical whichever slice they are asked in. Every
    slice costs that start and the latency of its end, so ask for all that is left, not chunk by chunk.
    `view`: as the index was made with; images are as it shows them (`fertool.media.display`).

    A target that cannot be decoded, or refers to what cannot, is left out. Images have the size of their
    frame: should that change in mid-stream, the caller groups by size. Iterating raises VideoError if the
    file cannot be opened, ValueError if `targets` are not of this index.
    """

    def __init__(
        self, path: File, index: Index, targets: Times, first: int = 0, view: View = AS_DECLARED
    ) -> None:
        self.path, self.index, self.targets, self.first, self.view = path, index, targets, first, view
        self._spoilt = np.zeros(len(index.pts), np.bool_)
        self._pixels = SQUARE

    def __iter__(self) -> Iterator[Sample]:
        self._spoilt[:] = False
        positions = self.index.positions(self.targets)
        number = {int(position): i for i, position in enumerate(positions)}
        latest = -1
        converter = Converter(self.view.rotate)
        for frame in self._frames(self.index.needed(positions), number):
            position = frame.pts if frame.pts is not None else -1
            if frame.is_corrupt:
                self._spoil(position, position)
            i = number.get(position)
            # Damage can also mix up the order, or repeat a frame.
            if i is not None and i > latest and not self._spoilt[position]:
                latest = i
                image = converter.picture(frame, self._pixels)
                yield Sample(self.first + i, float(self.targets[i]), image)

    def _frames(self, needed: npt.NDArray[np.bool_], wanted: Container[int]) -> Iterator[VideoFrame]:
        """Every frame that comes out of a decoder fed just the packets needed."""
        if not needed.any():
            return
        begin, last = (int(position) for position in np.flatnonzero(needed)[[0, -1]])
        with closing(_numbered(self.path, self.index, begin, self.view.stream)) as packets:
            codec, units = None, Units()
            for position, packet in packets:
                if position > last:
                    break
                # Wanted ones are read as well: a keyframe says how those that follow are to be read.
                left_out = _is_av1(packet) and units.disposable(bytes(packet)) and position not in wanted
                if needed[position] and not left_out:
                    if codec is not None and not needed[position - 1]:
                        # To go on after a gap as after seeking: open GOPs would come out of order.
                        yield from self._decode(codec, None, position)
                        codec.flush_buffers()
                    codec, self._pixels = packet.stream.codec_context, pixel_ratio(packet.stream)
                    # Safe with frame threads: each thread takes the setting along with its packet.
                    codec.skip_frame = "DEFAULT" if position in wanted else "NONREF"
                    if packet.is_corrupt:
                        self._spoil(position, position)
                    packet.pts = position
                    yield from self._decode(codec, packet, position)
            if codec is not None:
                yield from self._decode(codec, None, last)

    def _decode(
        self, codec: VideoCodecContext, packet: Packet[VideoStream] | None, position: int
    ) -> list[VideoFrame]:
        try:
            return codec.decode(packet)
        except av.FFmpegError:
            # With frame threads the culprit may be an earlier packet: doubt all that is not out yet.
            self._spoil(0, position)
            return []

    def _spoil(self, begin: int, end: int) -> None:
        """Something in [begin, end] is damaged: so may be all that refers to it, up to the next keyframe.

        Decoders conceal such damage: what they show is a smear, or a moment long past.
        """
        ahead = self.index.keyframe[end + 1 : end + 1 + _HEALED]
        key = end + 1 + int(np.argmax(np.append(ahead, True)))
        self._spoilt[begin:key] = True
        if key < len(self._spoilt):
            self._spoilt[key:] |= self.index.pts[key:] < self.index.pts[key]


def _numbered(
    path: File, index: Index, begin: int, number: int
) -> Generator[tuple[int, Packet[VideoStream]]]:
    """(position in decode order, packet) from a keyframe at or before position `begin` on."""
    keys = np.flatnonzero(index.keyframe[: begin + 1])
    # Containers seek by decoding times, tables or guesswork: see where we land; if late, aim further back.
    for back in (1, 2, 4, 8):
        if not index.seekable or len(keys) < back or keys[-back] == 0:
            break
        with open_video(path, number) as (container, stream):
            packets = _seek(container, stream, int(index.pts[keys[-back]]))
            packet = next(packets, None)
            landed = _position(index, packet)
            if packet is not None and 0 <= landed <= begin:
                yield landed, packet
                yield from enumerate(packets, landed + 1)
                return
    with open_video(path, number) as (container, stream):
        yield from enumerate(packets_of(container, stream))


def _is_av1(packet: Packet[VideoStream]) -> bool:
    """Whether `Units` has to do what its decoder does not: dav1d ignores `skip_frame` once it is open."""
    return packet.stream.codec_context.codec.canonical_name == "av1"


def _seek(container: InputContainer, stream: VideoStream, pts: int) -> Iterator[Packet[VideoStream]]:
    try:
        container.seek(pts, stream=stream)
    except av.FFmpegError:
        return iter(())
    return packets_of(container, stream)


def _position(index: Index, packet: Packet[VideoStream] | None) -> int:
    """The packet's position in decode order; -1 if that is unknown (MPEG-PS restamps after seeking)."""
    if packet is None or packet.pts is None:
        return -1
    found = np.flatnonzero((index.pts == packet.pts) & (index.size == packet.size))
    return int(found[0]) if len(found) == 1 else -1


def prefetch(items: Iterable[T], size: int) -> Generator[T, None, None]:
    """The same items, up to `size` (>= 1) of them made ahead by a thread of their own.

    An exception of `items` is raised where its item would have come. When the consumer stops early (or
    closes this generator), the thread ends after the item it is at work on, having closed `items`.
    """
    ready: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    slots, stopped = Semaphore(size), Event()

    def work() -> None:
        iterator = iter(items)
        try:
            # The slot comes first, so that never more than `size` frames are held here.
            while slots.acquire() and not stopped.is_set():
                ready.put(("item", next(iterator)))
        except StopIteration:
            ready.put(("end", None))
        except BaseException as error:
            ready.put(("error", error))
        finally:
            # A generator can only be closed by the thread that runs it.
            getattr(iterator, "close", lambda: None)()

    thread = Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (message := ready.get())[0] == "item":
            slots.release()
            yield message[1]
        if message[0] == "error":
            raise message[1]
    finally:
        stopped.set()
        slots.release()
        thread.join()
