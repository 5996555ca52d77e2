"""Adapter of rule build_registry."""

from pathlib import Path

from mimicflow.bedside.mimic_registry import build_registry
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_registry(
        snakemake.params.waveforms,
        {
            "icu/icustays": snakemake.input.icustays,
            "icu/procedureevents": snakemake.input.procedureevents,
            "icu/chartevents": snakemake.input.chartevents,
            "hosp/admissions": snakemake.input.admissions,
            "hosp/patients": snakemake.input.patients,
            "hosp/procedures_icd": snakemake.input.procedures_icd,
        },
        Path(snakemake.output.stays).parent,
        memory_mb=snakemake.resources.mem_mb,
    )
