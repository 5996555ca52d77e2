"""mimicflow: from raw MIMIC-IV files to fitted and evaluated prediction systems."""

__version__ = "0.2.0"
