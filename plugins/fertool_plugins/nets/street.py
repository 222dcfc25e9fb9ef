"""What was measured of several detectors on the same street video, in words."""

STREET = (
    "On 21 frames of 1080p street video, with the default options: {faces} of 130 faces of 40 px and more "
    "found, {large} of 100 of 60 px and more, and {wrong} boxes without a face. A 1080p frame takes about "
    "{ms} ms of a core, in ONNX Runtime. The faces counted are those that two kinds of detectors found, "
    "after a check by eye."
)
GERMAN = (
    "Auf 21 Bildern eines Straßenvideos in 1080p, mit den voreingestellten Optionen: {faces} von "
    "130 Gesichtern ab 40 px gefunden, {large} von 100 ab 60 px, und {wrong} Rahmen ohne Gesicht. Ein Bild "
    "in 1080p braucht etwa {ms} ms eines Kerns, in ONNX Runtime. Gezählt sind Gesichter, die zwei Arten von "
    "Detektoren gefunden haben, nach Prüfung mit dem Auge."
)
WORDS = {"de": {STREET: GERMAN}}
"""Language code -> `STREET` in that language."""
