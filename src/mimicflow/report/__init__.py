"""The report: one self-contained page that opens offline, for a clinician and for a reviewer."""
