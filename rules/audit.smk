"""Could a prediction have seen what it should not? The checks that look at data.

INPUTS   what all three systems have made: splits, features, models, predictions, and the raw tables
OUTPUTS  results/{system}/audit/{check}.csv, results/audit.html
STEPS    one rule and one table per check of reference/audit_checks.csv, then the page
"""

from types import SimpleNamespace

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
        "histories": {name: f"results/admission/{name}/history.csv" for name in config["models"]},
        "encoder": (
            [
                "results/pretrained_model.pth",
                *(["results/pretraining_ecgs.parquet"] if "" not in GIVEN else []),
            ]
            if PRETRAINING or "" in GIVEN
            else []
        ),
        "inputs": ["results/final_ecgs.parquet", "results/vitals_long_cleaned.parquet"],
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
        "histories": {
            f"{name} {network}": f"results/mortality/{name}/{network}/history.csv"
            for name in JUDGED_PROTOCOLS
            for network in VISIT_NETWORKS
        },
        "encoder": [],
        "dictionary": [],
        "bags": {
            name: [
                f"results/mortality/{name}/logistic_regression.pth",
                f"results/mortality/{name}/spine.parquet",
                f"results/mortality/{name}/sequences.npz",
            ]
            for name in JUDGED_PROTOCOLS
        },
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
            model if step == "model" else f"{model}, {step}": [
                f"results/arrest/{model}/{step}.json",
                "results/arrest/spine.parquet",
                f"results/arrest/{model}/features.parquet",
            ]
            for model in ARREST_MODELS
            for step in ("model", "selection", "tuning")
        },
        "calibrations": {
            model: f"results/arrest/{model}/calibration.json" for model in ARREST_MODELS
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


def options_of_splits(wildcards):
    """A parameter: the keys by which something is fitted or chosen."""
    return {
        "admission": {"subsets": COMPARED, **options("split", "multi")},
        "mortality": {"min_count": config["mortality"]["embedding"]["min_count"]},
        "arrest": {
            "threshold": {
                key: config["arrest"]["evaluation"][key] for key in ("specificity", "confidence")
            }
        },
    }[wildcards.system]


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
        options=options_of_splits,
        study=study(),
    script:
        "../workflow/scripts/audit_splits.py"


# By system: what may be on both sides of its split.
TWINS = {
    "admission": {
        "spine": "results/cohort/spine.parquet",
        "ecgs": {
            "stores": shards("results/ecg/store/{shard}.npy"),
            "indices": shards("results/ecg/store/{shard}.parquet"),
            "records": ["results/ecg/records.parquet"],
        },
        "patients": shards_of(
            ("hosp/patients", "hosp/admissions", "hosp/diagnoses_icd", "ed/edstays")
        ),
    },
    "mortality": {
        "spine": "results/mortality/spine.parquet",
        "patients": shards_of(("hosp/patients", "hosp/admissions", "hosp/diagnoses_icd")),
        "visits": {
            name: [
                f"results/mortality/{name}/spine.parquet",
                *shards(f"results/mortality/{name}/visits/{{shard}}.parquet"),
            ]
            for name in JUDGED_PROTOCOLS
        },
    },
    "arrest": {
        "spine": "results/arrest/spine.parquet",
        "epochs": {
            "plan": "results/arrest/epochs.parquet",
            "measured": recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        },
    },
}


rule audit_duplicates:
    """The same ECG, patient, history or five minutes on both sides of a split."""
    input:
        files=lambda wildcards: files_in(TWINS[wildcards.system]),
        code=sources("audit.duplicates", "audit.files"),
    output:
        report(
            "results/{system}/audit/duplicates.csv",
            caption="../workflow/report/audit/duplicates.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: duplicates"},
        ),
    log:
        "results/logs/audit_duplicates/{system}.log",
    benchmark:
        "results/benchmarks/audit_duplicates/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    params:
        files=lambda wildcards: TWINS[wildcards.system],
        same_ecg=lookup("audit/same_ecg", within=config),
        study=study(),
    script:
        "../workflow/scripts/audit_duplicates.py"


# By system: of whom it is asked why they are left out, and what is predicted of the others.
LEFT_OUT = {
    "admission": {
        "admission": {
            "tables": shards_of(
                (
                    *("ed/edstays", "ed/triage", "hosp/patients", "hosp/admissions"),
                    "ecg/record_list",
                )
            )
            | {"machine_measurements": shards(f"results/tables/{ECG_TIMES}/{{shard}}.parquet")},
            "records": "results/ecg/records.parquet",
            "cohort": "results/cohort/stays.parquet",
            "predictions": f"results/admission/{protocols.EVERYTHING}/predictions.parquet",
        }
    },
    "mortality": {
        "mortality": {
            name: [
                "results/mortality/spine.parquet",
                f"results/mortality/{name}/spine.parquet",
                f"results/mortality/{name}/lstm/predictions.parquet",
            ]
            for name in JUDGED_PROTOCOLS
        }
    },
    "arrest": {
        "arrest": {
            "scanned": recording_shards("results/arrest/recordings/{shard}.parquet"),
            "cohort": "results/arrest/stays.parquet",
            "plan": "results/arrest/epochs.parquet",
            "measured": recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
            "alarms": [f"results/arrest/{model}/alarms.csv" for model in ARREST_MODELS],
        }
    },
}


def registry_of_audit(wildcards):
    """The registry of bedside recordings; other systems than arrest have none."""
    return registry_files(wildcards) if wildcards.system == "arrest" else []


def options_of_dropped(wildcards):
    """A parameter: the keys by which a system leaves somebody out."""
    arrest = config["arrest"]
    return {
        "admission": {"cohort": config["cohort"], "seed": config["seed"]["hospital"]},
        "mortality": {
            **options("mortality", "horizon"),
            "protocols": {
                name: of_protocol(*LABEL_KEYS)(SimpleNamespace(protocol=name))
                for name in JUDGED_PROTOCOLS
            },
        },
        "arrest": {
            "registry": raw_folder("registry")(wildcards),
            "cohort": {**arrest["cohort"], **arrest["epochs"]},
            "silence_minutes": arrest["evaluation"]["silence_minutes"],
        },
    }[wildcards.system]


rule audit_dropped:
    """Who is left out by which reason, what became of them, and the scores with them."""
    input:
        files=lambda wildcards: files_in(LEFT_OUT[wildcards.system]),
        registry=declared(registry_of_audit),
        code=sources("audit.dropped", "audit.files", *concept("cohort")),
    output:
        report(
            "results/{system}/audit/dropped.csv",
            caption="../workflow/report/audit/dropped.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: who is left out"},
        ),
    log:
        "results/logs/audit_dropped/{system}.log",
    benchmark:
        "results/benchmarks/audit_dropped/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
    params:
        files=lambda wildcards: LEFT_OUT[wildcards.system],
        options=options_of_dropped,
        raw=raw_content(registry_of_audit),
        study=study(),
    script:
        "../workflow/scripts/audit_dropped.py"


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
        study=study(*SECTIONS),
    script:
        "../workflow/scripts/build_audit.py"
