"""What every system needs to learn from data: splits, preprocessing, one training loop, files.

Nothing here knows what an ECG or an admission is.
"""
