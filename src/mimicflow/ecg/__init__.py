"""12-lead ECGs: reading, cleaning, the waveform store, pretraining targets and the encoder."""
