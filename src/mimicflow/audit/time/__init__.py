"""What of the time after a prediction is in it? Provenance of features, and attacks on the future."""
