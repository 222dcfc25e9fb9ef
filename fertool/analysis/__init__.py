"""One recording, from pixels to stored observations."""
