"""Identity: from tracks to people, from people to the students of a course.

In the order of the work: `stillness` and `tiles` say what paths to trust, `identity` and `linking` whose they
are, `recognition` whose they were when pictures come later, `relabel` and `decisions` what a person said of
it; `roster`, `classlist` and `enrolment` know who there is, `glimpses` show faces again, `tracing`
measures all of it.
"""
