// Pipecat's own client on a page: everything it tells is kept in `told`, in order.

import { PipecatClient } from "@pipecat-ai/client-js";
import { SmallWebRTCTransport } from "@pipecat-ai/small-webrtc-transport";
import { listen } from "./ears.mjs";
import { UserMedia } from "./devices.mjs";

const NAMES = [
  "BotReady", "BotConnected", "BotDisconnected", "Connected", "Disconnected", "Error", "MessageError",
  "UserStartedSpeaking", "UserStoppedSpeaking", "UserTranscript", "UserLlmText",
  "BotStartedSpeaking", "BotStoppedSpeaking", "BotOutput", "BotLlmStarted", "BotLlmText",
  "BotLlmStopped", "BotTtsStarted", "BotTtsText", "BotTtsStopped", "Metrics", "ServerMessage",
  "TransportStateChanged",
];

globalThis.told = [];

globalThis.makeClient = ({ enableCam }) => {
  const devices = new UserMedia();
  const transport = new SmallWebRTCTransport({ mediaManager: devices, iceServers: [] });
  const callbacks = {};
  for (const name of NAMES) {
    callbacks[`on${name}`] = (data) => {
      const plain = data === undefined ? null : JSON.parse(JSON.stringify(data));
      told.push([name, plain, performance.now()]);
    };
  }
  callbacks.onTrackStarted = (track, who) => {
    if (track.kind === "audio" && !who?.local) listen(new MediaStream([track]));
  };
  const client = new PipecatClient({ transport, enableMic: true, enableCam, callbacks });
  devices.replace = async (kind, track) => {
    const index = kind === "audio" ? 0 : 1;
    await transport.pc?.getTransceivers()[index]?.sender.replaceTrack(track);
  };
  Object.assign(globalThis, { client, transport });
};
