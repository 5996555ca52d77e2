"""Could a prediction have seen what it should not? The checks that look at data.

INPUTS   what all three systems have made: splits, features, models, predictions, and the raw tables
OUTPUTS  results/{system}/audit/{check}.csv, results/audit.html
STEPS    one rule and one table per check of reference/audit_checks.csv, then the page
"""

from mimicflow.audit.files import files_in
from mimicflow.audit.findings import audit_checks

# All tables of the audit; those of refitted models are made by audit_settings.smk.
AUDIT_FILES = [f"results/{check.path}" for check in audit_checks()]
# Of mortality those protocols that claim to see no future; the others are prices, not models.
JUDGED_PROTOCOLS = [
    name for name in MORTALITY_PROTOCOLS if name not in OPTIMISTIC_MORTALITY
] or MORTALITY_PROTOCOLS
# What a system is split by: the spine of its models first, then all others; its folds, where each
# patient is tested once; the models that are reported by the first, and the files that say whom each was
# fitted on, with its spine; systems of the same hospital.
SPLITS = {
    "admission": {
        "spines": {
            "models": "results/cohort/spine.parquet",
            **{
                name: f"results/scenarios/{name}/cohort/spine.parquet"
                for name in protocols.folds("nested", config)
            },
        },
        "folds": protocols.folds("nested", config),
        "predictions": {name: f"results/admission/{name}/predictions.parquet" for name in COMPARED},
        "models": {
            **{
                name: [f"results/{name}.pth", "results/cohort/spine.parquet"]
                for name in config["models"]
            },
            **{
                name: [f"results/admission/{name}/config.yaml", "results/cohort/spine.parquet"]
                for name in BASELINES
            },
        },
        "encoder": (
            [
                "results/pretrained_model.pth",
                "results/pretraining_ecgs.parquet",
            ]
            if PRETRAINING
            else []
        ),
        "dictionary": [
            "results/features/gsn_etc.parquet",
            *shards("results/tables/ed/medrecon/{shard}.parquet"),
        ],
        "embeddings": {},
        "others": ["mortality"],
    },
    "mortality": {
        "spines": {
            "models": "results/mortality/spine.parquet",
            **{name: f"results/mortality/{name}/spine.parquet" for name in MORTALITY_PROTOCOLS},
        },
        "folds": [],
        "predictions": {
            f"{name} {model}": f"results/mortality/{name}/{model}/predictions.parquet"
            for name in JUDGED_PROTOCOLS
            for model in VISIT_MODELS
        },
        "models": {
            f"{name} {model}": [
                f"results/mortality/{name}/{model}.pth",
                f"results/mortality/{name}/spine.parquet",
            ]
            for name in JUDGED_PROTOCOLS
            for model in VISIT_MODELS
        },
        "encoder": [],
        "dictionary": [],
        "embeddings": {
            name: [
                f"results/mortality/{name}/med2vec.kv",
                f"results/mortality/{name}/spine.parquet",
                *shards(f"results/mortality/{name}/visits/{{shard}}.parquet"),
            ]
            for name in JUDGED_PROTOCOLS
        },
        "others": [],
    },
    "arrest": {
        "spines": {"models": "results/arrest/spine.parquet"},
        "folds": [],
        "predictions": {
            model: f"results/arrest/{model}/predictions.parquet" for model in ARREST_MODELS
        },
        "models": {
            model: [f"results/arrest/{model}/model.json", "results/arrest/spine.parquet"]
            for model in ARREST_MODELS
        },
        "encoder": [],
        "dictionary": [],
        "embeddings": {},
        "others": ["admission", "mortality"] if origin.is_built(DATA["registry"]) else [],
    },
}


def split_files(wildcards):
    """The splits of a system, what has to follow them, and what was fitted by them, all by name."""
    of = SPLITS[wildcards.system]
    folds = [of["spines"][name] for name in of["folds"]]
    others = {other: SPLITS[other]["spines"]["models"] for other in of["others"]}
    return {**of, "folds": folds, "others": others}


rule audit_splits:
    """No patient on two sides: of models, folds, predictions; and everything fitted on its own side."""
    input:
        files=lambda wildcards: files_in(split_files(wildcards)),
        code=sources("audit.splits", "audit.files"),
    output:
        report(
            "results/{system}/audit/splits.csv",
            caption="../workflow/report/audit/splits.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: splits"},
        ),
    log:
        "results/logs/audit_splits/{system}.log",
    benchmark:
        "results/benchmarks/audit_splits/{system}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="30m",
    params:
        files=split_files,
        options={
            "subsets": COMPARED,
            "multi": config["split"]["multi"],
            "min_count": config["mortality"]["embedding"]["min_count"],
        },
        study=study(draws=False),
    script:
        "../workflow/scripts/audit_splits.py"


rule build_audit:
    """All checks of all systems on one page that opens offline."""
    input:
        findings=AUDIT_FILES,
        code=sources("report.audit_page", "report.inputs"),
    output:
        report(
            "results/audit.html",
            caption="../workflow/report/audit/page.rst",
            category="Report",
            labels={"page": "leakage audit"},
        ),
    log:
        "results/logs/build_audit.log",
    benchmark:
        "results/benchmarks/build_audit.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study(*SECTIONS, draws=False),
    script:
        "../workflow/scripts/build_audit.py"
