"""The figures that all systems share."""
