"""mimicflow: from raw MIMIC-IV files to fitted and evaluated prediction systems."""

__version__ = "0.1.0"
