"""Could a prediction have seen what came after it? Whence features come, and what a changed future does to them.

INPUTS   the raw tables and recordings, the stays and epochs that are predicted
OUTPUTS  results/{system}/audit/provenance.csv, attack.csv, control.csv
STEPS    when the newest value of each feature was known; the future changed, features made again;
         then leaks are planted in copies of files, which the checks must find
"""

from types import SimpleNamespace

from mimicflow.audit.control.leaks import audit_leaks
from mimicflow.audit.files import source_tables


def files_of_concept(spine, concept):
    """What a concept is asked about, and by shard the raw tables that it and its sources lie in."""
    tables = shards_of(dict.fromkeys([*CONCEPTS[concept].tables, *source_tables(concept)]))
    return {
        "spine": spine,
        "shards": [{name: files[shard] for name, files in tables.items()} for shard in SHARDS],
    }


# By system: what its features come from, by name.
PROVENANCE = {
    "admission": {
        "concepts": {
            name: files_of_concept("results/cohort/stays.parquet", name)
            for name in [*concepts_of_scenario(""), *DRUG_CONCEPTS, "vitalsigns"]
        },
        "ecgs": [
            *("results/cohort/ecgs.parquet", "results/cohort/stays.parquet"),
            *shards(f"results/tables/{ECG_TIMES}/{{shard}}.parquet"),
        ],
    },
    "mortality": {
        "concepts": {
            f"{name} visit_codes": files_of_concept(
                f"results/mortality/{name}/spine.parquet", "visit_codes"
            )
            for name in JUDGED_PROTOCOLS
        },
    },
    "arrest": {
        "epochs": {
            "plan": "results/arrest/epochs.parquet",
            "scanned": recording_shards("results/arrest/recordings/{shard}.parquet"),
            "measured": recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        },
    },
}


def options_of_concepts(wildcards):
    """A parameter: the keys that each concept of a system reads, as its own rule has them."""
    if wildcards.system == "mortality":
        return {
            f"{name} visit_codes": visit_options(SimpleNamespace(protocol=name))
            for name in JUDGED_PROTOCOLS
        }
    return {
        name: options_of_concept(SimpleNamespace(scenario="", concept=name))
        for name in PROVENANCE[wildcards.system].get("concepts", [])
    }


def records_of_audit(wildcards):
    """The bedside recordings, where the workflow makes them; other systems than arrest have none."""
    return records("waveforms", "records")(wildcards) if wildcards.system == "arrest" else []


def recordings_of_audit(wildcards):
    """A parameter: how the recordings of arrest are read and measured; other systems have none."""
    if wildcards.system != "arrest":
        return {}
    return {
        "waveforms": raw_folder("waveforms")(wildcards),
        "preprocessing": config["arrest"]["preprocessing"],
        "max_wrong_checksums": config["arrest"]["cohort"]["max_wrong_checksums"],
    }


rule audit_provenance:
    """How old the newest value behind each feature was, and that none was not known yet."""
    input:
        files=lambda wildcards: files_in(PROVENANCE[wildcards.system]),
        recordings=records_of_audit,
        code=sources(
            "audit.time.provenance",
            "audit.files",
            *(sql for name in CONCEPTS for sql in concept(name)),
        ),
    output:
        report(
            "results/{system}/audit/provenance.csv",
            caption="../workflow/report/audit/provenance.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: provenance"},
        ),
    log:
        "results/logs/audit_provenance/{system}.log",
    benchmark:
        "results/benchmarks/audit_provenance/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    params:
        files=lambda wildcards: PROVENANCE[wildcards.system],
        options=options_of_concepts,
        recordings=recordings_of_audit,
        ecg_clock_skew_minutes=lookup("cohort/ecg_clock_skew_minutes", within=config),
        study=study(),
    script:
        "../workflow/scripts/audit_provenance.py"


# By system: whose future is changed. Of arrest also the tables with which the features are compared.
ATTACKED = {
    "admission": {
        "concepts": PROVENANCE["admission"]["concepts"],
        "made": {
            "": ["results/final_ecgs.parquet"],
            "vitalsigns": ["results/vitals_long_cleaned.parquet"],
        },
        "cohorts": {
            "admission": {
                "spine": "results/cohort/stays.parquet",
                **{key: LEFT_OUT["admission"]["admission"][key] for key in ("tables", "records")},
            }
        },
    },
    "mortality": {
        "concepts": PROVENANCE["mortality"]["concepts"],
        "made": {
            f"{name} visit_codes": shards(f"results/mortality/{name}/visits/{{shard}}.parquet")
            for name in JUDGED_PROTOCOLS
        },
        "cohorts": {
            name: {
                "spine": f"results/mortality/{name}/spine.parquet",
                "tables": shards_of(("hosp/patients", "hosp/admissions", "icu/icustays")),
            }
            for name in JUDGED_PROTOCOLS
        },
    },
    "arrest": {
        "epochs": {
            **PROVENANCE["arrest"]["epochs"],
            "vitals": recording_shards("results/arrest/clinical_epochs/{shard}.parquet"),
            "both": recording_shards("results/arrest/both_epochs/{shard}.parquet"),
        },
    },
}


def options_of_cohorts(wildcards):
    """A parameter: the keys by which each cohort of a system is built."""
    of_protocols = {
        name: {
            **options("mortality", "min_age", "horizon"),
            **of_protocol(*LABEL_KEYS)(SimpleNamespace(protocol=name)),
        }
        for name in JUDGED_PROTOCOLS
    }
    return {
        "admission": {"admission": {**config["cohort"], "seed": config["seed"]["hospital"]}},
        "mortality": of_protocols,
    }.get(wildcards.system, {})


rule audit_attack:
    """The future of some stays is changed, their features are made again: not a bit may differ."""
    input:
        files=lambda wildcards: files_in(ATTACKED[wildcards.system]),
        recordings=records_of_audit,
        code=sources(
            "audit.time.attack",
            "audit.files",
            *concept("cohort"),
            *concept("first_icu_stay"),
            *(sql for name in CONCEPTS for sql in concept(name)),
        ),
    output:
        report(
            "results/{system}/audit/attack.csv",
            caption="../workflow/report/audit/attack.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: attack"},
        ),
    log:
        "results/logs/audit_attack/{system}.log",
    benchmark:
        "results/benchmarks/audit_attack/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="2h",
    params:
        files=lambda wildcards: ATTACKED[wildcards.system],
        options=options_of_concepts,
        cohort_options=options_of_cohorts,
        recordings=recordings_of_audit,
        stays=lookup("audit/stays", within=config),
        study=study(),
    script:
        "../workflow/scripts/audit_attack.py"


def planted_concepts(system, check):
    """The concepts by which leaks of a check are planted; of mortality in one protocol."""
    planted = {leak.concept for leak in audit_leaks(system) if leak.check == check}
    found = {name.rpartition(" ")[2]: name for name in reversed(PROVENANCE[system]["concepts"])}
    return {
        name: PROVENANCE[system]["concepts"][name] for key, name in found.items() if key in planted
    }


def one_split(system, *, name, **fitted):
    """What `audit_splits` asks of one model alone, and whatever else was fitted by its split."""
    of = SPLITS[system]
    return {
        "spines": {"models": of["models"][name][1]},
        **{"folds": [], "predictions": {}, "others": {}},
        "models": {name: of["models"][name]},
        **fitted,
    }


# A network that scales features of all stays, as far as there is one, and the first protocol.
SCALING = next(
    (
        name
        for name, block in config["models"].items()
        if block["stays"] == "all" and "static" in block["branches"]
    ),
    next(iter(config["models"])),
)
FIRST_PROTOCOL = JUDGED_PROTOCOLS[0]
# What single features are read from.
SINGLE_FEATURES = {
    "admission": {
        "features": "results/final_ecgs.parquet",
        "vitals": "results/vitals_long_cleaned.parquet",
        "spine": "results/cohort/spine.parquet",
    },
    "mortality": {
        "spine": "results/mortality/audited/spine.parquet",
        "sequences": "results/mortality/audited/sequences.npz",
        "visits": shards("results/mortality/audited/visits/{shard}.parquet"),
    },
    "arrest": {"features": "results/arrest/both/features.parquet"},
}
# By system and check: in copies of which files leaks are planted.
PLANTED = {
    "admission": {
        "attack": {"concepts": planted_concepts("admission", "attack")},
        "provenance": {"concepts": planted_concepts("admission", "provenance")},
        "duplicates": {key: TWINS["admission"][key] for key in ("spine", "ecgs")},
        "splits": one_split("admission", name=SCALING, inputs=SPLITS["admission"]["inputs"]),
        "dropped": LEFT_OUT["admission"],
        "single_features": {"files": SINGLE_FEATURES["admission"]},
        "permuted_labels": {"outcomes": "results/cohort/spine.parquet"},
    },
    "mortality": {
        "attack": {"concepts": planted_concepts("mortality", "attack")},
        "provenance": {"concepts": planted_concepts("mortality", "provenance")},
        "duplicates": {
            "spine": TWINS["mortality"]["spine"],
            "visits": {FIRST_PROTOCOL: TWINS["mortality"]["visits"][FIRST_PROTOCOL]},
        },
        "splits": one_split(
            "mortality",
            name=f"{FIRST_PROTOCOL} {next(iter(VISIT_MODELS))}",
            bags={FIRST_PROTOCOL: SPLITS["mortality"]["bags"][FIRST_PROTOCOL]},
        ),
        "dropped": {
            "mortality": {FIRST_PROTOCOL: LEFT_OUT["mortality"]["mortality"][FIRST_PROTOCOL]}
        },
        "single_features": {"files": SINGLE_FEATURES["mortality"]},
        "permuted_labels": {"outcomes": f"results/mortality/{FIRST_PROTOCOL}/spine.parquet"},
    },
    "arrest": {
        "attack": ATTACKED["arrest"],
        "provenance": PROVENANCE["arrest"],
        "duplicates": TWINS["arrest"],
        "splits": one_split("arrest", name=next(iter(ARREST_MODELS))),
        "dropped": LEFT_OUT["arrest"],
        "single_features": {"files": SINGLE_FEATURES["arrest"]},
        "permuted_labels": {"outcomes": "results/arrest/epochs.parquet"},
    },
}


def options_of_control(wildcards):
    """A parameter: with what else the checks are called, as their own rules have it."""
    of_time = {
        "options": options_of_concepts(wildcards),
        "recordings": recordings_of_audit(wildcards),
    }
    return {
        "attack": {"system": wildcards.system, "stays": config["audit"]["stays"], **of_time},
        "provenance": of_time,
        "duplicates": {"same_ecg": config["audit"]["same_ecg"]},
        "splits": {"subsets": COMPARED, "multi": config["split"]["multi"]},
        "dropped": {"options": options_of_dropped(wildcards)},
        "single_features": {
            "system": wildcards.system,
            "models": {},
            "limits": options("audit", "single_auroc", "missing_auroc"),
        },
        "permuted_labels": {"warned": [], "tests": PERMUTED_TESTS},
    }


rule audit_control:
    """One leak of each kind is planted in copies of files, and the check for it must find it."""
    input:
        files=lambda wildcards: files_in(PLANTED[wildcards.system]),
        registry=declared(registry_of_audit),
        code=sources(
            "audit.control.control",
            "audit.files",
            *concept("cohort"),
            *(sql for name in CONCEPTS for sql in concept(name)),
        ),
    output:
        report(
            "results/{system}/audit/control.csv",
            caption="../workflow/report/audit/control.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: positive control"},
        ),
    log:
        "results/logs/audit_control/{system}.log",
    benchmark:
        "results/benchmarks/audit_control/{system}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="2h",
    params:
        files=lambda wildcards: PLANTED[wildcards.system],
        options=options_of_control,
        study=study(),
    script:
        "../workflow/scripts/audit_control.py"
