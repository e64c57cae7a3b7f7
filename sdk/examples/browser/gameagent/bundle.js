/**
 * The bundle: one .onnx file, its policy step in the graph and its manifest in the metadata.
 *
 * Only the outermost layer of the file is read here, every length checked, so that a damaged or foreign file never
 * reaches onnxruntime-web. The layout: https://protobuf.dev/programming-guides/encoding and onnx.proto.
 */

import { BundleError, ManifestError } from "./errors.js";

const GRAPH = 7; // ModelProto.graph
const METADATA_PROPS = 14; // ModelProto.metadata_props, repeated StringStringEntryProto
const KEY = 1; // of StringStringEntryProto
const VALUE = 2;
const VARINT = 0; // wire types; groups (3, 4) are obsolete and in no ONNX file
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const MANIFEST_KEY = "gameagent.manifest";
const SCHEMA_VERSION = 2;

/**
 * Reads and checks a bundle.
 *
 * @param {string | URL | Uint8Array | ArrayBuffer} source where the file is, or its bytes.
 * @returns {Promise<{data: Uint8Array, manifest: object, bundleHash: string}>} bundleHash: sha256 of the file, in hex.
 * @throws {BundleError} no such file, not an ONNX file, cut short, or changed after export.
 * @throws {ManifestError} it is ONNX but has no manifest, or one that cannot be used.
 */
export async function readBundle(source) {
  const data = await readBytes(source);
  const parts = [...walk(data)];
  const graphs = parts.filter(({ number, wireType }) => number === GRAPH && wireType === BYTES);
  if (graphs.length !== 1) {
    throw new BundleError(`it is not an ONNX file (it holds ${graphs.length} graphs, where one is expected)`);
  }
  const manifest = readManifest(parts);
  if (manifest.graph_sha256 !== (await sha256(graphs[0].payload))) {
    throw new BundleError("the graph was changed after export, its hash differs: export again");
  }
  return { data, manifest, bundleHash: await sha256(data) };
}

async function readBytes(source) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const refusal = (reason) => new BundleError(`${source} cannot be fetched (${reason}): give the address of a bundle`);
  let response;
  try {
    response = await fetch(source);
  } catch (error) {
    throw refusal(error.message);
  }
  if (!response.ok) throw refusal(`status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The fields of one protobuf message in the file's order, without going into them: {number, wireType, payload}. */
function* walk(message) {
  let position = 0;
  while (position < message.length) {
    const [tag, afterTag] = readVarint(message, position);
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    let [start, end] = [afterTag, NaN];
    if (wireType === VARINT) [, end] = readVarint(message, start);
    else if (wireType === FIXED64) end = start + 8;
    else if (wireType === FIXED32) end = start + 4;
    else if (wireType === BYTES) {
      const [length, afterLength] = readVarint(message, start);
      [start, end] = [afterLength, afterLength + length];
    }
    if (number === 0 || !(end <= message.length)) {
      throw new BundleError(`it is cut short or not an ONNX file (the field at byte ${position} is impossible)`);
    }
    yield { number, wireType, payload: message.subarray(start, end) };
    position = end;
  }
}

/** The number at a position, and where it ends. At most ten bytes; a length that a double cannot hold is impossible anyway. */
function readVarint(message, position) {
  let value = 0;
  for (let i = 0; i < 10 && position + i < message.length; i++) {
    value += (message[position + i] & 0x7f) * 2 ** (7 * i);
    if (message[position + i] < 0x80) return [value, position + i + 1];
  }
  throw new BundleError(`it is cut short or not an ONNX file (no number ends after byte ${position})`);
}

function readManifest(parts) {
  const texts = parts
    .filter(({ number, wireType }) => number === METADATA_PROPS && wireType === BYTES)
    .map(({ payload }) => readEntry(payload))
    .filter(([key]) => key === MANIFEST_KEY)
    .map(([, value]) => value);
  if (texts.length !== 1) {
    throw new ManifestError(
      `its metadata holds ${texts.length} entries ${MANIFEST_KEY}, where one is expected: ` +
        "an ordinary ONNX model is not a bundle, export one with gameagent",
    );
  }
  let manifest;
  try {
    manifest = JSON.parse(texts[0]);
  } catch (error) {
    throw new ManifestError(`its manifest is not JSON (${error.message}): export the bundle again`);
  }
  checkManifest(manifest);
  return manifest;
}

function readEntry(payload) {
  const entry = { [KEY]: "", [VALUE]: "" };
  for (const part of walk(payload)) {
    if (part.wireType === BYTES) entry[part.number] = new TextDecoder().decode(part.payload);
  }
  return [entry[KEY], entry[VALUE]];
}

/** Checks the fields that a page works with; Python's gameagent_sdk.manifest, which wrote them, knows them all. */
function checkManifest(manifest) {
  if (manifest?.schema_version !== SCHEMA_VERSION) {
    throw new ManifestError(
      `its manifest has schema_version ${manifest?.schema_version}, this page reads ${SCHEMA_VERSION}: ` +
        "take gameagent.js and the bundle from the same release",
    );
  }
  const isSize = (size) => Number.isInteger(size) && size >= 1;
  const checks = {
    observation: (features) => features.length >= 1 && features.every(({ size }) => isSize(size)),
    action: ({ names, mask, kind }) => names.length >= 1 && typeof mask === "boolean" && kind === "discrete",
    hidden_state: (tensors) =>
      tensors.every(
        ({ name, shape, initial = 0, lifetime = "trial" }) =>
          typeof name === "string" && shape.every(isSize) && Number.isFinite(initial) && lifetime === "trial",
      ),
    beliefs: (slots) => slots.every(({ kind }) => ["categorical", "scalar"].includes(kind)),
    temperature: (value) => Number.isFinite(value) && value >= 0,
  };
  for (const [name, holds] of Object.entries(checks)) {
    let right = false;
    try {
      right = holds(manifest[name]);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // of a field that is missing or of another type
    }
    if (!right) throw new ManifestError(`its manifest has a wrong ${name}: export the bundle again`);
  }
}

/** In hex. */
async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) {
    throw new BundleError("a bundle can be checked on https:// and localhost alone: serve the page from there");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
