// Eyevinn's WHIP client as the sender, a plain RTCPeerConnection as the player of WHEP.

import { WHIPClient } from "@eyevinn/whip-web-client";
import { listen } from "./ears.mjs";

const SDP = { "Content-Type": "application/sdp" };
const FRAGMENT = "application/trickle-ice-sdpfrag";

globalThis.send = async (endpoint, authkey) => {
  const client = new WHIPClient({ endpoint, opts: { authkey, iceServers: [] } });
  globalThis.sender = client;
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  await client.ingest(media);
  return { resource: await client.getResourceUrl(), etag: client.eTag, trickles: client.supportTrickleIce() };
};

globalThis.play = async (endpoint, headers = {}) => {
  const pc = (globalThis.player = new RTCPeerConnection());
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.ontrack = ({ track }) => track.kind === "audio" && listen(new MediaStream([track]));
  await pc.setLocalDescription(await pc.createOffer());
  const body = pc.localDescription.sdp;
  const response = await fetch(endpoint, { method: "POST", headers: { ...SDP, ...headers }, body });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  return new URL(response.headers.get("Location"), endpoint).toString();
};

const line = (text, name) => text.match(new RegExp(`a=${name}:(\\S+)`))[1];

// An ICE restart as RFC 9725 has it: credentials go up, credentials come down.
globalThis.restart = async (pc, resource) => {
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  const offer = pc.localDescription.sdp;
  const [ufrag, pwd] = [line(offer, "ice-ufrag"), line(offer, "ice-pwd")];
  const response = await fetch(resource, {
    method: "PATCH",
    headers: { "Content-Type": FRAGMENT, "If-Match": "*" },
    body: `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\n`,
  });
  const fragment = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${fragment}`);
  const candidates = fragment.split("\r\n").filter((one) => one.startsWith("a=candidate"));
  const sdp = pc.remoteDescription.sdp
    .replace(/a=candidate:.*\r\n|a=end-of-candidates\r\n/g, "")
    .replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${line(fragment, "ice-ufrag")}`)
    .replace(/a=ice-pwd:(\S+)\r\n/g, () => `a=ice-pwd:${line(fragment, "ice-pwd")}\r\n${candidates.join("\r\n")}\r\n`);
  await pc.setRemoteDescription({ type: "answer", sdp });
  return response.headers.get("ETag");
};
