"""Scores and intervals: arrays in, numbers out."""
