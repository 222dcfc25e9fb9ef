"""`python -m fertool`."""

from fertool.cli.app import main

main()
