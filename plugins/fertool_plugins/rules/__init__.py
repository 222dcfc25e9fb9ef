"""Rules: assessments of students and of the class."""
