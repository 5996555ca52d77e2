"""Scores, intervals and figures of any predictions table; one room for all systems."""
