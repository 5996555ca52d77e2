"""Adapter of rule refit_permuted_deaths."""

from mimicflow.audit.permuted_deaths import refit_permuted_deaths
from mimicflow.learning.devices import Machine
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    refit_permuted_deaths(
        {name: snakemake.input[name] for name in snakemake.params.tables},
        snakemake.input.stays,
        options=snakemake.params.options,
        protocols=snakemake.params.protocols,
        outputs=dict(zip(snakemake.params.runs, snakemake.output, strict=True)),
        permutation=int(snakemake.wildcards.permutation),
        seed=snakemake.params.seed,
        memory_mb=snakemake.resources.mem_mb,
        machine=Machine(threads=snakemake.threads, computing=snakemake.params.computing),
    )
