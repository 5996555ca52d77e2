"""Adapter of rule write_model_card."""

from mimicflow.evaluation.documents.model_card import write_model_card
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_model_card(
        snakemake.wildcards.system,
        {name: snakemake.input[name] for name in snakemake.params.files},
        snakemake.output[0],
        models=snakemake.input.models,
        protocol=snakemake.params.protocol,
        judged_by=snakemake.params.judged_by,
        changed=snakemake.params.changed,
        study=Study(**snakemake.params.study),
    )
