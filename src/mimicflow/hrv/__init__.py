"""Heart-rate variability: from one ECG lead to 43 measures per epoch, equal to NeuroKit2."""
