FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends libsndfile1 && rm -rf /var/lib/apt/lists/*
WORKDIR /studio
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN useradd --create-home studio && mkdir /work && chown studio /work
USER studio
ENV STUDIO_HOST=0.0.0.0 STUDIO_WORK=/work STUDIO_DEVICES=cuda:0
VOLUME /work
EXPOSE 7860
STOPSIGNAL SIGTERM
CMD ["python", "app.py"]
