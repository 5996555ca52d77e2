"""The official raw schemas, one module each: what a file must hold before anything is computed.

These tables are the one source for the reader (``mimicflow.ingest``) and for the writer of the
synthetic hospital (``mimicflow.synthetic``).
"""

from mimicflow.tables.ecg import ECG
from mimicflow.tables.ed import ED
from mimicflow.tables.hosp import HOSP
from mimicflow.tables.icu import ICU
from mimicflow.tables.schema import Column, Table

TABLES: dict[str, Table] = {table.path: table for table in (*HOSP, *ICU, *ED, *ECG)}
"""All tables by ``module/name``, for example ``hosp/labevents``."""

__all__ = ["TABLES", "Column", "Table"]
