# docker build -t ser-batch . && docker run --rm --init -v "$PWD:/data" --user "$(id -u):$(id -g)" ser-batch annotate samples
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
# annotates; to train as well: docker build --build-arg EXTRAS=av,parquet,train
ARG EXTRAS=av,parquet
# the models are in the wheel; every library that decodes audio is in its dependencies
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir "$(ls /wheels/*.whl)[$EXTRAS]" \
    && useradd --create-home --uid 1000 annotator
USER 1000
WORKDIR /data
ENTRYPOINT ["ser-batch"]
CMD ["--help"]
