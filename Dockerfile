# One image for every part of the service: MLflow's server, Ray's head and workers, vss-orch itself.
# The same image runs with and without GPUs: PyTorch brings CUDA, the host brings the driver.
# For a smaller one without CUDA, build with TORCH_INDEX set to PyTorch's index of CPU wheels.
FROM debian:12.14-slim

# hadolint ignore=DL3008 # Debian keeps no older versions to pin; the tag above names its release
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# The dependencies, in a layer that survives changes of our code.
ARG TORCH_INDEX=
WORKDIR /app
COPY pyproject.toml constraints.txt ./
RUN python3 -m venv /opt/vss \
    && mkdir orchestrator reports vss \
    && touch README.md LICENSE \
    && /opt/vss/bin/pip install --no-cache-dir --constraint constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[server]' \
    && rm -rf build ./*.egg-info

ENV PATH=/opt/vss/bin:$PATH \
    HOME=/tmp \
    USER=vss \
    PYTHONUNBUFFERED=1 \
    GIT_PYTHON_REFRESH=quiet \
    MLFLOW_DISABLE_TELEMETRY=true \
    RAY_USAGE_STATS_ENABLED=0 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

COPY README.md LICENSE ./
COPY orchestrator orchestrator
COPY reports reports
COPY vss vss
COPY experiments experiments
RUN pip install --no-cache-dir --no-deps --force-reinstall . \
    && rm -rf build ./*.egg-info orchestrator reports vss \
    # A new volume takes over the mode of its folder: any user of the host may run the containers.
    && install --directory --mode=1777 /artifacts /scratch /storage
COPY deploy/mlflow-server.sh /usr/local/bin/mlflow-server

USER 1000:1000
CMD ["vss-orch", "--help"]
