"""Adapter of rule train_model."""

from mimicflow.admission.inputs import InputFiles, InputOptions
from mimicflow.admission.training import OutputFiles, train_model
from mimicflow.evaluation.study import Study
from mimicflow.learning.devices import Machine
from mimicflow.running.rule_log import rule_log

TABLES = ("spine", "cohort_ecgs", "final_ecgs", "gsn_etc", "vitals")

with rule_log(snakemake.log[0]):
    source, made, chosen = snakemake.input, snakemake.output, snakemake.params
    asked = snakemake.resources
    train_model(
        snakemake.wildcards.model,
        **{name: chosen[name] for name in ("model", "encoder", "threshold", "seed")},
        options=InputOptions(**chosen.preprocessing),
        inputs=InputFiles(**{name: source[name] for name in TABLES}),
        pretrained=source.pretrained,
        store=(source.stores, source.indices),
        outputs=OutputFiles(**dict(made.items())),
        smallest=Study(**chosen.study).smallest_cell,
        memory_mb=asked.mem_mb,
        machine=Machine.of_job(snakemake),
    )
