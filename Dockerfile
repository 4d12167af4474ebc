# One image for gateway, worker and command line: `--target cpu` (the default) or `--target cuda`.
# What is installed comes from the lock files, by hash. To pin the base images too, give them with their digest:
#   docker build --build-arg PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim

# The page to dictate, which the gateway serves at /app/.
FROM ${NODE_IMAGE} AS page
WORKDIR /src
COPY tools/web.sh tools/
COPY clients/typescript clients/typescript
COPY clients/web clients/web
RUN tools/web.sh

# The locked packages in an environment of their own, without 80 MB that never run: tests, setuptools and symbols.
FROM ${PYTHON_IMAGE} AS packages
# hadolint ignore=DL3008
RUN apt-get update -q && apt-get install -qy --no-install-recommends binutils && rm -r /var/lib/apt/lists/*
COPY requirements.lock /src/
RUN python3 -m venv /opt/sotto \
    && /opt/sotto/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
       --only-binary :all: -r /src/requirements.lock \
    && /opt/sotto/bin/pip uninstall --quiet --yes setuptools \
    && find /opt/sotto -type d -name tests -path '*/site-packages/*' -prune -exec rm -r {} + \
    && find /opt/sotto -name '_ext.*.so' -path '*/ctranslate2/*' -exec strip --strip-unneeded {} +
COPY tools/image/ /opt/sotto/bin/

# The CUDA libraries that CTranslate2 opens. The driver is the host's.
FROM packages AS cuda-libraries
COPY requirements-gpu.lock /src/
RUN /opt/sotto/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --target /opt/cuda -r /src/requirements-gpu.lock

# Sotto itself, compiled, with the page and the recording of `sotto demo`.
FROM packages AS app
WORKDIR /app
COPY service service
COPY models models
COPY loadtest loadtest
COPY clients/python/sotto_client sotto_client
COPY tests/data tests/data
COPY --from=page /src/service/gateway/page service/gateway/page
RUN python3 -m compileall -q --invalidation-mode unchecked-hash service models loadtest sotto_client

FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin sotto \
    && install --directory --owner sotto --group sotto /data
COPY --from=packages /opt/sotto /opt/sotto
ENV PATH=/opt/sotto/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    SOTTO_DATA_DIR=/data \
    SOTTO_WORKER_METRICS_PORT=9100
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "/opt/sotto/bin/healthcheck.py"]
ENTRYPOINT ["sotto"]
CMD ["serve", "--host", "0.0.0.0"]

FROM runtime AS cuda
COPY --from=cuda-libraries /opt/cuda /opt/cuda
ENV PYTHONPATH=/app:/opt/cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=app /app /app

FROM runtime AS cpu
COPY --from=app /app /app
