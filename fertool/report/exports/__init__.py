"""A report in other forms than pages. See the README of the folder above."""
