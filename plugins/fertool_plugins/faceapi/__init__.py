"""The nets of face-api, shared by the plugins `ssd` (detector) and `faceapi` (encoder, classifier)."""
