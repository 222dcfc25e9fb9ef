"""From files to pictures at their times."""
