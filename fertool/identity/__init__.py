"""Identity: from tracks to people, from people to the students of a course.

In the order of the work: `vision.still_faces` and `gallery_tiles` say which paths to trust, `matching` and
`linking` whose they are, `recognition` whose they were when pictures come later, `corrections` what a
lecturer corrected; `roster_file` and `enrollment` say who there is, `thumbnails` show faces again,
`evaluation` measures all of it.
"""
