"""The made-up ICU: stays, rhythms, bedside recordings."""
