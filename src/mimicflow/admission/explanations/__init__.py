"""Explain why a model of admission says what it says: of all test stays, and of one."""
