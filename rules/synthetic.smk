"""A made-up hospital in MIMIC's own files, so that everything runs without credentials.

INPUTS   none
OUTPUTS  results/synthetic/{hosp,icu,ed,ecg}, and the truth that only tests and benchmarks may read
STEPS    tables, then the waveforms of the ECGs that the tables name
"""


rule make_hospital:
    """Patients, visits and their tables, with known probabilities of admission and of death."""
    input:
        code=sources("synthetic"),
    output:
        hosp=made_tables("hosp"),
        icu=made_tables("icu"),
        ed=made_tables("ed"),
        ecg=made_tables("ecg"),
        truth="results/synthetic/truth.parquet",
        truth_mortality="results/synthetic/truth_mortality.parquet",
        dirt="results/synthetic/dirt.parquet",
        marks=[f"{origin.MADE[module]}/{origin.MARK}" for module in origin.MODULES],
    log:
        "results/logs/make_hospital.log",
    benchmark:
        "results/benchmarks/make_hospital.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        synthetic=lookup("synthetic", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/make_hospital.py"


rule make_waveforms:
    """One WFDB record per ECG, showing what the hidden state of that moment would show."""
    input:
        record_list="results/synthetic/ecg/record_list.csv",
        code=sources("synthetic"),
    output:
        files=directory("results/synthetic/ecg/files"),
    log:
        "results/logs/make_waveforms.log",
    benchmark:
        "results/benchmarks/make_waveforms.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        synthetic=lookup("synthetic", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/make_waveforms.py"


rule make_icu:
    """A made-up ICU: bedside ECG beat by beat, numerics, and arrests whose hazard is known."""
    input:
        code=sources("synthetic.icu.hospital"),
    output:
        recordings="results/synthetic/registry/recordings.csv",
        stays="results/synthetic/registry/stays.csv",
        arrests="results/synthetic/registry/arrests.csv",
        records=directory("results/synthetic/registry/records"),
        marker="results/synthetic/registry/SYNTHETIC",
        truth="results/synthetic/truth_arrest.parquet",
    log:
        "results/logs/make_icu.log",
    benchmark:
        "results/benchmarks/make_icu.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        icu=lookup("synthetic/icu", within=config),
        permute_labels=lookup("synthetic/permute_labels", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/make_icu.py"
