"""What did the monitor record? Waveforms, numerics and the registry of recordings."""
