"""Death within a year of the first ICU stay, from the sequence of hospital visits.

INPUTS   results/tables of hosp and icu, results/mortality/{protocol}/spine.parquet
OUTPUTS  results/mortality/{protocol}: visits, embedding, models and their predictions
STEPS    coded visits -> Word2Vec -> visit vectors -> networks and bags of codes
"""

# The models of mortality, all on the same patients; the order is that of its tables.
VISIT_NETWORKS = ["lstm", "gru", "bilstm"]
BAGS_OF_CODES = ["logistic_regression", "lightgbm"]
VISIT_MODELS = [*VISIT_NETWORKS, *BAGS_OF_CODES]
EVALUATED["mortality"] = {
    "models": {model: "all" for model in VISIT_MODELS},
    "predictions": "results/mortality/{protocol}/{model}/predictions.parquet",
    "cohort": "results/mortality/{protocol}/spine.parquet",
    "row": "stay_id",
    "judged_by": MORTALITY_PROTOCOLS[0],
    "features": {"features": "results/mortality/{protocol}/spine.parquet"},
    "predictors": lambda: config["mortality"]["embedding"]["dimensions"],
    "main_model": "lstm",
    "first_protocol": MORTALITY_PROTOCOLS[0],
    "optimistic": OPTIMISTIC_MORTALITY,
}

# What the concept visit_codes reads, shard by shard.
VISIT_TABLES = collect(
    "results/tables/{table}/{{shard}}.parquet", table=CONCEPTS["visit_codes"].tables
)


wildcard_constraints:
    recurrent="|".join(VISIT_NETWORKS),
    bag="|".join(BAGS_OF_CODES),
    visit_model="|".join(VISIT_MODELS),


def embedded_visits(wildcards):
    """The visits that train the embedding of a protocol: of its cohort, or of the whole hospital."""
    protocol = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    folder = "hospital" if protocol["embedding"] == "hospital" else "visits"
    return shards(f"results/mortality/{wildcards.protocol}/{folder}/{{shard}}.parquet")


def visit_options(wildcards):
    """A parameter: which visits and codes a protocol of mortality counts."""
    keys = ("prediction_time", "visits", "late_rows")
    keys += ("reversed_times", "repeated_codes", "code_names")
    return {**options("mortality", "max_visits"), **of_protocol(*keys)(wildcards)}


def visit_network(wildcards):
    """A parameter: the shape of a network of mortality, with what its protocol says of it."""
    protocol = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    network = config["mortality"]["networks"][wildcards.recurrent]
    return {**network, "empty_visits": protocol["empty_visits"]}


def visit_reading(wildcards):
    """A parameter: how the visits of a mortality model were read, which predictions have to repeat."""
    protocol = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    kept = {key: protocol[key] for key in ("repeated_codes", "code_names")}
    return {"max_visits": config["mortality"]["max_visits"], **kept}


def network_training(wildcards):
    """A parameter: how a network of mortality is trained, with what its protocol says of it."""
    protocol = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    return {
        **config["mortality"]["training"],
        "stopping": protocol["stopping"],
        "batch_size": protocol["batch_size"][wildcards.recurrent],
    }


# Every visit with its diagnoses, procedures and drugs, as far as known at the prediction.
use rule extract_concept as extract_visit_codes with:
    input:
        tables=["results/mortality/{protocol}/spine.parquet", *VISIT_TABLES],
        code=sources("concepts.extract", *concept("visit_codes")),
    output:
        "results/mortality/{protocol}/visits/{shard}.parquet",
    log:
        "results/logs/extract_visit_codes/{protocol}_{shard}.log",
    benchmark:
        "results/benchmarks/extract_visit_codes/{protocol}_{shard}.tsv"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        concept="visit_codes",
        tables=["spine", *CONCEPTS["visit_codes"].table_names],
        options=visit_options,


rule extract_hospital_visits:
    """The visits of all patients, in the cohort or not: what the notebook learns its embedding from."""
    input:
        tables=VISIT_TABLES,
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
        tables=CONCEPTS["visit_codes"].table_names,
        options=of_protocol("repeated_codes", "code_names"),
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
        seed=config["seed"]["weights"],
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
        seed=config["seed"]["weights"],
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
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/fit_bag_of_codes.py"
