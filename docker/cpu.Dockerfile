FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends libsndfile1 && rm -rf /var/lib/apt/lists/*
WORKDIR /studio
COPY requirements.txt .
RUN pip install --no-cache-dir torch==2.13.0 torchvision==0.28.0 torchaudio==2.11.0 \
        --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir -r requirements.txt
COPY . .
RUN useradd --create-home studio && mkdir /work && chown studio /work
USER studio
ENV STUDIO_HOST=0.0.0.0 STUDIO_WORK=/work
VOLUME /work
EXPOSE 7860
STOPSIGNAL SIGTERM
CMD ["python", "app.py"]
