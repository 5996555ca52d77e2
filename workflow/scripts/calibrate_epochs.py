"""Adapter of rule calibrate_epochs."""

from mimicflow.arrest.results.calibration import write_calibration
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_calibration(
        snakemake.input.predictions,
        snakemake.input.published,
        snakemake.output.table,
        snakemake.output.figure,
        model=snakemake.wildcards.arrest_model,
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
    )
