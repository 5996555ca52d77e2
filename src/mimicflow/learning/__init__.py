"""Learn from data, for every system: splits, preprocessing, one training loop, model files.

Nothing here knows what an ECG or an admission is.
"""
