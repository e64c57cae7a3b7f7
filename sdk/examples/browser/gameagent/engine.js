/** The one file that knows onnxruntime-web: a policy step of one row, numbers in and numbers out. */

import * as ort from "onnxruntime-web/wasm";
import { beliefSize, product } from "./decisions.js";
import { BundleError } from "./errors.js";

ort.env.wasm.numThreads = 1; // a policy step is too small to share, and threads would need cross-origin isolation

/**
 * Starts onnxruntime-web on a bundle and checks that its graph is what the manifest says.
 *
 * @throws {BundleError} it refuses the graph, or the graph does not match the manifest.
 */
export async function startSession(data, manifest) {
  let session;
  try {
    session = await ort.InferenceSession.create(data, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  } catch (error) {
    throw new BundleError(`onnxruntime-web refuses the graph (${error.message}): export again, or upgrade it`);
  }
  const inputs = Object.keys(inputShapes(manifest));
  const mismatches = [
    ...inputs.filter((name) => !session.inputNames.includes(name)),
    ...session.inputNames.filter((name) => !inputs.includes(name)),
    ...Object.keys(outputSizes(manifest)).filter((name) => !session.outputNames.includes(name)),
  ];
  if (mismatches.length) {
    throw new BundleError(`the graph is not what its manifest says (${mismatches.join(", ")}): export again`);
  }
  return session;
}

/**
 * One policy step.
 *
 * @param {object} numbers by name of input, one row each; legal_actions are flags.
 * @returns {Promise<Object<string, number[]>>} by name of output.
 * @throws {BundleError} onnxruntime-web failed, or the policy gave numbers that are not finite.
 */
export async function runStep(session, numbers, manifest) {
  let tensors;
  try {
    tensors = await session.run(asTensors(numbers, manifest));
  } catch (error) {
    throw new BundleError(`onnxruntime-web failed on the policy step: ${error.message}`);
  }
  const outputs = {};
  for (const [name, size] of Object.entries(outputSizes(manifest))) {
    outputs[name] = Array.from(tensors[name].data);
    const given = outputs[name].length;
    if (given !== size) {
      throw new BundleError(`the policy gave ${given} numbers as ${name} instead of ${size}: export again`);
    }
    if (!outputs[name].every(Number.isFinite)) {
      throw new BundleError(`the policy gave ${name} with NaN or infinite values: was it trained to the end?`);
    }
  }
  return outputs;
}

/** How many numbers each output of the policy step has. */
function outputSizes(manifest) {
  return {
    logits: manifest.action.names.length,
    ...(manifest.beliefs.length && { beliefs: beliefSize(manifest.beliefs) }),
    ...Object.fromEntries(manifest.hidden_state.map(({ name, shape }) => [`next_${name}`, product(shape)])),
  };
}

/** The shape of one row of each input. */
function inputShapes({ observation, action, hidden_state: tensors }) {
  return {
    observation: [observation.reduce((total, { size }) => total + size, 0)],
    ...(action.mask && { legal_actions: [action.names.length] }),
    previous_action: [action.names.length],
    previous_reward: [1],
    episode_start: [1],
    ...Object.fromEntries(tensors.map(({ name, shape }) => [name, shape])),
  };
}

function asTensors(numbers, manifest) {
  const tensors = {};
  for (const [name, shape] of Object.entries(inputShapes(manifest))) {
    tensors[name] =
      name === "legal_actions"
        ? new ort.Tensor("bool", Uint8Array.from(numbers[name]), [1, ...shape])
        : new ort.Tensor("float32", Float32Array.from(numbers[name]), [1, ...shape]);
  }
  return tensors;
}
