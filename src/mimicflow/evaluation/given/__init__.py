"""Predictions of anybody: their file is read, checked, and scored as those of the workflow are."""
