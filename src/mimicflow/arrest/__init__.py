"""Cardiac arrest in the ICU: from bedside ECG recordings to the probability of an arrest."""
