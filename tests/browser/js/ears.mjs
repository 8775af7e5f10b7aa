// How loud a stream is, every 20 ms, in `heard`: pairs of the page's clock and the mean square root.

globalThis.heard = [];
let timer;

export const listen = (stream) => {
  clearInterval(timer);
  const speaker = new Audio();
  speaker.muted = true; // remote audio reaches Web Audio only if an element plays it
  speaker.srcObject = stream;
  void speaker.play();
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const x of samples) sum += x * x;
    heard.push([performance.now(), Math.sqrt(sum / samples.length)]);
    if (heard.length > 30000) heard.shift();
  }, 20);
};

globalThis.loudMs = () => heard.filter(([, rms]) => rms > 1e-3).length * 20;
