"""Adapter of rule calibrate_horizons."""

from mimicflow.arrest.results.calibration import calibrate_horizons
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    calibrate_horizons(
        snakemake.input.predictions,
        snakemake.params.options,
        snakemake.output.table,
        snakemake.output.figure,
        model=snakemake.wildcards.arrest_model,
        study=Study(**snakemake.params.study),
    )
