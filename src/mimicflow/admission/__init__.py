"""Admission from the emergency department: inputs, network, training, baselines, result files."""
