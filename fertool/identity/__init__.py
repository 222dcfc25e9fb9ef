"""Identity: from tracks to people, from people to the students of a course.

In the order of the work: `vision.still_faces` and `gallery_tiles` say what paths to trust, `matching` and `linking` whose they
are, `recognition` whose they were when pictures come later, `corrections` what a person said of
it; `roster`, `classlist` and `enrolment` know who there is, `glimpses` show faces again, `tracing`
measures all of it.
"""
