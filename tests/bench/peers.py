"""fertool and its peers on the same recordings.

python tests/bench/peers.py [--rounds 3] [--minutes 60] [--folder DIR] [ROW ...]

Installs the peers into environments of their own, in `--folder`: `fer` (Haar cascade and its classifier, by
pip), face-api.js (WebAssembly, by npm). Composes the recordings there, then prints a row for each comparison:
two commands that take turns, and the median of the quotients of their times, for machines are shared. Whole
processes count, start included, if the row does not say otherwise. Without ROW, all rows.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analyze import DECODE, lecture, timed

from fertool.demo.gallery import Person, make_gallery

FER = ["fer==25.10.3", "--no-deps"]  # asks for PyTorch of another year, for a detector that is not used
FER_NEEDS = [  # its cascade is not read by OpenCV 5; it imports pkg_resources, which new setuptools lack
    "tensorflow-cpu",
    "opencv-contrib-python-headless<5",
    "pandas",
    "Pillow",
    "requests",
    "tqdm",
    "moviepy<2",
    "setuptools<81",
]
FER_SCRIPT = """
import sys
import cv2
from fer.fer import FER
found, number = FER(), 0
video = cv2.VideoCapture(sys.argv[1])
while video.grab():
    if number % int(sys.argv[2]) == 0:
        found.detect_emotions(video.retrieve()[1])
    number += 1
"""
FACE_API = ["@vladmandic/face-api@1.7.15", "@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0"]
FACE_API_SCRIPT = """
import fs from 'node:fs';
import { createRequire } from 'node:module';
const [home, raw, width, height] = process.argv.slice(2);
const require = createRequire(home + '/any.js');
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
wasm.setWasmPaths(home + '/node_modules/@tensorflow/tfjs-backend-wasm/dist/');
await tf.setBackend('wasm');
await tf.ready();
const model = home + '/node_modules/@vladmandic/face-api/model';
const nets = { ssdMobilenetv1: 'ssd_mobilenetv1', faceLandmark68Net: 'face_landmark_68',
  faceExpressionNet: 'face_expression', faceRecognitionNet: 'face_recognition' };
for (const [net, name] of Object.entries(nets)) {
  const manifest = JSON.parse(fs.readFileSync(`${model}/${name}_model-weights_manifest.json`));
  const read = async (files) => files.map((f) => new Uint8Array(fs.readFileSync(f)).buffer);
  faceapi.nets[net].loadFromWeightMap(await tf.io.weightsLoaderFactory(read)(manifest, model));
}
const size = Number(width) * Number(height) * 3;
const file = fs.openSync(raw);
const bytes = new Uint8Array(size);
while (fs.readSync(file, bytes, 0, size) === size) {
  const picture = tf.tensor3d(bytes, [Number(height), Number(width), 3], 'int32');
  await faceapi.detectAllFaces(picture).withFaceLandmarks().withFaceExpressions().withFaceDescriptors();
  picture.dispose();
}
"""
HELP = "import typer, rich"


@dataclass(frozen=True)
class Bench:
    """Where things are, and how often they are compared."""

    folder: Path
    rounds: int
    minutes: int

    def fertool(self, video: Path, *more: str) -> list[str]:
        words = [sys.executable, "-m", "fertool", "analyze", str(video), "--force", "--json", *more]
        return [*words, "--db", str(self.folder / "peers.duckdb")]

    def compare(self, one: list[str], other: list[str]) -> tuple[float, float, float]:
        """Medians of the seconds of two commands, and of how often the first fits into the second."""
        pairs = [(timed(one)[0], timed(other)[0]) for _ in range(self.rounds)]
        a, b, quotients = zip(*((a, b, b / a) for a, b in pairs), strict=True)
        return statistics.median(a), statistics.median(b), statistics.median(quotients)


def hour(bench: Bench) -> str:
    video, clip = lecture(bench.folder, bench.minutes), two_seconds(bench)
    decode = [sys.executable, "-c", DECODE, str(video)]
    start, analysis, decoding, peaks = [], [], [], []
    for _ in range(bench.rounds):
        start.append(timed(bench.fertool(clip))[0])
        seconds, peak = timed(bench.fertool(video))
        analysis.append(seconds)
        peaks.append(peak)
        decoding.append(timed(decode)[0])
    shares = [(a - s) / d for a, s, d in zip(analysis, start, decoding, strict=True)]
    times = statistics.median(bench.minutes * 60 / a for a in analysis)
    ratio = statistics.median(shares)
    decodes = f"{ratio:.2f} times decoding all of it, start taken out (goal 1.0)"
    return f"{decodes}; {times:.1f}x real time (11); peak memory {max(peaks):.0f} MB (600)"


def fer(bench: Bench) -> str:
    python = bench.folder / "fer" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        for words in (FER_NEEDS, FER):
            subprocess.run([python, "-m", "pip", "install", "-q", *words], check=True)
    video = lecture(bench.folder, 2)
    peer = [str(python), "-c", FER_SCRIPT, str(video), "25"]
    ours, theirs, times = bench.compare(bench.fertool(video), peer)
    return f"{times:.1f} times faster (goal 5): {ours:.0f} s, fer {theirs:.0f} s"


def face_api(bench: Bench) -> str:
    home = bench.folder / "face-api"
    if not (home / "node_modules").exists():
        home.mkdir(exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", home, *FACE_API], check=True)
    script, raw = home / "peer.mjs", bench.folder / "sixty.rgb"
    script.write_text(FACE_API_SCRIPT, encoding="utf-8")
    video = lecture(bench.folder, 1)
    if not raw.exists():
        _rgb(video, raw)
    node = [shutil.which("node") or "node", str(script), str(home), str(raw), "1920", "1080"]
    ours, theirs, times = bench.compare(bench.fertool(video), node)
    return f"{times:.1f} times faster (goal 10): {ours:.0f} s, face-api.js {theirs:.0f} s without decoding"


def _rgb(video: Path, to: Path) -> None:
    """A frame a second, as the peer wants them: no decoder is to stand between."""
    import av

    with av.open(str(video)) as container, to.open("wb") as out:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 25 == 0:
                out.write(frame.to_ndarray(format="rgb24").tobytes())


def nine(bench: Bench) -> str:
    video, length = bench.folder / "nine.mp4", 600
    if not video.exists():
        people = [Person(i % 6, ((0, length),)) for i in range(9)]
        make_gallery(video, people, duration_s=length, fps=25, gop_s=10, preset="veryfast")
    seconds = statistics.median(timed(bench.fertool(video, "--every", "5s"))[0] for _ in range(bench.rounds))
    return f"{length / seconds:.0f}x real time (goal 30), start included"


def two_seconds(bench: Bench) -> Path:
    video = bench.folder / "two.mp4"
    if not video.exists():
        make_gallery(video, duration_s=2, fps=25)
    return video


def clip(bench: Bench) -> str:
    seconds = statistics.median(timed(bench.fertool(two_seconds(bench)))[0] for _ in range(bench.rounds))
    return f"{seconds:.1f} s (goal 2.5)"


def help_(bench: Bench) -> str:
    words = [[sys.executable, "-c", HELP], [sys.executable, "-m", "fertool", "--help"]]
    *_, times = bench.compare(*words)
    return f"{times:.2f} : 1 (goal 2)"


ROWS: dict[str, tuple[str, Callable[[Bench], str]]] = {
    "help": ('`fertool --help` against `python -c "import typer, rich"`', help_),
    "clip": ("a recording of 2 s, whole process", clip),
    "fer": ("120 s of 1080p25, six faces, 1 sample/s, against `fer` (Haar, same samples)", fer),
    "face-api": ("60 s of it against face-api.js in node (ssd, all four networks)", face_api),
    "nine": ("`--every 5s`, nine tiles at 720p25, 10 min", nine),
    "hour": ("the same gallery at length, against decoding it once", hour),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[[], *ROWS], help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fertool-bench")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    bench = Bench(given.folder, given.rounds, given.minutes)
    print("| | measured |\n|---|---|")
    for name in given.rows or ROWS:
        what, measure = ROWS[name]
        print(f"| {what} | {measure(bench)} |", flush=True)


if __name__ == "__main__":
    main()
