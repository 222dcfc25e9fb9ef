"""The four nets of face-api, shared by the `ssd` detector, the `faceapi` encoder and the `faceapi` classifier."""
