"""Adapter of rule extract_hospital_visits."""

from mimicflow.concepts.extract import extract_hospital_visits
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    extract_hospital_visits(
        tables={
            "admissions": snakemake.input.admissions,
            "diagnoses_icd": snakemake.input.diagnoses_icd,
            "procedures_icd": snakemake.input.procedures_icd,
            "prescriptions": snakemake.input.prescriptions,
        },
        options=snakemake.params.protocol,
        output=snakemake.output[0],
        memory_mb=snakemake.resources.mem_mb,
    )
