"""The `fertool` command. Only these files print."""
