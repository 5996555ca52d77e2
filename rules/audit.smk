"""Could a prediction have seen what it should not? The checks that look at data.

INPUTS   what all three systems have made: splits, features, models, predictions, and the raw tables
OUTPUTS  results/{system}/audit/{check}.csv, results/audit.html
STEPS    one rule and one table per check of reference/audit_checks.csv, then the page
"""

from mimicflow.audit.findings import audit_checks

# All tables of the audit; those of refitted models are made by audit_settings.smk.
AUDIT_FILES = [f"results/{check.path}" for check in audit_checks()]
# What a system is split by: the spine of its models first, then all others; its folds, where each
# patient is tested once; the models that are reported by the first; systems of the same hospital.
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
        "models": list(COMPARED),
        "predictions": "results/admission/{model}/predictions.parquet",
        "others": ["mortality"],
    },
    "mortality": {
        "spines": {
            "models": "results/mortality/spine.parquet",
            **{name: f"results/mortality/{name}/spine.parquet" for name in MORTALITY_PROTOCOLS},
        },
        "folds": [],
        "models": VISIT_MODELS,
        "predictions": "results/mortality/audited/{model}/predictions.parquet",
        "others": [],
    },
    "arrest": {
        "spines": {"models": "results/arrest/spine.parquet"},
        "folds": [],
        "models": ARREST_MODELS,
        "predictions": "results/arrest/{model}/predictions.parquet",
        "others": ["admission", "mortality"] if origin.is_built(DATA["registry"]) else [],
    },
}


def split_files(wildcards):
    """The splits of a system, and what has to follow them."""
    of = SPLITS[wildcards.system]
    return {
        "spines": list(of["spines"].values()),
        "folds": [of["spines"][name] for name in of["folds"]],
        "predictions": collect(of["predictions"], model=of["models"]),
        "others": [SPLITS[other]["spines"]["models"] for other in of["others"]],
    }


def named_in_splits(key):
    """A parameter: what the files of `split_files` are called."""

    def names(wildcards):
        return list(SPLITS[wildcards.system][key])

    return names


rule audit_splits:
    """No patient on two sides: of the models, the folds, the predictions, other systems."""
    input:
        unpack(split_files),
        code=sources("audit.splits"),
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
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        splits=named_in_splits("spines"),
        models=named_in_splits("models"),
        others=named_in_splits("others"),
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
