"""Adapter of rule write_checklist."""

from mimicflow.evaluation.documents.checklist import write_checklist
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_checklist(
        snakemake.wildcards.system,
        {name: snakemake.input[name] for name in snakemake.params.files},
        snakemake.output.text,
        snakemake.output.table,
        models=snakemake.input.models,
        audit=snakemake.input.audit,
        protocol=snakemake.params.protocol,
        judged_by=snakemake.params.judged_by,
        changed=snakemake.params.changed,
        checklist=snakemake.wildcards.checklist,
        study=Study(**snakemake.params.study),
    )
