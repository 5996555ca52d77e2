"""Detectors of QRS complexes, each as its reference has it."""
