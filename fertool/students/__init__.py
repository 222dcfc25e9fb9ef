"""Who is who: from tracks to people, from people to the students of a course, and what a lecturer decides.

In the order of the work: `stillness` and `tiles` say what paths to trust, `identity` and `linking` whose they
are, `relabel` and `decisions` what a person said of it, `roster`, `classlist` and `enrolment` who is known,
`glimpses` show faces again, `tracing` measures all of it.
"""
