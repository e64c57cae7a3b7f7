/**
 * A gameagent bundle in a web page. Copy this folder into your game; onnxruntime-web is all that it needs.
 *
 *     const agent = await Agent.load("bandit.onnx");
 *     agent.beginTrial();                                // a new opponent, or new rules
 *     const action = await agent.act(observation);       // every decision
 *     agent.observe(reward, terminated, truncated);      // the outcome; memory is kept when an episode ends
 *     agent.save("player-one");                          // and after a reload: agent.restore("player-one")
 *
 * It does what Python's gameagent_sdk.Agent does, call by call. A call that throws leaves the agent as it was.
 */

import { readBundle } from "./bundle.js";
import {
  RandomNumbers, actionProbabilities, beliefSize, checkedLegalActions, checkedObservation, decodeBeliefs, product,
  sampleAction,
} from "./decisions.js";
import { runStep, startSession } from "./engine.js";
import { CallOrderError, InputError, MindError } from "./errors.js";

export { RandomNumbers } from "./decisions.js";
export * from "./errors.js";

const FORMAT_VERSION = 1; // of a saved mind

/** One agent in a game. */
export class Agent {
  #session;
  #random;
  #mind = null; // what begins and ends with a trial, see #blank

  /**
   * Reads and checks a bundle and starts onnxruntime-web: do it on the loading screen.
   *
   * @param {string | URL | Uint8Array | ArrayBuffer} source where the .onnx file is, or its bytes.
   * @param {{seed?: number | bigint, temperature?: number, random?: () => number}} options
   *   seed: of the agent's own random numbers; left out, fresh ones every time.
   *   temperature: left out, the bundle's recommendation; 0 always takes the likeliest action.
   *   random: numbers in [0, 1), one for each decision, instead of the agent's own; their state is not saved.
   * @throws {BundleError} no such file, no bundle, damaged, or changed after export.
   * @throws {InputError} an option is out of range.
   */
  static async load(source, { seed, temperature, random } = {}) {
    if (temperature !== undefined && !(Number.isFinite(temperature) && temperature >= 0)) {
      throw new InputError(`temperature must be a finite number of 0 or above, given ${temperature}`);
    }
    const own = new RandomNumbers(seed);
    const { data, manifest, bundleHash } = await readBundle(source);
    const session = await startSession(data, manifest);
    return new Agent(session, manifest, bundleHash, temperature ?? manifest.temperature, random ?? own);
  }

  /** Use {@link Agent.load}. */
  constructor(session, manifest, bundleHash, temperature, random) {
    this.#session = session;
    this.#random = random;
    this.manifest = manifest;
    this.bundleHash = bundleHash; // sha256 of the file, in hex
    this.temperature = temperature;
    this.numActions = manifest.action.names.length;
  }

  /** Starts afresh: a new opponent or new rules. Clears memory and counters; may be called any time. */
  beginTrial() {
    this.#mind = this.#blank();
  }

  /**
   * Decides.
   *
   * @param {ArrayLike<number>} observation the features of manifest.observation in order, in their units, D numbers.
   * @param {ArrayLike<boolean>} [legalActions] one flag for each action; if and only if manifest.action.mask.
   * @returns {Promise<number>} an index into manifest.action.names.
   * @throws {InputError} a wrong length or value.
   * @throws {CallOrderError} before beginTrial, twice without observe, or the trial ended while it was deciding.
   */
  async act(observation, legalActions) {
    this.#expect("act");
    const mind = this.#mind;
    const features = checkedObservation(observation, this.manifest);
    const legal = checkedLegalActions(legalActions, this.manifest);
    const inputs = {
      observation: features,
      legal_actions: legal,
      previous_action: mind.previousAction,
      previous_reward: [mind.previousReward],
      episode_start: [mind.episodeStart],
      ...mind.hiddenState,
    };
    mind.due = "answer";
    try {
      const outputs = await runStep(this.#session, inputs, this.manifest);
      if (this.#mind !== mind) throw new CallOrderError("the trial was ended while act() was deciding: act again");
      return this.#decide(mind, outputs, legal);
    } catch (error) {
      mind.due = "act";
      throw error;
    }
  }

  #decide(mind, outputs, legal) {
    const probabilities = actionProbabilities(outputs.logits, legal, this.temperature);
    const uniform = this.#random instanceof RandomNumbers ? this.#random.next() : this.#random();
    mind.lastAction = sampleAction(probabilities, uniform);
    for (const { name } of this.manifest.hidden_state) mind.hiddenState[name] = outputs[`next_${name}`];
    mind.probabilities = probabilities;
    mind.logits = outputs.logits;
    mind.beliefs = outputs.beliefs ?? [];
    mind.numDecisions += 1;
    mind.due = "observe";
    return mind.lastAction;
  }

  /**
   * Reports the outcome of the last action. Memory is kept when the episode ends.
   *
   * @param {number} reward on the scale used in training.
   * @param {boolean} terminated whether the episode ended by the game's rules.
   * @param {boolean} truncated whether it was cut off, by a time limit say.
   * @param {{action?: number}} options action: what was really done, if it was not what act chose.
   * @throws {InputError} the reward is not a finite number, a flag is not true or false, or there is no such action.
   * @throws {CallOrderError} there was no act to observe the outcome of.
   */
  observe(reward, terminated = false, truncated = false, { action } = {}) {
    this.#expect("observe");
    const mind = this.#mind;
    const done = action ?? mind.lastAction;
    if (typeof reward !== "number" || !Number.isFinite(Math.fround(reward))) {
      throw new InputError(`reward must be a finite number, given ${reward}`);
    }
    for (const [name, flag] of Object.entries({ terminated, truncated })) {
      if (typeof flag !== "boolean") throw new InputError(`${name} must be true or false, given ${flag}`);
    }
    if (!Number.isInteger(done) || done < 0 || done >= this.numActions) {
      throw new InputError(`action must be a whole number from 0 to ${this.numActions - 1}, given ${done}`);
    }
    mind.previousAction = mind.previousAction.map((_, index) => Number(index === done));
    mind.previousReward = Math.fround(reward);
    mind.episodeStart = Number(terminated || truncated);
    mind.step += 1;
    mind.episodeReturn += reward;
    if (terminated || truncated) {
      mind.returns.push(mind.episodeReturn);
      Object.assign(mind, { step: 0, episodeReturn: 0 });
    }
    mind.due = "act";
  }

  /**
   * What the agent thinks the hidden rules are, as of its last decision: by rule a belief, or an array of them.
   * A belief has kind, unit, probabilities (by label), mean, std, best and confidence, as in Python.
   *
   * @throws {CallOrderError} no decision was made in this trial.
   */
  beliefs() {
    if (!this.manifest.beliefs.length) return {};
    return decodeBeliefs(this.manifest.beliefs, this.#decided("beliefs"));
  }

  /** The belief output of the last decision as the policy gave it, E numbers. */
  get rawBeliefs() {
    return [...this.#decided("beliefs")];
  }

  /** The logits of the last decision, A numbers; those of illegal actions are meaningless. */
  get logits() {
    return [...this.#decided("logits")];
  }

  /** The chances that the last action was drawn by, A numbers. */
  get probabilities() {
    return [...this.#decided("probabilities")];
  }

  /** Index in the trial, from 0, of the current episode; after an episode's end, of the next one. */
  get episode() {
    return this.returns.length;
  }

  /** The return (sum of rewards) of each episode of this trial that has ended. */
  get returns() {
    return [...(this.#mind?.returns ?? [])];
  }

  /** All that the agent gathered in this trial, as a plain object for JSON. */
  snapshot() {
    if (!this.#mind) throw new CallOrderError("there is no trial to save: call beginTrial() first");
    if (this.#mind.due === "answer") throw new CallOrderError("act() is deciding: await it before you save");
    const random = this.#random instanceof RandomNumbers ? String(this.#random.state) : null;
    return structuredClone({ ...this.#mind, random, formatVersion: FORMAT_VERSION, bundleHash: this.bundleHash });
  }

  /**
   * Goes on exactly where {@link Agent#snapshot} left off.
   *
   * @throws {MindError} damaged, or taken with another bundle. The current trial is kept.
   */
  resume(snapshot) {
    if (snapshot?.formatVersion !== FORMAT_VERSION) throw new MindError("it is not a saved mind: begin a new trial");
    if (snapshot.bundleHash !== this.bundleHash) {
      throw new MindError("the mind was saved with another bundle: restore it with that one, or begin a new trial");
    }
    const { formatVersion, bundleHash, random, ...mind } = structuredClone(snapshot);
    if (!isLike(mind, this.#blank()) || !isPossible(mind, this.numActions, random)) {
      throw new MindError("the mind is damaged or forged: begin a new trial");
    }
    this.#mind = mind;
    if (random !== null && this.#random instanceof RandomNumbers) this.#random.state = BigInt(random);
  }

  /** Saves the mind as JSON under a key of a storage. Throws {@link MindError}: the storage is full, say. */
  save(key, storage = localStorage) {
    const text = JSON.stringify(this.snapshot());
    try {
      storage.setItem(key, text);
    } catch (error) {
      throw new MindError(`the mind cannot be saved (${error.message})`);
    }
  }

  /** Goes on exactly where {@link Agent#save} left off. Throws {@link MindError}: nothing there, damaged, foreign. */
  restore(key, storage = localStorage) {
    const text = storage.getItem(key);
    if (text === null) throw new MindError(`nothing is saved under ${key}: begin a new trial`);
    let snapshot;
    try {
      snapshot = JSON.parse(text);
    } catch (error) {
      throw new MindError(`what is saved under ${key} is damaged (${error.message}): begin a new trial`);
    }
    this.resume(snapshot);
  }

  /** What a trial begins with, hidden state and the inputs of the first step included. */
  #blank() {
    const { hidden_state: tensors, beliefs } = this.manifest;
    const zeros = (length) => new Array(length).fill(0);
    const start = ({ name, shape, initial = 0 }) => [name, new Array(product(shape)).fill(initial)];
    return {
      hiddenState: Object.fromEntries(tensors.map(start)),
      previousAction: zeros(this.numActions),
      previousReward: 0,
      episodeStart: 1, // at the first step of each episode, else 0
      due: "act", // or "answer", while the policy is running, or "observe"
      lastAction: 0,
      numDecisions: 0,
      step: 0,
      episodeReturn: 0,
      returns: [],
      probabilities: zeros(this.numActions),
      logits: zeros(this.numActions),
      beliefs: zeros(beliefSize(beliefs)),
    };
  }

  #expect(call) {
    const due = this.#mind?.due ?? "beginTrial";
    if (due !== call) throw new CallOrderError(`${call}() was called out of order: ${DUE[due]}`);
  }

  #decided(what) {
    if (!this.#mind?.numDecisions) {
      throw new CallOrderError(`there are no ${what} before a trial's first decision: call act() first`);
    }
    return this.#mind[what];
  }
}

const DUE = {
  beginTrial: "call beginTrial() first, it starts a trial",
  act: "there is no action to observe the outcome of, call act() first",
  answer: "act() is still deciding, await it first",
  observe: "call observe() with the outcome of the last act() first",
};

/** Whether a value has the types and lengths of another, finite numbers throughout; returns may have any length. */
function isLike(value, wanted, key = "") {
  if (typeof value !== typeof wanted || value === null || Array.isArray(value) !== Array.isArray(wanted)) return false;
  if (key === "returns") return value.every(Number.isFinite);
  if (Array.isArray(wanted)) return value.length === wanted.length && value.every(Number.isFinite);
  if (typeof wanted === "number") return Number.isFinite(value);
  if (typeof wanted !== "object") return true;
  const keys = Object.keys(wanted);
  return keys.length === Object.keys(value).length && keys.every((name) => isLike(value[name], wanted[name], name));
}

/** Whether a mind's counters and state of random numbers, null or a text of digits, could have come about. */
function isPossible(mind, numActions, random) {
  const { due, lastAction, step, numDecisions } = mind;
  return (
    ["act", "observe"].includes(due) &&
    [lastAction, step, numDecisions].every(Number.isInteger) &&
    0 <= lastAction && lastAction < numActions && 0 <= step && step <= numDecisions &&
    (random === null || /^[0-9]{1,20}$/.test(random))
  );
}
