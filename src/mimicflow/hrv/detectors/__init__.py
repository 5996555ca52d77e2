"""Detectors of QRS complexes, each as its reference has it.

All take a cleaned lead, its rate and the least time between two beats, as
`mimicflow.hrv.peaks.find_r_peaks` and `mimicflow.hrv.peaks.Detector` describe them.
"""
