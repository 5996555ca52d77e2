"""Adapter of rule calibrate_epochs."""

from mimicflow.arrest.results.calibration import calibrate_epochs
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    calibrate_epochs(
        snakemake.input.predictions,
        snakemake.output.table,
        snakemake.output.figure,
        model=snakemake.wildcards.arrest_model,
        study=Study(**snakemake.params.study),
    )
