"""Adapter of rule calibrate_models."""

from mimicflow.evaluation.calibration_table import calibrate_models
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    calibrate_models(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.output.calibration,
        snakemake.output.reliability,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
    )
