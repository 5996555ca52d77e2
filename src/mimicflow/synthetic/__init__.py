"""A made-up hospital in exactly MIMIC's files, whose true probabilities are known."""

from mimicflow.synthetic.hospital import make_hospital
from mimicflow.synthetic.waveforms import make_waveforms

__all__ = ["make_hospital", "make_waveforms"]
