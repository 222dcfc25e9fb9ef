"""Commands about students: the roster, who is who, consent."""
