"""What was known of each stay at its prediction time, one rule per clinical concept.

INPUTS   results/cohort/stays.parquet, results/cohort/spine.parquet, results/tables
OUTPUTS  results/features/{concept}/{shard}.parquet, results/final_ecgs.parquet, results/vitals_long_cleaned.parquet
STEPS    events with event_time and available_time -> cut at the prediction time -> one row per stay (drugs: one per
         drug) -> all concepts, drugs by the classes that training patients' records give them
"""

STATIC_CONCEPTS = [
    *("ed_stay", "prior_stays", "diagnosis_history", "ed_labs"),
    *(["home_medications"] if config["features"]["home_medications"] else []),
]
# Extracted by drug code; their classes depend on the split.
DRUG_CONCEPTS = ["ed_medications", "medication_history"]


rule extract_ed_stay:
    """What is known on arrival: age, sex, arrival, acuity, complaint; and the ECGs so far."""
    input:
        spine=at("cohort/stays.parquet"),
        code=sources(
            "concepts.extract",
            *concept("ed_stay"),
            "reference/complaints.csv",
            "reference/vital_ranges.csv",
        ),
    output:
        "results/{scenario}features/ed_stay/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_ed_stay/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_ed_stay/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(
            cohort=["complaint_match", "complaint_sob"],
            features=["syncope_flag", "triage_delay_minutes"],
        ),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_ed_stay.py"


rule extract_prior_stays:
    """Earlier stays of the patient in the emergency department and how the latest ended."""
    input:
        spine=at("cohort/stays.parquet"),
        edstays="results/tables/ed/edstays/{shard}.parquet",
        code=sources("concepts.extract", *concept("prior_stays")),
    output:
        "results/{scenario}features/prior_stays/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_prior_stays/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_prior_stays/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(features=["prior_stays_before", "own_admission", "reversed_times"]),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_prior_stays.py"


rule extract_ed_medications:
    """Drugs dispensed in the stay, by code."""
    input:
        spine=at("cohort/stays.parquet"),
        pyxis="results/tables/ed/pyxis/{shard}.parquet",
        code=sources("concepts.extract", *concept("ed_medications")),
    output:
        "results/{scenario}features/ed_medications/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_ed_medications/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_ed_medications/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(features=["before_arrival_hours"]),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_ed_medications.py"


rule extract_medication_history:
    """Inpatient orders of the 365 days before arrival, by code."""
    input:
        spine=at("cohort/stays.parquet"),
        prescriptions="results/tables/hosp/prescriptions/{shard}.parquet",
        admissions="results/tables/hosp/admissions/{shard}.parquet",
        code=sources("concepts.extract", *concept("medication_history")),
    output:
        "results/{scenario}features/medication_history/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_medication_history/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_medication_history/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(features=["own_admission"]),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_medication_history.py"


rule extract_home_medications:
    """Drugs that the patient reports to take at home; only on request."""
    input:
        spine=at("cohort/stays.parquet"),
        medrecon="results/tables/ed/medrecon/{shard}.parquet",
        code=sources("concepts.extract", *concept("home_medications")),
    output:
        "results/{scenario}features/home_medications/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_home_medications/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_home_medications/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(features=["before_arrival_hours"]),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_home_medications.py"


rule extract_diagnosis_history:
    """Coded diagnoses of earlier admissions, in CCS and CCSR bins."""
    input:
        spine=at("cohort/stays.parquet"),
        diagnoses_icd="results/tables/hosp/diagnoses_icd/{shard}.parquet",
        admissions="results/tables/hosp/admissions/{shard}.parquet",
        code=sources(
            "concepts.extract",
            *concept("diagnosis_history"),
            "reference/ccs_legacy_map.csv",
            "reference/static_features.csv",
        ),
    output:
        "results/{scenario}features/diagnosis_history/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_diagnosis_history/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_diagnosis_history/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(
            features=[
                "own_admission",
                "reversed_times",
                "diagnosis_lag_days",
                "icd_padding",
                "icd_lookup_key",
                "n_pmh_bins",
            ]
        ),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_diagnosis_history.py"


rule extract_ed_labs:
    """Nine laboratory groups of the stay: first, peak, abnormal, missing.

    A result counts from the moment it was stored, not drawn.
    """
    input:
        spine=at("cohort/stays.parquet"),
        labevents="results/tables/hosp/labevents/{shard}.parquet",
        code=sources(
            "concepts.extract",
            *concept("ed_labs"),
            "reference/labs.csv",
            "reference/lab_ranges.csv",
            "reference/lab_units.csv",
        ),
    output:
        "results/{scenario}features/ed_labs/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_ed_labs/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_ed_labs/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(
            features=[
                "availability",
                "missing_storetime",
                "lab_items",
                "lab_text",
                "lab_ranges",
                "lab_units",
                "missing_labs",
            ]
        ),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_ed_labs.py"


rule extract_vitalsigns:
    """Triage and bedside readings of the stay until the prediction."""
    input:
        spine=at("cohort/stays.parquet"),
        triage="results/tables/ed/triage/{shard}.parquet",
        vitalsign="results/tables/ed/vitalsign/{shard}.parquet",
        code=sources("admission.vitals", *concept("vitalsigns"), "reference/vital_ranges.csv"),
    output:
        "results/{scenario}features/vitalsigns/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_vitalsigns/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_vitalsigns/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=chosen(vitals=["ranges"], features=["before_arrival_hours", "triage_delay_minutes"]),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_vitalsigns.py"


rule build_gsn_etc:
    """The dictionary from drug codes (GSN) to classes (ETC), from training patients' medication reconciliation.

    Scenarios with a split of their own have one of their own; drugs are extracted by code, once for all of them.
    """
    input:
        medrecon=shards("results/tables/ed/medrecon/{shard}.parquet"),
        spine=at("cohort/spine.parquet"),
        code=sources("admission.drugs", *concept("gsn_etc")),
    output:
        "results/{scenario}features/gsn_etc.parquet",
    log:
        "results/{scenario}logs/build_gsn_etc.log",
    benchmark:
        "results/{scenario}benchmarks/build_gsn_etc.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        options=chosen(features=["drug_dictionary"]),
    script:
        "../workflow/scripts/build_gsn_etc.py"


rule assemble_static_features:
    """All concepts beside each other, drugs by their classes, one row per stay, under the published names."""
    input:
        **{
            name: at(shards(f"features/{name}/{{shard}}.parquet"))
            for name in STATIC_CONCEPTS + DRUG_CONCEPTS
        },
        stays=at("cohort/stays.parquet"),
        ecgs=at("cohort/ecgs.parquet"),
        gsn_etc=at("features/gsn_etc.parquet"),
        code=sources(
            "admission.static_features",
            *concept("drug_classes"),
            *concept("ed_medications"),
            *concept("medication_history"),
            "reference/static_features.csv",
        ),
    output:
        "results/{scenario}final_ecgs.parquet",
    log:
        "results/{scenario}logs/assemble_static_features.log",
    benchmark:
        "results/{scenario}benchmarks/assemble_static_features.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        concepts=STATIC_CONCEPTS,
        drugs=DRUG_CONCEPTS,
        options=chosen(features=["acuity_median", "fill", "etc_descriptions"]),
    script:
        "../workflow/scripts/assemble_static_features.py"


rule assemble_vitals:
    """All readings of all stays, under the published names."""
    input:
        readings=at(shards("features/vitalsigns/{shard}.parquet")),
        code=sources("admission.vitals"),
    output:
        "results/{scenario}vitals_long_cleaned.parquet",
    log:
        "results/{scenario}logs/assemble_vitals.log",
    benchmark:
        "results/{scenario}benchmarks/assemble_vitals.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    script:
        "../workflow/scripts/assemble_vitals.py"


rule write_csv:
    """Either stay-level table as the CSV that the published pipeline had."""
    input:
        table="results/{table}.parquet",
        code=sources("running.writing"),
    output:
        "results/{table,final_ecgs|vitals_long_cleaned|pretraining_ecgs}.csv",
    log:
        "results/logs/write_csv/{table}.log",
    benchmark:
        "results/benchmarks/write_csv/{table}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    script:
        "../workflow/scripts/write_csv.py"
