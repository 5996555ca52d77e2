"""Death within a year of the first ICU stay, from the sequence of hospital visits.

INPUTS   results/tables of hosp and icu, results/mortality/manifest.json
OUTPUTS  results/mortality/{protocol}: cohort, visits, embedding, models and their predictions
STEPS    first ICU stays -> one split for all -> labels by protocol -> coded visits -> Word2Vec ->
         visit vectors -> networks and bags of codes

The protocols (mortality.protocols) run side by side: `audited` knows what existed at the prediction,
`published` repeats the notebook, which sees later visits and embeds the codes of test patients.
"""


rule build_icu_cohort:
    """First ICU stays of adults who left that admission alive; the manifest is read first so that nothing unchecked gets in."""
    input:
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        admissions=shards("results/tables/hosp/admissions/{shard}.parquet"),
        icustays=shards("results/tables/icu/icustays/{shard}.parquet"),
        manifest="results/mortality/manifest.json",
        code=sources(
            "mortality.cohort",
            *concept("first_icu_stay"),
            "reference/icu_attrition.csv",
            "reference/vital_ranges.csv",
        ),
    output:
        stays="results/mortality/stays.parquet",
        attrition="results/mortality/attrition.csv",
    log:
        "results/logs/build_icu_cohort.log",
    benchmark:
        "results/benchmarks/build_icu_cohort.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=options("mortality", "min_age", "horizon"),
    script:
        "../workflow/scripts/build_icu_cohort.py"


rule split_icu_patients:
    """Training, validation and test patients, drawn once for all models and protocols."""
    input:
        stays="results/mortality/stays.parquet",
        code=sources("learning.splits"),
    output:
        "results/mortality/spine.parquet",
    log:
        "results/logs/split_icu_patients.log",
    benchmark:
        "results/benchmarks/split_icu_patients.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        split=lookup("mortality/split", within=config),
    script:
        "../workflow/scripts/split_icu_patients.py"


rule label_deaths:
    """When each patient is predicted, and who died within the year that the protocol counts."""
    input:
        spine="results/mortality/spine.parquet",
        attrition="results/mortality/attrition.csv",
        manifest="results/mortality/manifest.json",
        code=sources("mortality.cohort"),
    output:
        spine="results/mortality/{protocol}/spine.parquet",
        attrition=report(
            "results/mortality/{protocol}/attrition.csv",
            caption="../workflow/report/attrition.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"table": "attrition"},
        ),
    log:
        "results/logs/label_deaths/{protocol}.log",
    benchmark:
        "results/benchmarks/label_deaths/{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        horizon=lookup("mortality/horizon", within=config),
        protocol=of_protocol(
            *("prediction_time", "reversed_times", "survivors", "label_clock", "label_days"),
        ),
    script:
        "../workflow/scripts/label_deaths.py"


rule describe_icu_groups:
    """The groups in which performance is told apart, as known at the index admission."""
    input:
        spine="results/mortality/stays.parquet",
        code=sources(
            "evaluation.groups",
            *concept("icu_stay_groups"),
            "reference/race_groups.csv",
            "reference/age_bands.csv",
        ),
    output:
        "results/mortality/groups.parquet",
    log:
        "results/logs/describe_icu_groups.log",
    benchmark:
        "results/benchmarks/describe_icu_groups.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    script:
        "../workflow/scripts/describe_icu_groups.py"


rule extract_visit_codes:
    """Every visit with its diagnoses, procedures and drugs, as far as known at the prediction."""
    input:
        spine="results/mortality/{protocol}/spine.parquet",
        admissions="results/tables/hosp/admissions/{shard}.parquet",
        diagnoses_icd="results/tables/hosp/diagnoses_icd/{shard}.parquet",
        procedures_icd="results/tables/hosp/procedures_icd/{shard}.parquet",
        prescriptions="results/tables/hosp/prescriptions/{shard}.parquet",
        code=sources("concepts.extract", *concept("visit_codes")),
    output:
        "results/mortality/{protocol}/visits/{shard}.parquet",
    log:
        "results/logs/extract_visit_codes/{protocol}_{shard}.log",
    benchmark:
        "results/benchmarks/extract_visit_codes/{protocol}_{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        sequence=options("mortality", "max_visits"),
        protocol=of_protocol(
            *("prediction_time", "visits", "late_rows"),
            *("reversed_times", "repeated_codes", "code_names"),
        ),
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_visit_codes.py"


rule extract_hospital_visits:
    """The visits of all patients, in the cohort or not: what the notebook learns its embedding from."""
    input:
        admissions="results/tables/hosp/admissions/{shard}.parquet",
        diagnoses_icd="results/tables/hosp/diagnoses_icd/{shard}.parquet",
        procedures_icd="results/tables/hosp/procedures_icd/{shard}.parquet",
        prescriptions="results/tables/hosp/prescriptions/{shard}.parquet",
        code=sources("concepts.extract", *concept("visit_codes")),
    output:
        "results/mortality/{protocol}/hospital/{shard}.parquet",
    log:
        "results/logs/extract_hospital_visits/{protocol}_{shard}.log",
    benchmark:
        "results/benchmarks/extract_hospital_visits/{protocol}_{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
    params:
        protocol=of_protocol("repeated_codes", "code_names"),
    script:
        "../workflow/scripts/extract_hospital_visits.py"


rule fit_embedding:
    """Word2Vec over visits: codes that occur together lie together."""
    input:
        spine="results/mortality/{protocol}/spine.parquet",
        visits=embedded_visits,
        code=sources("mortality.embedding"),
    output:
        "results/mortality/{protocol}/med2vec.kv",
    log:
        "results/logs/fit_embedding/{protocol}.log",
    benchmark:
        "results/benchmarks/fit_embedding/{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="2h",
    params:
        embedding=lookup("mortality/embedding", within=config),
        protocol=of_protocol("embedding"),
        seed=config["seed"],
    script:
        "../workflow/scripts/fit_embedding.py"


rule build_sequences:
    """The mean embedding of each visit, the visits of a patient in time order."""
    input:
        embedding="results/mortality/{protocol}/med2vec.kv",
        visits=shards("results/mortality/{protocol}/visits/{shard}.parquet"),
        code=sources("mortality.sequences"),
    output:
        "results/mortality/{protocol}/sequences.npz",
    log:
        "results/logs/build_sequences/{protocol}.log",
    benchmark:
        "results/benchmarks/build_sequences/{protocol}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="30m",
    script:
        "../workflow/scripts/build_sequences.py"


rule train_visit_network:
    """LSTM, GRU or bidirectional LSTM over the visits, each several times."""
    input:
        spine="results/mortality/{protocol}/spine.parquet",
        sequences="results/mortality/{protocol}/sequences.npz",
        code=sources("mortality.training"),
    output:
        model="results/mortality/{protocol}/{recurrent}.pth",
        predictions="results/mortality/{protocol}/{recurrent}/predictions.parquet",
        history="results/mortality/{protocol}/{recurrent}/history.csv",
        repeats="results/mortality/{protocol}/{recurrent}/repeats.csv",
        timing="results/benchmarks/mortality/{protocol}/{recurrent}.json",
    log:
        "results/logs/train_visit_network/{protocol}_{recurrent}.log",
    benchmark:
        "results/benchmarks/train_visit_network/{protocol}_{recurrent}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
        gpu=1,
        save_minutes=config["computing"]["save_minutes"],
    params:
        computing=COMPUTING,
        network=visit_network,
        training=network_training,
        reading=visit_reading,
        seeds=lookup("mortality/seeds", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/train_visit_network.py"


rule fit_bag_of_codes:
    """Logistic regression or LightGBM on the mean of the visits: what is known without their order."""
    input:
        spine="results/mortality/{protocol}/spine.parquet",
        sequences="results/mortality/{protocol}/sequences.npz",
        code=sources("mortality.baselines", "mortality.training"),
    output:
        model="results/mortality/{protocol}/{bag}.pth",
        predictions="results/mortality/{protocol}/{bag}/predictions.parquet",
        repeats="results/mortality/{protocol}/{bag}/repeats.csv",
        timing="results/benchmarks/mortality/{protocol}/{bag}.json",
    log:
        "results/logs/fit_bag_of_codes/{protocol}_{bag}.log",
    benchmark:
        "results/benchmarks/fit_bag_of_codes/{protocol}_{bag}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        options=lookup("mortality/baselines/{bag}", within=config),
        pos_weight=lookup("mortality/training/pos_weight", within=config),
        reading=visit_reading,
        seeds=lookup("mortality/seeds", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/fit_bag_of_codes.py"
