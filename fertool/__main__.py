"""`python -m fertool`."""

from fertool.cli import main

main()
