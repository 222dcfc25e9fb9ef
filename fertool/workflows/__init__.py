"""What the commands do, callable from Python. Nothing here prints or reads the command line."""
