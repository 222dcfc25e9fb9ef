"""Rules: what is said of students and class."""
