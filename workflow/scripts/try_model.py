"""Adapter of rule try_model."""

from mimicflow.admission.inputs import InputFiles, InputOptions
from mimicflow.admission.tuning import try_model
from mimicflow.learning.devices import Machine
from mimicflow.running.rule_log import rule_log

TABLES = ("spine", "cohort_ecgs", "final_ecgs", "gsn_etc", "vitals")

with rule_log(snakemake.log[0]):
    source, chosen, asked = snakemake.input, snakemake.params, snakemake.resources
    try_model(
        snakemake.wildcards.model,
        int(snakemake.wildcards.trial),
        suggested=source.suggested,
        output=snakemake.output[0],
        **{name: chosen[name] for name in ("model", "encoder", "threshold", "seed")},
        options=InputOptions(**chosen.preprocessing),
        inputs=InputFiles(**{name: source[name] for name in TABLES}),
        pretrained=source.pretrained,
        store=(source.stores, source.indices),
        memory_mb=asked.mem_mb,
        machine=Machine.of_job(snakemake),
    )
