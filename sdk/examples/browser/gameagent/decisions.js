/** What a game hands in, checked; from logits to actions; from the belief output to beliefs. As Python does it. */

import { InputError } from "./errors.js";

/** The observation in single precision, D finite numbers. Throws {@link InputError} with the feature's name. */
export function checkedObservation(observation, manifest) {
  const owners = manifest.observation.flatMap(({ name, size }) => new Array(size).fill(name));
  if (typeof observation === "string" || observation?.length !== owners.length) {
    const features = manifest.observation.map(({ name, size }) => `${name} (${size})`).join(", ");
    throw new InputError(
      `observation must be ${owners.length} finite numbers, the features ${features}: given ` +
        (observation?.length === undefined ? String(observation) : `${observation.length}`),
    );
  }
  return owners.map((owner, index) => {
    const number = Math.fround(observation[index]);
    if (!["number", "boolean"].includes(typeof observation[index]) || !Number.isFinite(number)) {
      throw new InputError(`observation[${index}] (${owner}) must be a finite number, given ${observation[index]}`);
    }
    return number;
  });
}

/** A flag for each action, null where the policy takes no mask. Throws {@link InputError}. */
export function checkedLegalActions(legalActions, manifest) {
  const { names, mask } = manifest.action;
  if (!mask) {
    if (legalActions != null) {
      throw new InputError("this bundle's actions have no mask (manifest.action.mask): leave legalActions out");
    }
    return null;
  }
  const flags = Array.from(legalActions ?? []);
  if (flags.length !== names.length || !flags.every((flag) => [true, false, 0, 1].includes(flag))) {
    throw new InputError(
      `legalActions is needed at every decision, one true or false (not an index) for each of ${names.join(", ")}: ` +
        `given ${legalActions == null ? legalActions : `[${flags}]`}`,
    );
  }
  if (!flags.some(Boolean)) {
    throw new InputError("legalActions has no true: at least one action must be legal at every decision");
  }
  return flags.map(Boolean);
}

/** The chance of each action: a softmax of logits / temperature over the legal actions; 0 takes the likeliest. */
export function actionProbabilities(logits, legal, temperature) {
  const scores = Array.from(logits, (logit, action) => (!legal || legal[action] ? logit : -Infinity));
  const best = Math.max(...scores);
  if (temperature === 0) return scores.map((_, action) => Number(action === scores.indexOf(best)));
  const weights = scores.map((score) => Math.exp((score - best) / temperature));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

/** The action that a uniform number in [0, 1) draws; never one of probability 0. */
export function sampleAction(probabilities, uniform) {
  if (!(uniform >= 0 && uniform < 1)) throw new InputError(`random() must give numbers in [0, 1), given ${uniform}`);
  const threshold = uniform * sum(probabilities); // below the total, even as rounded: one of them exceeds it
  let cumulative = 0;
  return probabilities.findIndex((probability) => (cumulative += probability) > threshold);
}

/** Uniform random numbers whose whole state is one 64-bit counter (splitmix64; Steele, Lea and Flood 2014). */
export class RandomNumbers {
  /** @param {number | bigint} [seed] a whole number of 0 or above; left out, another one every time. */
  constructor(seed) {
    if (seed === undefined) seed = crypto.getRandomValues(new BigUint64Array(1))[0];
    if (!(typeof seed === "bigint" || Number.isSafeInteger(seed)) || seed < 0) {
      throw new InputError(`seed must be a whole number of 0 or above, given ${seed}`);
    }
    this.state = BigInt.asUintN(64, BigInt(seed));
  }

  /** The next number in [0, 1). */
  next() {
    const bits = (value) => BigInt.asUintN(64, value);
    this.state = bits(this.state + 0x9e3779b97f4a7c15n);
    let mixed = this.state;
    mixed = bits((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = bits((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return Number((mixed ^ (mixed >> 31n)) >> 11n) / 2 ** 53;
  }
}

/** E, the numbers in the belief output. */
export const beliefSize = (slots) => sum(slots.map(width));

/** By rule, in the manifest's order: a belief, or an array of them for an array rule. */
export function decodeBeliefs(slots, output) {
  const beliefs = {};
  let start = 0;
  for (const slot of slots) {
    const numbers = output.slice(start, (start += width(slot)));
    const belief = slot.kind === "categorical" ? categorical(slot, numbers) : scalar(slot, numbers);
    if (slot.index === null) beliefs[slot.rule] = belief;
    else (beliefs[slot.rule] ??= []).push(belief);
  }
  return beliefs;
}

/** Of the sizes of a tensor's axes: how many numbers it has. */
export const product = (sizes) => sizes.reduce((total, size) => total * size, 1);

const width = (slot) => (slot.kind === "categorical" ? slot.options.length : 2);
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** A mean and a standard deviation, in half widths of the rule's training range. */
function scalar({ kind, unit, center, scale }, [x, spread]) {
  const mean = center + scale * x;
  const std = Math.max(spread, 0);
  const confidence = Math.max(1 - std * Math.sqrt(3), 0); // against a uniform belief over that range
  return { kind, unit, probabilities: {}, mean, std: scale * std, best: mean, confidence };
}

/** The chance of each option; mean and std too where options are numbers. */
function categorical({ kind, unit, options, values }, output) {
  const clipped = output.map((chance) => Math.min(Math.max(chance, 0), 1));
  const total = sum(clipped); // not quite 1 in single precision
  const chances = clipped.map((chance) => (total > 0 ? chance / total : 1 / options.length));
  const best = chances.indexOf(Math.max(...chances));
  let [mean, std] = [null, null];
  if (values.length) {
    mean = sum(values.map((value, option) => chances[option] * value));
    std = Math.sqrt(sum(values.map((value, option) => chances[option] * (value - mean) ** 2)));
  }
  const probabilities = Object.fromEntries(options.map((label, option) => [label, chances[option]]));
  return { kind, unit, probabilities, mean, std, best: options[best], confidence: chances[best] };
}
