"""Commands about what is held: audit, policy, copies without faces."""
