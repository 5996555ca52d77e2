"""The groups of patients in tables of scores, and the order of their levels."""

GROUPS = ("sex", "age_band", "race", "arrival", "insurance", "icu", "monitor")
"""The columns of ``groups.parquet`` beside ``stay_id``; a system may lack some."""
LAST_LEVELS = ("Other", "No earlier admission", "Unknown")
"""Levels that stand last in a table."""
