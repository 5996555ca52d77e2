"""Adapter of rule price_defects."""

from mimicflow.admission.price import price_defects
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    price_defects(
        snakemake.params.predictions,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
