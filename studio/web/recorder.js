// Records the microphone and gives it back as a WAV file.

import { audioContext } from "./live.js";

const LONGEST_MS = 120_000;

export async function record() {
  if (!navigator.mediaDevices) throw new Error("this page needs https, or this machine's own address, to record");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const sound = new Promise((resolve, reject) => {
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      new Blob(parts).arrayBuffer().then((bytes) => audioContext().decodeAudioData(bytes)).then(wav).then(resolve, reject);
    };
  });
  recorder.start();
  const timer = setTimeout(() => recorder.stop(), LONGEST_MS);
  return { sound, stop() {
    clearTimeout(timer);
    recorder.stop();
  } };
}

// First channel of an AudioBuffer as a 16-bit WAV file.
function wav(buffer) {
  const samples = buffer.getChannelData(0);
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, word) => [...word].forEach((letter, i) => bytes.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true);
  bytes.setUint16(22, 1, true);
  bytes.setUint32(24, buffer.sampleRate, true);
  bytes.setUint32(28, 2 * buffer.sampleRate, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => bytes.setInt16(44 + 2 * i, 32767 * Math.max(-1, Math.min(1, sample)), true));
  return new Blob([bytes], { type: "audio/wav" });
}
