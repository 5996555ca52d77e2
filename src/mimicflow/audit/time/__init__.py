"""Is anything of the time after a prediction in it? Provenance, and attacks on the future."""
