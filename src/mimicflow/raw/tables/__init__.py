"""The official raw schemas, one module each: what a file must hold before anything is computed.

These tables are the one source for the reader (``mimicflow.raw.ingest``) and for the writer of the
synthetic hospital (``mimicflow.synthetic``).
"""

from mimicflow.raw.tables.ecg import ECG
from mimicflow.raw.tables.ed import ED
from mimicflow.raw.tables.hosp import HOSP
from mimicflow.raw.tables.icu import ICU
from mimicflow.raw.tables.schema import Column, Table

TABLES: dict[str, Table] = {table.path: table for table in (*HOSP, *ICU, *ED, *ECG)}
"""All tables by ``module/name``, for example ``hosp/labevents``."""

__all__ = ["TABLES", "Column", "Table"]
