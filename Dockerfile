# The environment of the workflow's jobs, as requirements.lock has it; the code comes with each run.
#   docker build -t mimicflow:cpu .
#   docker build -t mimicflow:cuda --build-arg TORCH_INDEX=https://pypi.org/simple --build-arg COMPILER="gcc libc6-dev" .
# CUDA itself comes with that build of torch, the driver from the node.
# By digest of the index of all architectures (September 2026), so that the same image is built again.
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# gcc and libc6-dev: torch.compile builds its kernels with them; of no use without a GPU.
ARG COMPILER=""
# git: Snakemake sends the tracked files to its jobs; rsync: they copy to the volume with it; libgomp1: LightGBM.
# hadolint ignore=DL3008,SC2086
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgomp1 rsync ${COMPILER} \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /mimicflow

# Everything by its hash. The image's pip takes none from constraints, so the whole lock is installed,
# and the tools of the package's developers are removed again from the same layer.
COPY requirements.lock pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['dev'], sep='\\n')" > tools.txt \
    && pip install --require-hashes --no-deps --requirement requirements.lock \
    && pip uninstall --yes --requirement tools.txt

# After the lock, so that nothing but itself and its CUDA comes without a hash.
COPY torch.lock ./
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --extra-index-url "${TORCH_INDEX}" --requirement torch.lock

# The executor, and the wheel that each of its jobs installs once more before it starts: from here, not from the network.
COPY profiles/kubernetes/requirements.txt kubernetes.txt
RUN pip install --require-hashes --no-deps --requirement kubernetes.txt \
    && sed -n '/^snakemake-storage-plugin-fs==/,/[^\\]$/p' kubernetes.txt > plugin.txt \
    && pip download --require-hashes --no-deps --dest wheels --requirement plugin.txt

# Jobs run as user 1000; that the volume may belong to another one is no obstacle to git.
RUN useradd --uid 1000 --create-home mimicflow \
    && git config --system --add safe.directory '*'
ENV PIP_NO_INDEX=1 PIP_NO_DEPS=1 PIP_FIND_LINKS=/mimicflow/wheels OMP_NUM_THREADS=1
USER 1000
WORKDIR /workdir
