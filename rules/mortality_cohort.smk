"""Who is followed after the first ICU stay, until when, and who died within the year.

INPUTS   results/tables of hosp and icu, results/mortality/manifest.json
OUTPUTS  results/mortality: stays, split, groups; results/mortality/{protocol}/spine.parquet
STEPS    first ICU stays -> one split for all -> labels by protocol

The protocols (mortality.protocols) run side by side: `audited` knows what existed at the prediction,
`audited_icu_out` predicts when the ICU stay ends, so that a death in hospital afterwards is an outcome;
`published` repeats the notebook, which sees later visits and embeds the codes of test patients.
"""

from itertools import takewhile

MORTALITY_PROTOCOLS = list(config["mortality"]["protocols"])
MORTALITY_SPLIT = mortality_protocols.split(config)
# Protocols that price one key each, by key: audited but for it. Of them the LSTM alone is fitted.
PRICED_KEYS = mortality_protocols.priced(config)
# Those of scenarios are audited but for their keys, by the scenario's name.
SCENARIO_PROTOCOLS = mortality_protocols.of_scenarios(
    config, {scenario.name: scenario.overlay for scenario in OWN_SCENARIOS}
)
ALL_MORTALITY_PROTOCOLS = {
    **mortality_protocols.all_protocols(config),
    **audits.protocols(config),  # audited but for what the audit asks
    **{f"scenario_{name}": of for name, of in SCENARIO_PROTOCOLS.items()},
}
# Protocols that look at what comes after the prediction, or let reported patients take part.
OPTIMISTIC_MORTALITY = {
    name
    for name, protocol in ALL_MORTALITY_PROTOCOLS.items()
    if mortality_protocols.is_optimistic(protocol)
}
# What of a protocol decides who is predicted when, and who died.
LABEL_KEYS = ("prediction_time", "reversed_times", "survivors", "label_clock", "label_days")


def of_protocol(*keys):
    """A parameter: these keys of the mortality protocol of the rule, so that only they rerun it."""

    def keys_of_protocol(wildcards):
        protocol = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
        return {key: protocol[key] for key in keys}

    return keys_of_protocol


def cohorts_before(wildcards):
    """The cohorts of the protocols before, of which readers know: a few patients more would show."""
    before = takewhile(lambda name: name != wildcards.protocol, MORTALITY_PROTOCOLS)
    return [f"results/mortality/{name}/spine.parquet" for name in before]


rule build_icu_cohort:
    """First ICU stays of adults; the manifest is read first so that nothing unchecked gets in."""
    input:
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        admissions=shards("results/tables/hosp/admissions/{shard}.parquet"),
        icustays=shards("results/tables/icu/icustays/{shard}.parquet"),
        manifest="results/mortality/manifest.json",
        code=sources(
            "mortality.cohort",
            *concept("first_icu_stay"),
        ),
    output:
        stays="results/mortality/stays.parquet",
        steps="results/mortality/steps.parquet",
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


rule count_competing_icu_stays:
    """How many first ICU stays end in a death in hospital or in hospice, and what the label makes of it."""
    input:
        stays="results/mortality/stays.parquet",
        code=sources("mortality.cohort"),
    output:
        report(
            "results/mortality/competing_events.csv",
            caption="../workflow/report/competing_events.rst",
            category="mortality",
            labels={"table": "competing events"},
        ),
    log:
        "results/logs/count_competing_icu_stays.log",
    benchmark:
        "results/benchmarks/count_competing_icu_stays.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("mortality"),
    script:
        "../workflow/scripts/count_competing_icu_stays.py"


# Drawn once for all models and protocols; who died in that admission is a patient of some only, and is
# drawn apart, so that the others are in the same parts under all.
use rule split_patients as split_icu_patients with:
    input:
        **years_of_patients(MORTALITY_SPLIT["test_from"]),
        stays="results/mortality/stays.parquet",
        code=sources("learning.splits"),
    output:
        "results/mortality/spine.parquet",
    log:
        "results/logs/split_icu_patients.log",
    benchmark:
        "results/benchmarks/split_icu_patients.tsv"
    params:
        split={**MORTALITY_SPLIT, "apart": "died_in_admission"},
        seed=MORTALITY_SPLIT["seed"],


rule label_deaths:
    """When each patient is predicted, and who died within the year that the protocol counts."""
    input:
        spine="results/mortality/spine.parquet",
        steps="results/mortality/steps.parquet",
        manifest="results/mortality/manifest.json",
        beside=cohorts_before,
        code=sources("mortality.cohort"),
    output:
        spine="results/mortality/{protocol}/spine.parquet",
        excluded="results/mortality/{protocol}/excluded_stays.parquet",
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
        protocol=of_protocol(*LABEL_KEYS),
        study=study("mortality"),
    script:
        "../workflow/scripts/label_deaths.py"


use rule describe_groups as describe_icu_groups with:
    input:
        stays="results/mortality/stays.parquet",
        code=sources(
            "concepts.groups",
            *concept("icu_stay_groups"),
        ),
    output:
        "results/mortality/groups.parquet",
    log:
        "results/logs/describe_icu_groups.log",
    benchmark:
        "results/benchmarks/describe_icu_groups.tsv"
    params:
        concept="icu_stay_groups",
        tables=[],
